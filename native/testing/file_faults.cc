#include "file_faults.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace odradek {
namespace {

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& owner, std::string path, std::shared_ptr<File> file)
      : owner_(owner), path_(std::move(path)), file_(std::move(file)) {}

  Status pwrite(const void* data, size_t size, uint64_t position) override {
    const iovec part{const_cast<void*>(data), size};
    return pwritev(&part, 1, position);
  }

  Status pwritev(const iovec* parts, size_t count, uint64_t position) override {
    const int error = owner_.meet(FileOperation::kWrite, path_);
    if (error == 0) return file_->pwritev(parts, count, position);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) size += parts[i].iov_len;
    size_t half = size / 2;
    for (size_t i = 0; i < count && half > 0; i++) {
      const size_t taken = std::min(half, parts[i].iov_len);
      ODRADEK_RETURN_IF_ERROR(file_->pwrite(parts[i].iov_base, taken, position));
      position += taken;
      half -= taken;
    }
    return Status::from_errno(error, path_);
  }

  Status pread(void* data, size_t size, uint64_t position, size_t* read) override {
    const int error = owner_.meet(FileOperation::kRead, path_);
    return error ? Status::from_errno(error, path_) : file_->pread(data, size, position, read);
  }
  size_t pread_cached(void* data, size_t size, uint64_t position) override {
    return file_->pread_cached(data, size, position);
  }
  Status datasync() override {
    const int error = owner_.meet(FileOperation::kSync, path_);
    return error ? Status::from_errno(error, path_) : file_->datasync();
  }
  // Tells each file's error by write_error() only, as the kernel does to a descriptor that was opened after it.
  Status sync_file_system() override { return file_->sync_file_system(); }
  bool sync_file_system_is_reliable() override { return file_->sync_file_system_is_reliable(); }
  Status write_error() override {
    const int error = owner_.meet(FileOperation::kSync, path_);
    return error ? Status::from_errno(error, path_) : file_->write_error();
  }
  Status truncate(uint64_t size) override {
    const int error = owner_.meet(FileOperation::kTruncate, path_);
    return error ? Status::from_errno(error, path_) : file_->truncate(size);
  }
  Status size(uint64_t* size) override { return file_->size(size); }
  Status lock() override { return file_->lock(); }
  uint64_t device() const override { return file_->device(); }
  int descriptor() const override { return file_->descriptor(); }

 private:
  FaultyFileSystem& owner_;
  const std::string path_;
  const std::shared_ptr<File> file_;
};

}  // namespace

void FaultyFileSystem::set_faults(std::vector<Fault> faults, const void* owner) {
  std::lock_guard lock(mutex_);
  std::erase_if(faults_, [owner](const Fault& fault) { return fault.owner == owner; });
  for (Fault& fault : faults) {
    fault.owner = owner;
    faults_.push_back(std::move(fault));
  }
}

int FaultyFileSystem::meet(FileOperation operation, const std::string& path) {
  uint64_t delay_ms = 0;
  const int error = find(operation, path, &delay_ms);
  if (delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  return error;
}

int FaultyFileSystem::find(FileOperation operation, const std::string& path, uint64_t* delay_ms) {
  std::lock_guard lock(mutex_);
  for (Fault& fault : faults_) {
    if (fault.operation != operation || path.find(fault.path) == std::string::npos || fault.times == 0) continue;
    if (fault.after > 0) {
      fault.after--;
      continue;
    }
    if (fault.times != UINT64_MAX) fault.times--;
    *delay_ms = fault.delay_ms;
    return fault.error;
  }
  return 0;
}

Status FaultyFileSystem::open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) {
  if (const int error = meet(FileOperation::kOpen, path)) return Status::from_errno(error, path);
  std::shared_ptr<File> opened;
  ODRADEK_RETURN_IF_ERROR(base_.open(path, mode, &opened));
  *file = std::make_shared<FaultyFile>(*this, path, std::move(opened));
  return Status();
}

Status FaultyFileSystem::rename(const std::string& from, const std::string& to) {
  if (const int error = meet(FileOperation::kRename, from)) return Status::from_errno(error, from);
  return base_.rename(from, to);
}

Status FaultyFileSystem::unlink(const std::string& path) {
  if (const int error = meet(FileOperation::kUnlink, path)) return Status::from_errno(error, path);
  return base_.unlink(path);
}

Status FaultyFileSystem::sync_folder(const std::string& path) {
  if (const int error = meet(FileOperation::kSyncFolder, path)) return Status::from_errno(error, path);
  return base_.sync_folder(path);
}

}  // namespace odradek
