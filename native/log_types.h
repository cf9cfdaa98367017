// What callers give to a log and what it gives back: plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "completion.h"
#include "record_batch.h"
#include "segment.h"

namespace odradek {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Each field is the setting of that name in LogSettings of lib/native/types.ts.
struct LogSettings {
  int64_t segment_bytes = 1 << 30;
  int64_t segment_ms = kNever;
  int64_t index_interval_bytes = 4096;
  int64_t segment_index_bytes = 10 << 20;
  int64_t max_message_bytes = 1 << 20;
  bool log_append_time = false;
  int64_t timestamp_before_max_ms = kNever;
  int64_t timestamp_after_max_ms = kNever;
  bool require_key = false;
  int64_t flush_messages = kNever;
  int64_t flush_ms = kNever;
};

// Which records readers in other processes may see.
enum class Publish { kNothing, kFlushed, kWritten };

struct OpenOptions {
  int64_t recovery_point = 0;
  bool clean_shutdown = false;
  int64_t log_start_offset = 0;
  Publish publish = Publish::kNothing;
  // Written into the folder of a new log before its first segment. Without a name: nothing is.
  std::string first_file_name = {};
  std::string first_file = {};
};

struct RecoveryReport {
  uint64_t scanned_bytes = 0;
  uint64_t truncated_bytes = 0;
  int rebuilt_indexes = 0;
};

// Whether an append asks for an fdatasync, and whether its completion comes before that or after.
enum class Flush : uint8_t { kNone, kAsked, kAwaited };

// Batches to append. The bytes belong to the caller and must stay until the completion.
struct Append {
  double id = 0;
  uint8_t* bytes = nullptr;
  size_t size = 0;
  int32_t leader_epoch = 0;
  BatchOrigin origin = BatchOrigin::kClient;
  uint64_t refusals_seen = 0;
  Flush flush = Flush::kNone;
};

struct ReadRequest {
  int64_t offset = 0;
  uint64_t max_bytes = 0;
  bool min_one_batch = true;
  int64_t max_offset = 0;
};

struct ReadAnswer {
  bool would_wait = false;
  FileRange range;  // no file where there is nothing to read
  int64_t first_batch_offset = -1;
  // How many bytes of the range's file belong to the log.
  uint64_t segment_size = 0;
  // Upper bound of the segment's offsets, exclusive.
  int64_t segment_end = 0;
};

// Whole batches in memory whose CRCs were checked.
struct CheckedBatches {
  Bytes bytes;
  int64_t next_offset = -1;
  bool compressed = false;
};

struct SegmentSummary {
  int64_t base_offset;
  uint64_t size;
  MaxTimestamp max_timestamp;
  int64_t last_modified_ms;
  bool active;
};

}  // namespace odradek
