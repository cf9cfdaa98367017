// Walks the headers of the batches in a run of a segment file, without their records. A batch's CRC does not cover its
// offset: what shows a wrong one is that offsets rise from batch to batch.
#pragma once

#include <cstdint>

#include "file.h"
#include "record_batch.h"

namespace odradek {

// One thread at a time.
class BatchWalker {
 public:
  enum class Step {
    kBatch,      // position() and header() are those of a batch that lies wholly before `end`
    kEnd,        // `end` was reached, exactly
    kTorn,       // what starts at position() is no whole batch, or one below those before it
    kWouldWait,  // only without `may_wait`: the header is not in the page cache
    kFailed,     // status()
  };

  // No batch begins below `least_offset`.
  BatchWalker(File& file, uint64_t position, uint64_t end, bool may_wait, int64_t least_offset = 0)
      : file_(file),
        next_(position),
        position_(position),
        end_(end),
        may_wait_(may_wait),
        least_offset_(least_offset) {}

  Step next();
  uint64_t position() const { return position_; }
  // Where the batch ends.
  uint64_t next_position() const { return next_; }
  const BatchHeader& header() const { return header_; }
  // The header's bytes, valid until the next step.
  const uint8_t* header_bytes() const { return header_bytes_; }
  const Status& status() const { return status_; }
  // After kTorn: a whole batch, but below those before it.
  bool is_below() const { return is_below_; }

 private:
  // Small batches share one read; large ones are stepped over with a header's read each.
  static constexpr size_t kChunk = 4096 + 512;

  bool fill(Step* step);

  File& file_;
  uint64_t next_;
  uint64_t position_;
  const uint64_t end_;
  const bool may_wait_;
  int64_t least_offset_;
  bool is_below_ = false;
  BatchHeader header_{};
  const uint8_t* header_bytes_ = nullptr;
  Status status_;
  uint64_t buffer_position_ = 0;
  size_t buffer_size_ = 0;
  bool large_ = false;
  uint8_t buffer_[kChunk];
};

}  // namespace odradek
