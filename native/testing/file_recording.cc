#include "file_recording.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace odradek {
namespace {

template <typename T>
void put(std::string* bytes, T value) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The fields that most entries begin with.
std::string head_of(uint32_t file) {
  std::string head;
  put(&head, file);
  return head;
}

std::string head_of(uint32_t file, uint64_t value) {
  std::string head = head_of(file);
  put(&head, value);
  return head;
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

class RecordedFile final : public File {
 public:
  RecordedFile(FileJournal& journal, uint32_t id, std::shared_ptr<File> file, bool leave_out_syncs)
      : journal_(journal), id_(id), file_(std::move(file)), leave_out_syncs_(leave_out_syncs) {}

  Status pwrite(const void* data, size_t size, uint64_t position) override {
    const iovec part{const_cast<void*>(data), size};
    return pwritev(&part, 1, position);
  }
  Status pwritev(const iovec* parts, size_t count, uint64_t position) override {
    const uint64_t sequence = journal_.append(JournalKind::kWrite, head_of(id_, position), parts, count);
    return finish(sequence, file_->pwritev(parts, count, position));
  }
  Status pread(void* data, size_t size, uint64_t position, size_t* read) override {
    return file_->pread(data, size, position, read);
  }
  size_t pread_cached(void* data, size_t size, uint64_t position) override {
    return file_->pread_cached(data, size, position);
  }
  Status datasync() override {
    if (leave_out_syncs_) return Status();
    const uint64_t sequence = journal_.append(JournalKind::kSync, head_of(id_), {});
    return finish(sequence, file_->datasync());
  }
  Status sync_file_system() override {
    if (leave_out_syncs_) return Status();
    const uint64_t sequence = journal_.append(JournalKind::kSyncFileSystem, {}, {});
    return finish(sequence, file_->sync_file_system());
  }
  Status truncate(uint64_t size) override {
    const uint64_t sequence = journal_.append(JournalKind::kTruncate, head_of(id_, size), {});
    return finish(sequence, file_->truncate(size));
  }
  Status size(uint64_t* size) override { return file_->size(size); }
  bool sync_file_system_is_reliable() override { return file_->sync_file_system_is_reliable(); }
  Status write_error() override { return file_->write_error(); }
  Status lock() override { return file_->lock(); }
  uint64_t device() const override { return file_->device(); }
  int descriptor() const override { return file_->descriptor(); }

 private:
  Status finish(uint64_t sequence, Status status) {
    journal_.returned(sequence, status);
    return status;
  }

  FileJournal& journal_;
  const uint32_t id_;
  const std::shared_ptr<File> file_;
  const bool leave_out_syncs_;
};

}  // namespace

FileJournal::FileJournal(const std::string& path)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) give_up(path.c_str());
}

FileJournal::~FileJournal() { ::close(descriptor_); }

uint64_t FileJournal::append(JournalKind kind, std::string_view head, const iovec* parts, size_t count) {
  std::string bytes(sizeof(uint32_t), '\0');
  put(&bytes, kind);
  bytes.append(head);
  for (size_t i = 0; i < count; i++) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  const uint32_t size = static_cast<uint32_t>(bytes.size() - sizeof(uint32_t));
  bytes.replace(0, sizeof(size), reinterpret_cast<const char*>(&size), sizeof(size));
  std::lock_guard lock(mutex_);
  for (size_t written = 0; written < bytes.size();) {
    const ssize_t n = ::write(descriptor_, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) give_up("journal");
    written += static_cast<size_t>(n);
  }
  return next_++;
}

uint64_t FileJournal::append(JournalKind kind, std::string_view head, std::string_view tail) {
  const iovec part{const_cast<char*>(tail.data()), tail.size()};
  return append(kind, head, &part, 1);
}

void FileJournal::returned(uint64_t sequence, const Status& status) {
  std::string head;
  put(&head, sequence);
  put(&head, static_cast<uint8_t>(status.ok()));
  append(JournalKind::kReturned, head, {});
}

RecordingFileSystem::RecordingFileSystem(FileSystem& base, const std::string& journal, std::string folder,
                                         bool leave_out_syncs)
    : base_(base), journal_(journal), folder_(std::move(folder)), leave_out_syncs_(leave_out_syncs) {}

bool RecordingFileSystem::is_recorded(const std::string& path) const {
  if (path.compare(0, folder_.size(), folder_) != 0) return false;
  return path.size() == folder_.size() || path[folder_.size()] == '/';
}

// REQUIRES: is_recorded(path). The folder itself is "".
std::string_view RecordingFileSystem::relative(const std::string& path) const {
  return std::string_view(path).substr(std::min(path.size(), folder_.size() + 1));
}

Status RecordingFileSystem::open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) {
  if (!is_recorded(path)) return base_.open(path, mode, file);
  const bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateTruncate;
  std::lock_guard lock(names_mutex_);
  FileInfo info;
  const bool is_new = creates && !base_.info(path, &info).ok();
  std::shared_ptr<File> opened;
  ODRADEK_RETURN_IF_ERROR(base_.open(path, mode, &opened));
  const uint32_t id = files_++;
  std::string head = head_of(id);
  put(&head, static_cast<uint8_t>(is_new));
  put(&head, static_cast<uint8_t>(mode == OpenMode::kCreateTruncate && !is_new));
  journal_.append(JournalKind::kOpen, head, relative(path));
  *file = std::make_shared<RecordedFile>(journal_, id, std::move(opened), leave_out_syncs_);
  return Status();
}

Status RecordingFileSystem::rename(const std::string& from, const std::string& to) {
  // One that leaves the folder or comes into it could not be told.
  if (is_recorded(from) != is_recorded(to)) return Status::from_errno(EXDEV, from);
  if (!is_recorded(from)) return base_.rename(from, to);
  std::lock_guard lock(names_mutex_);
  ODRADEK_RETURN_IF_ERROR(base_.rename(from, to));
  std::string head = head_of(static_cast<uint32_t>(relative(from).size()));
  head.append(relative(from));
  journal_.append(JournalKind::kRename, head, relative(to));
  return Status();
}

Status RecordingFileSystem::unlink(const std::string& path) {
  if (!is_recorded(path)) return base_.unlink(path);
  std::lock_guard lock(names_mutex_);
  ODRADEK_RETURN_IF_ERROR(base_.unlink(path));
  journal_.append(JournalKind::kUnlink, {}, relative(path));
  return Status();
}

Status RecordingFileSystem::make_folder(const std::string& path) {
  if (!is_recorded(path)) return base_.make_folder(path);
  std::lock_guard lock(names_mutex_);
  FileInfo info;
  const bool is_new = !base_.info(path, &info).ok();
  ODRADEK_RETURN_IF_ERROR(base_.make_folder(path));
  if (is_new) journal_.append(JournalKind::kMakeFolder, {}, relative(path));
  return Status();
}

Status RecordingFileSystem::remove_folder(const std::string& path) {
  if (!is_recorded(path)) return base_.remove_folder(path);
  std::lock_guard lock(names_mutex_);
  ODRADEK_RETURN_IF_ERROR(base_.remove_folder(path));
  journal_.append(JournalKind::kRemoveFolder, {}, relative(path));
  return Status();
}

Status RecordingFileSystem::sync_folder(const std::string& path) {
  if (!is_recorded(path)) return base_.sync_folder(path);
  const uint64_t sequence = journal_.append(JournalKind::kSyncFolder, {}, relative(path));
  const Status status = base_.sync_folder(path);
  journal_.returned(sequence, status);
  return status;
}

}  // namespace odradek
