// Batches as a client, a coordinator or a leader sends them: what is let in is whole, what is refused is untouched.
#include "fuzz.h"

namespace odradek::fuzz {

int fuzz_one(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t flags = input.byte();
  BatchRules rules;
  rules.origin = static_cast<BatchOrigin>(flags % 3);
  rules.require_key = (flags & 0x04) != 0;
  rules.log_append_time = (flags & 0x08) != 0;
  if ((flags & 0x10) != 0) rules.max_message_bytes = 200;
  if ((flags & 0x20) != 0) {
    rules.now_ms = 1'000'000;
    rules.timestamp_before_max_ms = 1000;
    rules.timestamp_after_max_ms = 1000;
  }
  std::vector<uint8_t> bytes = input.rest();
  if ((flags & 0x40) != 0) mend_batches(bytes);

  const std::vector<uint8_t> before = bytes;
  BatchHeader sent{};
  const bool had_append_time = peek_header(bytes.data(), bytes.size(), &sent).ok() && sent.is_log_append_time();
  BatchInfo info;
  const Status status = validate_batch(bytes.data(), bytes.size(), rules, &info);
  if (!status.ok()) {
    ODRADEK_FUZZ_REQUIRE(bytes == before);
    ODRADEK_FUZZ_REQUIRE(status.code() == Code::kCorruptBatch || status.code() == Code::kBatchTooLarge ||
                         status.code() == Code::kInvalidRecord || status.code() == Code::kInvalidTimestamp ||
                         status.code() == Code::kUnsupportedFormat);
    return 0;
  }
  ODRADEK_FUZZ_REQUIRE(info.header.size() <= bytes.size());
  ODRADEK_FUZZ_REQUIRE(crc_matches(bytes.data(), info.header.size()));
  if (rules.origin != BatchOrigin::kFollower) {
    ODRADEK_FUZZ_REQUIRE(info.header.size() <= rules.max_message_bytes);
    ODRADEK_FUZZ_REQUIRE(info.header.record_count >= 0);
  }
  // What was let in once is let in again as it is, and a follower takes it. As in Kafka, a client's LogAppendTime
  // counts for its records while they are checked, and is gone then.
  const std::vector<uint8_t> accepted = bytes;
  BatchInfo again;
  if (!had_append_time) {
    ODRADEK_FUZZ_REQUIRE(validate_batch(bytes.data(), bytes.size(), rules, &again).ok());
    ODRADEK_FUZZ_REQUIRE(bytes == accepted);
  }
  assign(bytes.data(), 12345, 7);
  if (rules.log_append_time) set_append_time(bytes.data(), 1'000'000);
  BatchRules follower;
  follower.origin = BatchOrigin::kFollower;
  const Status taken = validate_batch(bytes.data(), bytes.size(), follower, &again);
  ODRADEK_FUZZ_REQUIRE(taken.ok());
  ODRADEK_FUZZ_REQUIRE(again.header.base_offset == 12345 && again.header.leader_epoch == 7);
  return 0;
}

}  // namespace odradek::fuzz
