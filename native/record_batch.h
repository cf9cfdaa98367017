// Record batches of magic 2: their header, the checks on what a producer or a leader sent, and the few fields that
// a broker sets in place. Pure functions on bytes, safe on hostile input (nothing outside `len` is ever touched),
// callable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "status.h"

namespace odradek {

// Layout, big-endian:
//
//   0  baseOffset           i64 \  outside the CRC: a broker sets them
//   8  batchLength          i32  | bytes after this field
//  12  partitionLeaderEpoch i32  |
//  16  magic                i8   | always 2
//  17  crc                  u32 /  CRC-32C of all that follows it
//  21  attributes           i16
//  23  lastOffsetDelta      i32
//  27  baseTimestamp        i64    the delete horizon where kAttributeDeleteHorizon is set
//  35  maxTimestamp         i64
//  43  producerId           i64
//  51  producerEpoch        i16
//  53  baseSequence         i32
//  57  recordCount          i32
//  61  records
namespace batch_layout {
inline constexpr size_t kBaseOffset = 0;
inline constexpr size_t kBatchLength = kBaseOffset + 8;
inline constexpr size_t kLeaderEpoch = kBatchLength + 4;
inline constexpr size_t kMagic = kLeaderEpoch + 4;
inline constexpr size_t kCrc = kMagic + 1;
inline constexpr size_t kAttributes = kCrc + 4;
inline constexpr size_t kLastOffsetDelta = kAttributes + 2;
inline constexpr size_t kBaseTimestamp = kLastOffsetDelta + 4;
inline constexpr size_t kMaxTimestamp = kBaseTimestamp + 8;
inline constexpr size_t kProducerId = kMaxTimestamp + 8;
inline constexpr size_t kProducerEpoch = kProducerId + 8;
inline constexpr size_t kBaseSequence = kProducerEpoch + 2;
inline constexpr size_t kRecordCount = kBaseSequence + 4;
inline constexpr size_t kRecords = kRecordCount + 4;

static_assert(kMagic == 16 && kCrc == 17 && kAttributes == 21 && kLastOffsetDelta == 23);
static_assert(kBaseTimestamp == 27 && kMaxTimestamp == 35 && kProducerId == 43 && kProducerEpoch == 51);
static_assert(kBaseSequence == 53 && kRecordCount == 57 && kRecords == 61);
}  // namespace batch_layout

inline constexpr size_t kBatchHeaderSize = batch_layout::kRecords;
// batchLength counts from partitionLeaderEpoch on; a batch takes batchLength + kBatchLengthOverhead bytes.
inline constexpr size_t kBatchLengthOverhead = batch_layout::kLeaderEpoch;
inline constexpr int8_t kMagicV2 = 2;

inline constexpr int16_t kAttributeCompressionMask = 0x07;
inline constexpr int16_t kAttributeLogAppendTime = 0x08;
inline constexpr int16_t kAttributeTransactional = 0x10;
inline constexpr int16_t kAttributeControl = 0x20;
inline constexpr int16_t kAttributeDeleteHorizon = 0x40;

// Compression codes: none, gzip, snappy, lz4, zstd.
inline constexpr int kCompressionNone = 0;
inline constexpr int kCompressionLast = 4;

inline constexpr int64_t kNoTimestamp = -1;
inline constexpr int64_t kNoProducerId = -1;
inline constexpr int32_t kNoSequence = -1;

// A decoded header.
struct BatchHeader {
  int64_t base_offset;
  int32_t batch_length;
  int32_t leader_epoch;
  int8_t magic;
  uint32_t crc;
  int16_t attributes;
  int32_t last_offset_delta;
  int64_t base_timestamp;
  int64_t max_timestamp;
  int64_t producer_id;
  int16_t producer_epoch;
  int32_t base_sequence;
  int32_t record_count;

  // Bytes of the whole batch, header included. REQUIRES: peek_header accepted it.
  size_t size() const { return static_cast<size_t>(batch_length) + kBatchLengthOverhead; }
  int64_t last_offset() const { return base_offset + last_offset_delta; }
  int compression() const { return attributes & kAttributeCompressionMask; }
  bool is_log_append_time() const { return (attributes & kAttributeLogAppendTime) != 0; }
  bool is_transactional() const { return (attributes & kAttributeTransactional) != 0; }
  bool is_control() const { return (attributes & kAttributeControl) != 0; }
  bool has_delete_horizon() const { return (attributes & kAttributeDeleteHorizon) != 0; }
  bool has_producer_id() const { return producer_id > kNoProducerId; }
};

// Decodes the header at `p` without looking at the records. CORRUPT_BATCH when fewer than kBatchHeaderSize bytes
// are left, the magic is not 2, batchLength cannot hold a header, or the offsets run below 0 or up to the largest.
// The batch may be longer than `len`: compare header.size() with it.
Status peek_header(const uint8_t* p, size_t len, BatchHeader* out);

// Who sent the batches, which decides how far they are checked.
enum class BatchOrigin {
  kClient,       // everything; control batches and base offsets other than 0 are refused
  kCoordinator,  // as a client, but control batches are allowed
  kFollower,     // length, magic and CRC: the leader has checked the rest
  kEncoder,      // made in this process: its header is checked, its CRC computed here
};

struct BatchRules {
  BatchOrigin origin = BatchOrigin::kClient;
  // Not asked of followers, as in Kafka: the leader's setting may have been larger.
  size_t max_message_bytes = SIZE_MAX;
  bool require_key = false;
  // LogAppendTime: the timestamps of the records are not checked, since set_append_time replaces them.
  bool log_append_time = false;
  int64_t now_ms = 0;
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = INT64_MAX;
};

struct BatchInfo {
  BatchHeader header;
  // Of the records: computed where they can be walked, else the header's.
  int64_t max_timestamp;
};

// Checks the first batch in [p, p + len). Errors as Kafka's validator tells them apart:
//   CORRUPT_BATCH      length, magic or CRC
//   BATCH_TOO_LARGE    larger than max_message_bytes
//   INVALID_RECORD     whole, but its attributes, counts, deltas or records are not allowed
//   INVALID_TIMESTAMP  a record's timestamp lies outside the bounds
// A compressed batch is checked by its header only: its records are not unpacked. An uncompressed one whose header
// states another maxTimestamp than its records (or LogAppendTime where the log has CreateTime) is corrected in
// place, with a new CRC, as Kafka does; nothing else is written to. On failure nothing is written. A kEncoder's batch
// gets its CRC here, and its records are taken as they are.
Status validate_batch(uint8_t* p, size_t len, const BatchRules& rules, BatchInfo* out);

// True when the stored CRC is that of the bytes. REQUIRES: the batch is whole, `size` is its header's size().
bool crc_matches(const uint8_t* p, size_t size);

// Sets what lies outside the CRC. REQUIRES: a whole header at `p`.
void assign(uint8_t* p, int64_t base_offset, int32_t leader_epoch);

// Turns the batch into a LogAppendTime one: attribute bit, maxTimestamp, CRC. REQUIRES: a validated batch at `p`.
void set_append_time(uint8_t* p, int64_t append_time_ms);

// Writes all of `header` at `p`, but for the CRC. REQUIRES: room for kBatchHeaderSize bytes.
void write_header(uint8_t* p, const BatchHeader& header);

// Computes and stores the CRC of the batch of `size` bytes at `p`.
void seal_crc(uint8_t* p, size_t size);

}  // namespace odradek
