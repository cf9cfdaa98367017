#include "record_batch.h"

#include <algorithm>
#include <limits>

#include "big_endian.h"
#include "crc32c.h"
#include "record_walk.h"

namespace odradek {
namespace {

namespace at = batch_layout;

Status corrupt() { return Status(Code::kCorruptBatch); }
Status invalid_record() { return Status(Code::kInvalidRecord); }
Status invalid_timestamp() { return Status(Code::kInvalidTimestamp); }

// True when the batch's extent can be trusted: its length holds a header and its magic is 2.
bool decode(const uint8_t* p, size_t len, BatchHeader* out) {
  if (len < kBatchHeaderSize) return false;
  out->base_offset = load_be<int64_t>(p + at::kBaseOffset);
  out->batch_length = load_be<int32_t>(p + at::kBatchLength);
  out->leader_epoch = load_be<int32_t>(p + at::kLeaderEpoch);
  out->magic = static_cast<int8_t>(p[at::kMagic]);
  out->crc = load_be<uint32_t>(p + at::kCrc);
  out->attributes = load_be<int16_t>(p + at::kAttributes);
  out->last_offset_delta = load_be<int32_t>(p + at::kLastOffsetDelta);
  out->base_timestamp = load_be<int64_t>(p + at::kBaseTimestamp);
  out->max_timestamp = load_be<int64_t>(p + at::kMaxTimestamp);
  out->producer_id = load_be<int64_t>(p + at::kProducerId);
  out->producer_epoch = load_be<int16_t>(p + at::kProducerEpoch);
  out->base_sequence = load_be<int32_t>(p + at::kBaseSequence);
  out->record_count = load_be<int32_t>(p + at::kRecordCount);
  return out->magic == kMagicV2 && out->batch_length >= static_cast<int32_t>(kBatchHeaderSize - kBatchLengthOverhead);
}

// The offset behind the batch is one as well.
bool offsets_in_range(const BatchHeader& header) {
  return header.base_offset >= 0 && header.last_offset_delta >= 0 &&
         header.base_offset < std::numeric_limits<int64_t>::max() - header.last_offset_delta;
}

int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

// Timestamps that the log accepts; a record without a timestamp always passes.
struct TimestampBounds {
  int64_t earliest = std::numeric_limits<int64_t>::min();
  int64_t latest = std::numeric_limits<int64_t>::max();

