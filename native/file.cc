#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>

namespace odradek {
namespace {

std::atomic<bool> portable{false};

// Linux takes at most this much in one call.
constexpr size_t kMaxTransfer = 0x7ffff000;

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path, uint64_t device)
      : descriptor_(descriptor), path_(std::move(path)), device_(device) {}
  ~PosixFile() override { ::close(descriptor_); }

  Status pwrite(const void* data, size_t size, uint64_t position) override {
    const iovec part{const_cast<void*>(data), size};
    return pwritev(&part, 1, position);
  }

  Status pwritev(const iovec* parts, size_t count, uint64_t position) override {
    size_t first = 0;   // the first part that is not written whole,
    size_t offset = 0;  // and how much of it is
    while (first < count) {
      iovec batch[64];
      const size_t n = std::min(std::size(batch), count - first);
      std::copy_n(parts + first, n, batch);
      batch[0].iov_base = static_cast<char*>(batch[0].iov_base) + offset;
      batch[0].iov_len -= offset;
      const ssize_t written = ::pwritev(descriptor_, batch, static_cast<int>(n), static_cast<off_t>(position));
      if (written < 0) {
        if (errno == EINTR) continue;
        return failed();
      }
      position += static_cast<uint64_t>(written);
      size_t left = static_cast<size_t>(written);
      size_t i = 0;
      while (i < n && left >= batch[i].iov_len) left -= batch[i++].iov_len;
      // A write of nothing would loop for ever; a file system that takes no more is full.
      if (i == 0 && written == 0) return Status::from_errno(ENOSPC, path_);
      offset = i == 0 ? offset + left : left;
      first += i;
    }
    return Status();
  }

