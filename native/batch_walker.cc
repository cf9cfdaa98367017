#include "batch_walker.h"

#include <algorithm>

namespace odradek {

BatchWalker::Step BatchWalker::next() {
  position_ = next_;
  if (position_ == end_) return Step::kEnd;
  if (position_ > end_ || end_ - position_ < kBatchHeaderSize) return Step::kTorn;
  if (position_ < buffer_position_ || position_ + kBatchHeaderSize > buffer_position_ + buffer_size_) {
    Step step;
    if (!fill(&step)) return step;
  }
  header_bytes_ = buffer_ + (position_ - buffer_position_);
  if (!peek_header(header_bytes_, kBatchHeaderSize, &header_).ok()) return Step::kTorn;
  if (header_.size() > end_ - position_) return Step::kTorn;
  is_below_ = header_.base_offset < least_offset_;
  if (is_below_) return Step::kTorn;
  least_offset_ = header_.last_offset() + 1;
  large_ = header_.size() > kChunk;
  next_ = position_ + header_.size();
  return Step::kBatch;
}

bool BatchWalker::fill(Step* step) {
  const size_t wanted =
      static_cast<size_t>(std::min<uint64_t>(large_ ? kBatchHeaderSize : sizeof(buffer_), end_ - position_));
  buffer_position_ = position_;
  if (may_wait_) {
    status_ = file_.pread(buffer_, wanted, position_, &buffer_size_);
    if (!status_.ok()) {
      *step = Step::kFailed;
      return false;
    }
  } else {
    buffer_size_ = file_.pread_cached(buffer_, wanted, position_);
  }
  if (buffer_size_ >= kBatchHeaderSize) return true;
  *step = may_wait_ ? Step::kTorn : Step::kWouldWait;
  return false;
}

}  // namespace odradek