  explicit TimestampBounds(const BatchRules& rules) {
    if (rules.log_append_time) return;
    earliest = saturating_add(rules.now_ms, -std::max<int64_t>(rules.timestamp_before_max_ms, 0));
    latest = saturating_add(rules.now_ms, std::max<int64_t>(rules.timestamp_after_max_ms, 0));
  }
  bool accept(int64_t timestamp) const {
    return (timestamp >= earliest && timestamp <= latest) || timestamp == kNoTimestamp;
  }
};

// Walks the records of an uncompressed batch and finds their largest timestamp.
Status walk_records(const uint8_t* p, const BatchHeader& header, const BatchRules& rules, int64_t* max_timestamp) {
  const uint8_t* const end = p + header.size();
  p += kBatchHeaderSize;
  const TimestampBounds bounds(rules);
  int64_t max = kNoTimestamp;
  bool key_missing = false;
  bool timestamp_refused = false;
  for (int32_t i = 0; i < header.record_count; i++) {
    RecordView record;
    if (!read_record(p, end, &record)) return invalid_record();
    if (record.offset_delta != i) return invalid_record();
    // A sum past the largest int64 wraps, as it does for every reader.
    const int64_t timestamp = header.is_log_append_time()
                                  ? header.max_timestamp
                                  : static_cast<int64_t>(static_cast<uint64_t>(header.base_timestamp) +
                                                         static_cast<uint64_t>(record.timestamp_delta));
    if (rules.require_key && record.key_size < 0) {
      key_missing = true;
    } else if (!bounds.accept(timestamp)) {
      timestamp_refused = true;
    }
    max = std::max(max, timestamp);
  }
  if (p != end) return invalid_record();
  if (timestamp_refused) return invalid_timestamp();
  if (key_missing) return invalid_record();
  *max_timestamp = max;
  return Status();
}

}  // namespace

Status peek_header(const uint8_t* p, size_t len, BatchHeader* out) {
  return decode(p, len, out) && offsets_in_range(*out) ? Status() : corrupt();
}

Status validate_batch(uint8_t* p, size_t len, const BatchRules& rules, BatchInfo* out) {
  BatchHeader header;
  if (!decode(p, len, &header)) return corrupt();
  const size_t size = header.size();
  if (rules.origin != BatchOrigin::kFollower && size > rules.max_message_bytes) return Status(Code::kBatchTooLarge);
  if (size > len) return corrupt();
  if (rules.origin == BatchOrigin::kEncoder) {
    if (header.base_offset != 0 || header.record_count <= 0 || header.last_offset_delta != header.record_count - 1) {
      return invalid_record();
    }
    seal_crc(p, size);
    header.crc = load_be<uint32_t>(p + at::kCrc);
    out->header = header;
    out->max_timestamp = header.max_timestamp;
    return Status();
  }
  if (!crc_matches(p, size)) return corrupt();
  if (header.compression() > kCompressionLast) return invalid_record();

  if (rules.origin == BatchOrigin::kFollower) {
    if (!offsets_in_range(header)) return corrupt();
    out->header = header;
    out->max_timestamp = header.max_timestamp;
    return Status();
  }

  if (header.base_offset != 0 || header.record_count <= 0 || header.last_offset_delta != header.record_count - 1) {
    return invalid_record();
  }
  if (rules.origin == BatchOrigin::kClient) {
    if (header.is_control()) return invalid_record();
    if (header.has_producer_id() && header.base_sequence < 0) return invalid_record();
  }

  int64_t max_timestamp = header.max_timestamp;
  if (header.compression() == kCompressionNone) {
    Status walked = walk_records(p, header, rules, &max_timestamp);
    if (!walked.ok()) return walked;
  } else if (!TimestampBounds(rules).accept(max_timestamp)) {
    return invalid_timestamp();
  }

  if (!rules.log_append_time && (header.is_log_append_time() || header.max_timestamp != max_timestamp)) {
    header.attributes = static_cast<int16_t>(header.attributes & ~kAttributeLogAppendTime);
    header.max_timestamp = max_timestamp;
    write_header(p, header);
    seal_crc(p, size);
    header.crc = load_be<uint32_t>(p + at::kCrc);
  }
  out->header = header;
  out->max_timestamp = max_timestamp;
  return Status();
}

bool crc_matches(const uint8_t* p, size_t size) {
  return load_be<uint32_t>(p + at::kCrc) == crc32c(p + at::kAttributes, size - at::kAttributes);
}

void assign(uint8_t* p, int64_t base_offset, int32_t leader_epoch) {
  store_be<int64_t>(p + at::kBaseOffset, base_offset);
  store_be<int32_t>(p + at::kLeaderEpoch, leader_epoch);
}

void set_append_time(uint8_t* p, int64_t append_time_ms) {
  const auto attributes = load_be<int16_t>(p + at::kAttributes);
  store_be<int16_t>(p + at::kAttributes, static_cast<int16_t>(attributes | kAttributeLogAppendTime));
  store_be<int64_t>(p + at::kMaxTimestamp, append_time_ms);
  seal_crc(p, static_cast<size_t>(load_be<int32_t>(p + at::kBatchLength)) + kBatchLengthOverhead);
}

void write_header(uint8_t* p, const BatchHeader& header) {
  store_be<int64_t>(p + at::kBaseOffset, header.base_offset);
  store_be<int32_t>(p + at::kBatchLength, header.batch_length);
  store_be<int32_t>(p + at::kLeaderEpoch, header.leader_epoch);
  p[at::kMagic] = static_cast<uint8_t>(header.magic);
  store_be<int16_t>(p + at::kAttributes, header.attributes);
  store_be<int32_t>(p + at::kLastOffsetDelta, header.last_offset_delta);
  store_be<int64_t>(p + at::kBaseTimestamp, header.base_timestamp);
  store_be<int64_t>(p + at::kMaxTimestamp, header.max_timestamp);
  store_be<int64_t>(p + at::kProducerId, header.producer_id);
  store_be<int16_t>(p + at::kProducerEpoch, header.producer_epoch);
  store_be<int32_t>(p + at::kBaseSequence, header.base_sequence);
  store_be<int32_t>(p + at::kRecordCount, header.record_count);
}

void seal_crc(uint8_t* p, size_t size) {
  store_be<uint32_t>(p + at::kCrc, crc32c(p + at::kAttributes, size - at::kAttributes));
}

}  // namespace odradek
