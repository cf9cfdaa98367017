#include "folder.h"

#include <vector>

#include "file.h"
#include "format.h"

namespace odradek {

std::string parent_folder(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status make_folders(const std::string& path) {
  FileInfo info;
  const std::string parent = parent_folder(path);
  if (file_system().info(path, &info).ok()) {
    if (!info.is_folder) return Status::from_errno(ENOTDIR, path);
    // Whoever made it may have been killed before it was durable. Where the parent is not ours, neither is its name.
    Status synced = file_system().sync_folder(parent);
    return synced.error() == EACCES || synced.error() == EROFS ? Status() : synced;
  }
  if (parent != path) ODRADEK_RETURN_IF_ERROR(make_folders(parent));
  ODRADEK_RETURN_IF_ERROR(file_system().make_folder(path));
  return file_system().sync_folder(parent);
}

Status remove_tree(const std::string& path) {
  std::vector<FolderEntry> entries;
  ODRADEK_RETURN_IF_ERROR(file_system().list(path, &entries));
  for (const FolderEntry& entry : entries) {
    const std::string inner = path + "/" + entry.name;
    Status removed = entry.is_folder ? remove_tree(inner) : file_system().unlink(inner);
    if (!removed.ok() && !removed.is_not_found()) return removed;
  }
  return file_system().remove_folder(path);
}

Status write_synced(const std::string& path, std::string_view bytes) {
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kCreateTruncate, &file));
  ODRADEK_RETURN_IF_ERROR(file->pwrite(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 0));
  return file->datasync();
}

Status write_atomically(const std::string& path, std::string_view bytes) {
  // What a crash leaves of it is overwritten by the next.
  const std::string temporary = path + std::string(kTemporarySuffix);
  Status written = write_synced(temporary, bytes);
  if (written.ok()) written = file_system().rename(temporary, path);
  if (!written.ok()) {
    // The error that matters is the first; the file is overwritten by the next attempt.
    file_system().unlink(temporary).ignore();
    return written;
  }
  return file_system().sync_folder(parent_folder(path));
}

Status read_file(const std::string& path, Bytes* bytes) {
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kRead, &file));
  uint64_t size = 0;
  ODRADEK_RETURN_IF_ERROR(file->size(&size));
  *bytes = Bytes::allocate(size);
  if (!bytes->data) return Status::from_errno(ENOMEM, path);
  return file->pread(bytes->data.get(), size, 0, &bytes->size);
}

}  // namespace odradek