  Status pread(void* data, size_t size, uint64_t position, size_t* read) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(descriptor_, static_cast<char*>(data) + done, std::min(size - done, kMaxTransfer),
                                  static_cast<off_t>(position + done));
      if (got < 0) {
        if (errno == EINTR) continue;
        return failed();
      }
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    *read = done;
    return Status();
  }

  size_t pread_cached(void* data, size_t size, uint64_t position) override {
    if (portable.load(std::memory_order_relaxed)) return 0;
    const iovec part{data, size};
    const ssize_t got = ::preadv2(descriptor_, &part, 1, static_cast<off_t>(position), RWF_NOWAIT);
    return got > 0 ? static_cast<size_t>(got) : 0;
  }

  Status datasync() override { return ::fdatasync(descriptor_) == 0 ? Status() : failed(); }
  Status sync_file_system() override { return ::syncfs(descriptor_) == 0 ? Status() : failed(); }
  // Only where the files' pages and the journal are the same file system's: overlayfs passes no errors up, network
  // file systems and FUSE may do nothing.
  bool sync_file_system_is_reliable() override {
    if (!syncfs_reports_errors()) return false;
    struct statfs info;
    if (::fstatfs(descriptor_, &info) != 0) return false;
    const auto type = static_cast<uint32_t>(info.f_type);
    return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC;
  }
  // Waits for pages that are being written, writes none.
  Status write_error() override {
    return ::sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0 ? Status() : failed();
  }

  Status truncate(uint64_t size) override {
    int result;
    do {
      result = ::ftruncate(descriptor_, static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    return result == 0 ? Status() : failed();
  }

  Status size(uint64_t* size) override {
    struct stat info;
    if (::fstat(descriptor_, &info) != 0) return failed();
    *size = static_cast<uint64_t>(info.st_size);
    return Status();
  }

  Status lock() override {
    struct flock request {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    if (::fcntl(descriptor_, F_OFD_SETLK, &request) == 0) return Status();
    if (errno == EAGAIN || errno == EACCES) return Status(Code::kLocked, errno, path_);
    return failed();
  }

  uint64_t device() const override { return device_; }
  int descriptor() const override { return descriptor_; }

 private:
  Status failed() const { return Status::from_errno(errno, path_); }

  const int descriptor_;
  const std::string path_;
  const uint64_t device_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Status open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::kRead:
        flags |= O_RDONLY;
        break;
      case OpenMode::kReadWrite:
        flags |= O_RDWR;
        break;
      case OpenMode::kCreate:
        flags |= O_RDWR | O_CREAT;
        break;
      case OpenMode::kCreateTruncate:
        flags |= O_RDWR | O_CREAT | O_TRUNC;
        break;
    }
    int descriptor;
    do {
      descriptor = ::open(path.c_str(), flags, 0644);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) return Status::from_errno(errno, path);
    struct stat info;
    if (::fstat(descriptor, &info) != 0) {
      const int error = errno;
      ::close(descriptor);
      return Status::from_errno(error, path);
    }
    *file = std::make_shared<PosixFile>(descriptor, path, static_cast<uint64_t>(info.st_dev));
    return Status();
  }

  Status info(const std::string& path, FileInfo* out) override {
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return Status::from_errno(errno, path);
    out->size = static_cast<uint64_t>(info.st_size);
    out->modified_ms = static_cast<int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
    out->is_folder = S_ISDIR(info.st_mode);
    out->id = info.st_ino;
    return Status();
  }

  Status rename(const std::string& from, const std::string& to) override {
    return result(::rename(from.c_str(), to.c_str()), from);
  }
  Status unlink(const std::string& path) override { return result(::unlink(path.c_str()), path); }
  Status make_folder(const std::string& path) override {
    const int made = ::mkdir(path.c_str(), 0755);
    return made != 0 && errno == EEXIST ? Status() : result(made, path);
  }
  Status remove_folder(const std::string& path) override { return result(::rmdir(path.c_str()), path); }

  Status list(const std::string& path, std::vector<FolderEntry>* entries) override {
    DIR* folder = ::opendir(path.c_str());
    if (!folder) return Status::from_errno(errno, path);
    entries->clear();
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder);
      if (!entry) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      bool is_folder = entry->d_type == DT_DIR;
      FileInfo found;
      if (entry->d_type == DT_UNKNOWN && info(path + "/" + name, &found).ok()) is_folder = found.is_folder;
      entries->push_back({name, is_folder});
    }
    const int error = errno;
    ::closedir(folder);
    return error == 0 ? Status() : Status::from_errno(error, path);
  }

  Status sync_folder(const std::string& path) override {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return Status::from_errno(errno, path);
    const int synced = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    return synced == 0 ? Status() : Status::from_errno(error, path);
  }

 private:
  static Status result(int returned, const std::string& path) {
    return returned == 0 ? Status() : Status::from_errno(errno, path);
  }
};

std::atomic<FileSystem*> current{nullptr};

}  // namespace

FileSystem& real_file_system() {
  // Never destroyed: engine threads may use it while the process exits.
  static PosixFileSystem* const instance = new PosixFileSystem();
  return *instance;
}

FileSystem& file_system() {
  FileSystem* replacement = current.load(std::memory_order_acquire);
  return replacement ? *replacement : real_file_system();
}

Status duplicate_file(int descriptor, const std::string& path, std::shared_ptr<File>* file) {
  const int duplicate = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return Status::from_errno(errno, path);
  struct stat info;
  if (::fstat(duplicate, &info) != 0) {
    const int error = errno;
    ::close(duplicate);
    return Status::from_errno(error, path);
  }
  *file = std::make_shared<PosixFile>(duplicate, path, static_cast<uint64_t>(info.st_dev));
  return Status();
}

void set_file_system(FileSystem* replacement) { current.store(replacement, std::memory_order_release); }

void force_portable_files(bool force) { portable.store(force, std::memory_order_relaxed); }

bool portable_files_forced() { return portable.load(std::memory_order_relaxed); }

bool syncfs_reports_errors() {
  static const bool reports = [] {
    utsname name;
    int major = 0;
    int minor = 0;
    if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
    return major > 5 || (major == 5 && minor >= 17);
  }();
  return reports && !portable.load(std::memory_order_relaxed);
}

}  // namespace odradek
