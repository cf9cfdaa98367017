// One segment of a log: what is known of it in memory, and its files.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "format.h"
#include "handle_cache.h"
#include "index.h"
#include "record_batch.h"

namespace odradek {

struct MaxTimestamp {
  int64_t timestamp = kNoTimestamp;
  // Last offset of the batch that has it.
  int64_t offset = -1;
};

// Plain data. The fields after `folder` are guarded by the log's mutex and changed by the log's queue only, but for the
// largest timestamp of a sealed segment, which whoever relies on it has checked.
struct Segment {
  Segment(std::shared_ptr<const std::string> folder, int64_t base_offset)
      : id(HandleCache::next_id()), base_offset(base_offset), folder(std::move(folder)) {}
  ~Segment() { HandleCache::instance().erase(id); }
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  std::string path(std::string_view suffix) const { return segment_file(*folder, base_offset, suffix); }

  // Key of its handle in the cache. A truncated segment is a new one with a new id.
  const uint64_t id;
  const int64_t base_offset;
  const std::shared_ptr<const std::string> folder;

  uint64_t size = 0;
  MaxTimestamp max_timestamp;
  // Taken from the time index, and not compared with the batch that it names.
  bool max_unchecked = false;
  int64_t last_modified_ms = 0;
  bool sealed = false;

  IndexState indexes;
  // Bytes since the last entry of the offset index.
  uint64_t bytes_since_entry = 0;
  // Largest timestamp of the first batch, from which `segment.ms` counts; else the time of creation does.
  int64_t first_timestamp = kNoTimestamp;
  int64_t created_ms = 0;

  // Appended to since the last fdatasync; `pinned` keeps the descriptor open, since a write error is reported to
  // those that were open when it happened.
  // An active segment's `indexes_dirty` is changed by the log's queue only.
  bool dirty = false;
  bool indexes_dirty = false;
  Pin pinned;

  // Deleted or replaced: an open that does not find the file is no error of the disk.
  std::atomic<bool> gone{false};
};

// Opens the files of a segment, or takes them from the cache. May wait on the disk. Where it is not to be written, the
// handle lacks the file of an index without entries that is not there.
Status acquire_handle(const Segment& segment, bool writable, std::shared_ptr<SegmentHandle>* handle);
// Makes the files of a new segment, empty; whoever relies on them syncs the folder.
Status create_segment(const Segment& segment);
// From the cache or nothing; never waits.
std::shared_ptr<SegmentHandle> cached_handle(const Segment& segment);

// Renames all files of the segment by appending `suffix`; a file that is not there is passed over. The `.log` goes
// last, so that as long as it has its name the segment counts as untouched.
Status rename_segment(const std::string& folder, int64_t base_offset, std::string_view from_suffix,
                      std::string_view to_suffix);
// Removes all files of the segment that end in `suffix`; the `.log` goes first.
Status remove_segment(const std::string& folder, int64_t base_offset, std::string_view suffix);

// Fdatasyncs both index files.
Status sync_indexes(const Segment& segment);

// Writes both index files, with `suffix` to their names, and fdatasyncs them; whoever relies on them syncs the folder.
Status write_indexes(const Segment& segment, const SegmentIndexes& indexes, std::string_view suffix = "");

}  // namespace odradek
