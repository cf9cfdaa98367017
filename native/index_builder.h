// Decides which batches get index entries: the same on append, on recovery and for compacted segments.
#pragma once

#include <cstdint>

#include "segment.h"

namespace odradek {

// As Kafka does: an offset entry before a batch when more than `interval` bytes have gone by since the last one,
// and with it a time entry when the largest timestamp so far has risen. One thread at a time.
class IndexBuilder {
 public:
  IndexBuilder(int64_t base_offset, int64_t interval, const IndexState& existing, MaxTimestamp max,
               uint64_t since_entry)
      : base_offset_(base_offset), interval_(interval), max_(max), since_entry_(since_entry) {
    if (existing.time_entries > 0) last_time_ = existing.last_time.timestamp;
  }

  // The batch at `position`; its entries go to `added`.
  void add(int64_t last_offset, int64_t max_timestamp, uint64_t position, uint64_t size, SegmentIndexes* added) {
    if (max_timestamp > max_.timestamp) max_ = {max_timestamp, last_offset};
    if (since_entry_ > static_cast<uint64_t>(interval_)) {
      added->offsets.push_back({relative(last_offset), static_cast<uint32_t>(position)});
      if (max_.timestamp > last_time_) {
        added->times.push_back({max_.timestamp, relative(max_.offset)});
        last_time_ = max_.timestamp;
      }
      since_entry_ = 0;
    }
    since_entry_ += size;
  }

  // The last entry that a sealed segment's time index has: how far it reaches.
  void finish(SegmentIndexes* added) {
    if (max_.timestamp <= last_time_) return;
    added->times.push_back({max_.timestamp, relative(max_.offset)});
    last_time_ = max_.timestamp;
  }

  const MaxTimestamp& max_timestamp() const { return max_; }
  uint64_t bytes_since_entry() const { return since_entry_; }

 private:
  int32_t relative(int64_t offset) const { return static_cast<int32_t>(offset - base_offset_); }

  const int64_t base_offset_;
  const int64_t interval_;
  int64_t last_time_ = kNoTimestamp;
  MaxTimestamp max_;
  uint64_t since_entry_;
};

}  // namespace odradek
