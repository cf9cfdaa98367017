// The only way to the file system. Tests put a recording or fault-injecting FileSystem in the place of the real one.
// Every call may be made from any thread; those that may wait on a disk say so.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "status.h"

namespace odradek {

// An open file; closed with the object.
class File {
 public:
  virtual ~File() = default;

  // Writes all of it. After a failure an unknown part of it may be in the file.
  virtual Status pwrite(const void* data, size_t size, uint64_t position) = 0;
  virtual Status pwritev(const iovec* parts, size_t count, uint64_t position) = 0;
  // Reads up to `size` bytes; fewer only at the end of the file. May wait on the disk.
  virtual Status pread(void* data, size_t size, uint64_t position, size_t* read) = 0;
  // Reads what the page cache has, without waiting: bytes read, 0 when nothing can be had at once (or at the end).
  virtual size_t pread_cached(void* data, size_t size, uint64_t position) = 0;
  // On disk when it returns OK. After a failure the kernel has dropped the pages: never retry over it.
  virtual Status datasync() = 0;
  // Flushes the whole file system that holds the file. OK says that nothing failed that no file's descriptor was told
  // of: each file asks write_error() for its own.
  virtual Status sync_file_system() = 0;
  // Whether that is so on this file system.
  virtual bool sync_file_system_is_reliable() = 0;
  // An error of writing the file's pages to the disk that this descriptor was not told of yet.
  virtual Status write_error() = 0;
  virtual Status truncate(uint64_t size) = 0;
  virtual Status size(uint64_t* size) = 0;
  // Takes a write lock on the whole file by F_OFD_SETLK; LOCKED when another description holds one.
  virtual Status lock() = 0;
  // Identifies the file system that holds the file.
  virtual uint64_t device() const = 0;
  // For sendfile, readahead and the like; owned by the File.
  virtual int descriptor() const = 0;

  // Where the last read ended that had to wait for the disk: tells who reads on from who reads here and there. A guess
  // that many threads share.
  std::atomic<uint64_t> last_cold_end = 0;
};

struct FileInfo {
  uint64_t size = 0;
  int64_t modified_ms = 0;
  bool is_folder = false;
  // Another one under the same name has another.
  uint64_t id = 0;
};

struct FolderEntry {
  std::string name;
  bool is_folder = false;
};

enum class OpenMode {
  kRead,
  kReadWrite,
  kCreate,          // read and write, created if absent
  kCreateTruncate,  // read and write, emptied
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Status open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) = 0;
  virtual Status info(const std::string& path, FileInfo* info) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status unlink(const std::string& path) = 0;
  // OK when the folder is already there.
  virtual Status make_folder(const std::string& path) = 0;
  virtual Status remove_folder(const std::string& path) = 0;
  virtual Status list(const std::string& path, std::vector<FolderEntry>* entries) = 0;
  // Makes creations, renames and removals in the folder durable.
  virtual Status sync_folder(const std::string& path) = 0;
};

// The file system that the engine uses from now on; the real one at first. Files stay with the one that opened them.
FileSystem& file_system();
// `replacement` must outlive every file that it opened; nullptr brings the real one back.
void set_file_system(FileSystem* replacement);
FileSystem& real_file_system();

// A file over a duplicate of a descriptor that the caller keeps. `path` is for messages.
Status duplicate_file(int descriptor, const std::string& path, std::shared_ptr<File>* file);

// Tests only: take the paths of kernels and file systems that lack RWF_NOWAIT, cachestat, mincore, sendfile and a
// syncfs that reports errors.
void force_portable_files(bool force);
bool portable_files_forced();
// True when the kernel's syncfs reports that the disk refused (Linux 5.17: before, it dropped the error of the
// journal's commit and of the disk's cache), so that it may stand for many fdatasyncs.
bool syncfs_reports_errors();

}  // namespace odradek
