// Brings a segment's memory and index files in line with what its .log holds. May wait on the disk; any thread, but
// nobody else may use the segment.
#pragma once

#include <cstdint>

#include "segment.h"

namespace odradek {

struct RecoveryRules {
  int64_t index_interval = 4096;
  // Batches that reach this offset have their CRC checked; below it headers are enough.
  int64_t check_from = 0;
  // What lies below is known to be on disk: a batch there that does not check out is CORRUPT_LOG and stays.
  int64_t durable_below = 0;
  // Batches that reach this offset are cut off.
  int64_t cut_at = INT64_MAX;
  // A compaction may have left a gap right below the cut.
  bool gap_at_cut = false;
  // Where the next segment begins: a batch that reaches it is not whole.
  int64_t next_base = INT64_MAX;
  // Have the files on disk even if nothing of them was cut, checked or rewritten. The indexes of a segment that
  // takes appends are synced once it is sealed.
  bool sync = false;
  // An fdatasync failed since the log was last whole: the page cache may show as clean what the disk does not have.
  // What is kept is written again, from what was checked.
  bool rewrite = false;
};

struct RecoveryResult {
  int64_t next_offset = 0;
  uint64_t scanned_bytes = 0;
  uint64_t truncated_bytes = 0;
  bool rebuilt = false;
};

// Checks the segment from the last index entry that can be trusted on, cuts what is no whole batch, fills in the
// segment's state, and rewrites index files that do not agree. Where something was
// cut or checked the .log is fdatasynced.
Status recover_segment(Segment& segment, const RecoveryRules& rules, RecoveryResult* result);

// The cheap look at a sealed segment: sizes, and the last entry of each index. `ok` is false when the index files
// do not check out and the segment has to be recovered.
Status load_sealed(Segment& segment, bool* ok);

// Walks a segment's file under any name and collects its index entries, final time entry included.
Status index_file(const std::string& path, int64_t base_offset, int64_t index_interval, SegmentIndexes* indexes,
                  MaxTimestamp* max_timestamp, uint64_t* size, int64_t* next_offset);

}  // namespace odradek
