#include "failed_marker.h"

#include <mutex>
#include <unordered_map>

#include "checked_offset.h"
#include "file.h"
#include "format.h"

namespace odradek {
namespace {

struct Memory {
  std::mutex mutex;
  std::unordered_map<std::string, int64_t> offsets;
};

Memory& memory() {
  static Memory* const instance = new Memory();
  return *instance;
}

std::string marker_path(const std::string& folder) {
  std::string path = folder + "/";
  path += kFailedMarkerName;
  return path;
}

}  // namespace

void leave_failed_marker(const std::string& folder, int64_t offset) {
  {
    std::lock_guard lock(memory().mutex);
    memory().offsets[folder] = offset;
  }
  // Nothing is left to do when the disk refuses this too: memory holds it for as long as the process lives.
  std::shared_ptr<File> file;
  if (!file_system().open(marker_path(folder), OpenMode::kCreateTruncate, &file).ok()) return;
  const std::string text = encode_checked_offset(offset);
  if (!file->pwrite(text.data(), text.size(), 0).ok()) return;
  file->datasync().ignore();
  file_system().sync_folder(folder).ignore();
}

Status find_failed_marker(const std::string& folder, bool* found, int64_t* offset) {
  *found = true;
  {
    std::lock_guard lock(memory().mutex);
    const auto known = memory().offsets.find(folder);
    if (known != memory().offsets.end()) {
      *offset = known->second;
      return Status();
    }
  }
  std::shared_ptr<File> file;
  // Nothing but a missing file says that there is no marker: all else would bring back what the disk has lost.
  if (Status opened = file_system().open(marker_path(folder), OpenMode::kRead, &file); !opened.ok()) {
    *found = false;
    return opened.is_not_found() ? Status() : opened;
  }
  char text[64] = {};
  size_t read = 0;
  ODRADEK_RETURN_IF_ERROR(file->pread(text, sizeof(text), 0, &read));
  // Torn by a power cut, and then the page cache is gone as well and a scan sees what the disk has; or damaged. The
  // worse loss is to cut at a wrong offset.
  if (!decode_checked_offset(std::string(text, read), offset)) *offset = kCutNothing;
  return Status();
}

Status remove_failed_marker(const std::string& folder) {
  Status removed = file_system().unlink(marker_path(folder));
  if (!removed.ok() && !removed.is_not_found()) return removed;
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(folder));
  forget_failed_marker(folder);
  return Status();
}

void forget_failed_marker(const std::string& folder) {
  std::lock_guard lock(memory().mutex);
  memory().offsets.erase(folder);
}

}  // namespace odradek
