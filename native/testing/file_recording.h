// A file system that writes down, in a journal, everything that changes the disk below one folder, for tests that ask
// what a power cut would have left. Any thread.
//
// The journal is a sequence of entries, in native byte order; the position of an entry in it is its sequence number:
//
//   u32 size of what follows | u8 kind | ...
//   kOpen            u32 file | u8 was created | u8 was emptied | path
//   kWrite           u32 file | u64 position | bytes
//   kTruncate        u32 file | u64 size
//   kSync            u32 file
//   kSyncFileSystem
//   kSyncFolder      path
//   kReturned        u64 sequence number | u8 succeeded
//   kRename          u32 size of the old path | old path | new path
//   kUnlink, kMakeFolder, kRemoveFolder   path
//   kMark            text
//
// Paths are relative to the folder. Writes, truncations and syncs stand in the journal before they begin, and have a
// kReturned once they are over: a sync that succeeded covers those that had returned before it began, and nothing
// else. What changes folders (kOpen too) happens one at a time and is written down when it has succeeded.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "file.h"

namespace odradek {

enum class JournalKind : uint8_t {
  kOpen,
  kWrite,
  kTruncate,
  kSync,
  kSyncFileSystem,
  kSyncFolder,
  kReturned,
  kRename,
  kUnlink,
  kMakeFolder,
  kRemoveFolder,
  kMark,
};

// The names of the above for the addon, in their order.
inline constexpr const char* kJournalKindNames[] = {"open",           "write",      "truncate",     "sync",
                                                    "syncFileSystem", "syncFolder", "returned",     "rename",
                                                    "unlink",         "makeFolder", "removeFolder", "mark"};

// Appends entries to a file that it does not sync. A journal that cannot be written ends the process: what follows
// would be judged by a lie.
class FileJournal {
 public:
  explicit FileJournal(const std::string& path);
  ~FileJournal();

  // The sequence number of the entry. `head` are the fields of fixed size.
  uint64_t append(JournalKind kind, std::string_view head, const iovec* parts, size_t count);
  uint64_t append(JournalKind kind, std::string_view head, std::string_view tail);
  void returned(uint64_t sequence, const Status& status);

 private:
  const int descriptor_;
  std::mutex mutex_;
  uint64_t next_ = 0;
};

class RecordingFileSystem final : public FileSystem {
 public:
  // With `leave_out_syncs`, datasync and sync_file_system do nothing and say that they did.
  RecordingFileSystem(FileSystem& base, const std::string& journal, std::string folder, bool leave_out_syncs);

  void mark(std::string_view text) { journal_.append(JournalKind::kMark, {}, text); }

  Status open(const std::string& path, OpenMode mode, std::shared_ptr<File>* file) override;
  Status info(const std::string& path, FileInfo* info) override { return base_.info(path, info); }
  Status rename(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status make_folder(const std::string& path) override;
  Status remove_folder(const std::string& path) override;
  Status list(const std::string& path, std::vector<FolderEntry>* entries) override { return base_.list(path, entries); }
  Status sync_folder(const std::string& path) override;

 private:
  bool is_recorded(const std::string& path) const;
  std::string_view relative(const std::string& path) const;

  FileSystem& base_;
  FileJournal journal_;
  const std::string folder_;
  const bool leave_out_syncs_;
  // Held while a folder changes: entries stand in the order of what they tell.
  std::mutex names_mutex_;
  std::atomic<uint32_t> files_{0};
};

}  // namespace odradek
