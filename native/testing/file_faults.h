// A file system that fails on demand, for tests: full disks, failed fsyncs, half writes. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "file.h"

namespace odradek {

enum class FileOperation { kOpen, kRead, kWrite, kSync, kTruncate, kRename, kUnlink, kSyncFolder };

// The names of the above for the addon, in their order.
inline constexpr const char* kFileOperationNames[] = {"open",     "read",   "write",  "sync",
                                                      "truncate", "rename", "unlink", "syncFolder"};

struct Fault {
  FileOperation operation = FileOperation::kWrite;
  // Part of the path of the file; of the old one in a rename.
  std::string path;
  // Matching calls that still succeed, and how many fail then.
  uint64_t after = 0;
  uint64_t times = UINT64_MAX;
  // 0: nothing fails.
  int error = 0;
  // How long the calls take beside: a slow disk.
  uint64_t delay_ms = 0;
  // Who asked for it.
  const void* owner = nullptr;
};

// A failing write leaves the first half of its bytes in the file.
class FaultyFileSystem : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem& base) : base_(base) {}

  // In place of the owner's last ones: tests that run side by side leave each other's alone.
  void set_faults(std::vector<Fault> faults, const void* owner = nullptr);
  // The error of the fault that this call meets, 0 without one; waits for as long as it says.
  int meet(FileOperation operation, const std::string& path);

  Status open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) override;
  Status info(const std::string& path, FileInfo* info) override { return base_.info(path, info); }
  Status rename(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status make_folder(const std::string& path) override { return base_.make_folder(path); }
  Status remove_folder(const std::string& path) override { return base_.remove_folder(path); }
  Status list(const std::string& path, std::vector<FolderEntry>* entries) override { return base_.list(path, entries); }
  Status sync_folder(const std::string& path) override;

 private:
  int find(FileOperation operation, const std::string& path, uint64_t* delay_ms);

  FileSystem& base_;
  std::mutex mutex_;
  std::vector<Fault> faults_;
};

}  // namespace odradek
