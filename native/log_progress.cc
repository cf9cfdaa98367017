#include "log_progress.h"

#include <cstring>

#include "big_endian.h"
#include "crc32c.h"
#include "format.h"

namespace odradek {
namespace {

//   0 magic u32 | 4 crc u32 of all that follows | 8 boot id, 36 characters | 44 start i64 | 52 end i64 | 60 cuts i64
constexpr uint32_t kMagic = 0x4f445250;
constexpr size_t kCrc = 4;
constexpr size_t kBootId = 8;
constexpr size_t kBootIdSize = 36;
constexpr size_t kStart = kBootId + kBootIdSize;
constexpr size_t kSize = kStart + 3 * sizeof(int64_t);
static_assert(kSize == 68);

// A reader may come between the pages' bytes of a write: then it looks again.
constexpr int kAttempts = 10;

const std::string& boot_id() {
  static const std::string* const id = [] {
    char text[kBootIdSize] = {};
    size_t read = 0;
    std::shared_ptr<File> file;
    if (real_file_system().open("/proc/sys/kernel/random/boot_id", OpenMode::kRead, &file).ok()) {
      file->pread(text, sizeof(text), 0, &read).ignore();
    }
    return new std::string(text, kBootIdSize);
  }();
  return *id;
}

std::string path_in(const std::string& folder) {
  std::string path = folder + "/";
  path += kProgressName;
  return path;
}

bool decode(const uint8_t* bytes, LogProgress* progress) {
  if (load_be<uint32_t>(bytes) != kMagic) return false;
  if (load_be<uint32_t>(bytes + kCrc) != crc32c(bytes + kBootId, kSize - kBootId)) return false;
  if (std::memcmp(bytes + kBootId, boot_id().data(), kBootIdSize) != 0) return false;
  progress->start_offset = load_be<int64_t>(bytes + kStart);
  progress->end_offset = load_be<int64_t>(bytes + kStart + 8);
  progress->cuts = load_be<int64_t>(bytes + kStart + 16);
  return true;
}

}  // namespace

Status LogProgressFile::open(const std::string& folder) {
  LogProgress known;
  if (read_log_progress(folder, &known)) cuts_ = known.cuts;
  return file_system().open(path_in(folder), OpenMode::kCreate, &file_);
}

Status LogProgressFile::write(const LogProgress& progress) {
  cuts_ = progress.cuts;
  uint8_t bytes[kSize];
  store_be<uint32_t>(bytes, kMagic);
  std::memcpy(bytes + kBootId, boot_id().data(), kBootIdSize);
  store_be<int64_t>(bytes + kStart, progress.start_offset);
  store_be<int64_t>(bytes + kStart + 8, progress.end_offset);
  store_be<int64_t>(bytes + kStart + 16, progress.cuts);
  store_be<uint32_t>(bytes + kCrc, crc32c(bytes + kBootId, kSize - kBootId));
  return file_->pwrite(bytes, sizeof(bytes), 0);
}

bool read_log_progress(const std::string& folder, LogProgress* progress) {
  std::shared_ptr<File> file;
  if (!file_system().open(path_in(folder), OpenMode::kRead, &file).ok()) return false;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    uint8_t bytes[kSize];
    size_t read = 0;
    if (!file->pread(bytes, sizeof(bytes), 0, &read).ok() || read < sizeof(bytes)) return false;
    if (decode(bytes, progress)) return true;
  }
  return false;
}

}  // namespace odradek
