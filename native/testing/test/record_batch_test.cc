#include "record_batch.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <random>

#include "batch_builder.h"
#include "big_endian.h"

namespace odradek {
namespace {

using test::encode_records;
using test::header_for;
using test::make_batch;
using test::seal;
using test::TestRecord;

const std::vector<TestRecord> kThree = {{"a", "1", 1000}, {std::nullopt, "2", 1005}, {"c", std::nullopt, 1002}};

// In memory of its exact size, so that a sanitizer sees the first byte read outside.
const char* check(const std::vector<uint8_t>& bytes, const BatchRules& rules = {}, BatchInfo* info = nullptr) {
  const auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  BatchInfo ignored;
  return validate_batch(copy.get(), bytes.size(), rules, info ? info : &ignored).name();
}

const char* check(const BatchHeader& header, const std::vector<TestRecord>& records, const BatchRules& rules = {}) {
  return check(make_batch(records, header), rules);
}

// Changes one byte and makes the CRC right again.
std::vector<uint8_t> with_byte(std::vector<uint8_t> bytes, size_t at, uint8_t value) {
  bytes[at] = value;
  seal_crc(bytes.data(), bytes.size());
  return bytes;
}

BatchRules from(BatchOrigin origin) {
  BatchRules rules;
  rules.origin = origin;
  return rules;
}

TEST(RecordBatch, AcceptsWhatAProducerSends) {
  BatchInfo info;
  EXPECT_STREQ(check(make_batch(kThree), {}, &info), "OK");
  EXPECT_EQ(info.header.record_count, 3);
  EXPECT_EQ(info.max_timestamp, 1005);
  EXPECT_STREQ(check(make_batch({{"k", "v", 5, std::nullopt, {{"h", "x"}, {"", std::nullopt}}}})), "OK");
}

TEST(RecordBatch, PeeksAtHeaders) {
  const auto bytes = make_batch(kThree);
  BatchHeader header;
  ASSERT_TRUE(peek_header(bytes.data(), bytes.size(), &header).ok());
  EXPECT_EQ(header.size(), bytes.size());
  EXPECT_EQ(header.last_offset(), 2);
  ASSERT_TRUE(peek_header(bytes.data(), kBatchHeaderSize, &header).ok()) << "the records may be elsewhere";
  EXPECT_EQ(peek_header(bytes.data(), kBatchHeaderSize - 1, &header).code(), Code::kCorruptBatch);
}

TEST(RecordBatch, PeekRefusesOffsetsThatOverflow) {
  auto bytes = make_batch(kThree);
  BatchHeader header;
  assign(bytes.data(), std::numeric_limits<int64_t>::max() - 1, 0);
  EXPECT_EQ(peek_header(bytes.data(), bytes.size(), &header).code(), Code::kCorruptBatch);
  assign(bytes.data(), -1, 0);
  EXPECT_EQ(peek_header(bytes.data(), bytes.size(), &header).code(), Code::kCorruptBatch);
}

TEST(RecordBatch, TellsCorruptionFromWhatIsNotAllowed) {
  const auto good = make_batch(kThree);
  for (size_t size = 0; size < good.size(); size++) {
    EXPECT_STREQ(check({good.begin(), good.begin() + static_cast<ptrdiff_t>(size)}), "CORRUPT_BATCH") << size;
  }
  auto flipped = good;
  flipped.back() ^= 1;
  EXPECT_STREQ(check(flipped), "CORRUPT_BATCH");
  EXPECT_STREQ(check(with_byte(good, batch_layout::kMagic, 1)), "CORRUPT_BATCH");
  EXPECT_STREQ(check(with_byte(good, batch_layout::kBatchLength, 0xff)), "CORRUPT_BATCH");
  EXPECT_STREQ(check(with_byte(good, batch_layout::kAttributes + 1, 5)), "INVALID_RECORD") << "unknown compression";
}

TEST(RecordBatch, ChecksCountAndOffsets) {
  auto header = header_for(kThree);
  header.record_count = 2;
  EXPECT_STREQ(check(header, kThree), "INVALID_RECORD") << "another count than offsets";
  header.last_offset_delta = 1;
  EXPECT_STREQ(check(header, kThree), "INVALID_RECORD") << "a record left over";
  header.record_count = 4;
  header.last_offset_delta = 3;
  EXPECT_STREQ(check(header, kThree), "INVALID_RECORD") << "a record missing";
  header.record_count = 0;
  header.last_offset_delta = -1;
  EXPECT_STREQ(check(header, {}), "INVALID_RECORD") << "no record";
  header = header_for(kThree);
  header.base_offset = 1;
  EXPECT_STREQ(check(header, kThree), "INVALID_RECORD");
  auto records = kThree;
  records[1].offset_delta = 2;
  EXPECT_STREQ(check(header_for(records), records), "INVALID_RECORD");
}

TEST(RecordBatch, RefusesControlBatchesAndSequencesOfClients) {
  auto control = header_for(kThree);
  control.attributes = kAttributeControl;
  EXPECT_STREQ(check(control, kThree), "INVALID_RECORD");
  EXPECT_STREQ(check(control, kThree, from(BatchOrigin::kCoordinator)), "OK");
  auto producer = header_for(kThree);
  producer.producer_id = 5;
  EXPECT_STREQ(check(producer, kThree), "INVALID_RECORD") << "a producer without a sequence";
  producer.base_sequence = 0;
  EXPECT_STREQ(check(producer, kThree), "OK");
}

TEST(RecordBatch, FollowersCheckWhatTheDiskMayHaveChanged) {
  auto compacted = header_for(kThree);
  compacted.base_offset = 70;
  compacted.last_offset_delta = 9;
  compacted.leader_epoch = 4;
  BatchRules rules = from(BatchOrigin::kFollower);
  rules.max_message_bytes = 1;
  auto bytes = make_batch(kThree, compacted);
  EXPECT_STREQ(check(bytes, rules), "OK");
  bytes.back() ^= 1;
  EXPECT_STREQ(check(bytes, rules), "CORRUPT_BATCH");
}

TEST(RecordBatch, ChecksSizeBeforeAnythingElse) {
  BatchRules rules;
  rules.max_message_bytes = 60;
  auto bytes = make_batch(kThree);
  bytes.back() ^= 1;
  EXPECT_STREQ(check(bytes, rules), "BATCH_TOO_LARGE");
}

TEST(RecordBatch, AsksForKeysInCompactedLogs) {
  BatchRules rules;
  rules.require_key = true;
  EXPECT_STREQ(check(make_batch(kThree), rules), "INVALID_RECORD");
  EXPECT_STREQ(check(make_batch({{"", "empty keys are keys"}}), rules), "OK");
}

TEST(RecordBatch, ChecksTimestampBounds) {
  BatchRules rules;
  rules.now_ms = 10'000;
  rules.timestamp_before_max_ms = 100;
  rules.timestamp_after_max_ms = 10;
  const auto at = [&](int64_t timestamp) {
    return check(make_batch({{"a", "1", 10'000}, {"b", "2", timestamp}}), rules);
  };
  EXPECT_STREQ(at(9'900), "OK");
  EXPECT_STREQ(at(9'899), "INVALID_TIMESTAMP");
  EXPECT_STREQ(at(10'010), "OK");
  EXPECT_STREQ(at(10'011), "INVALID_TIMESTAMP");
  EXPECT_STREQ(check(make_batch({{"a", "1", kNoTimestamp}}), rules), "OK") << "no timestamp at all";
  rules.require_key = true;
  EXPECT_STREQ(check(make_batch({{std::nullopt, "1", 10'000}, {"b", "2", 0}}), rules), "INVALID_TIMESTAMP");
  rules.require_key = false;
  rules.log_append_time = true;
  EXPECT_STREQ(at(0), "OK");
}

TEST(RecordBatch, CompressedBatchesGoByTheirHeader) {
  auto header = header_for(kThree);
  header.attributes = 2;
  EXPECT_STREQ(check(seal(header, {1, 2, 3})), "OK");
  BatchRules rules;
  rules.now_ms = 10'000;
  rules.timestamp_before_max_ms = 100;
  EXPECT_STREQ(check(seal(header, {1, 2, 3}), rules), "INVALID_TIMESTAMP");
}

TEST(RecordBatch, CorrectsTheHeaderOfCreateTimeBatches) {
  auto header = header_for(kThree);
  header.max_timestamp = 9'999;
  auto bytes = make_batch(kThree, header);
  BatchInfo info;
  ASSERT_TRUE(validate_batch(bytes.data(), bytes.size(), {}, &info).ok());
  EXPECT_EQ(load_be<int64_t>(&bytes[batch_layout::kMaxTimestamp]), 1005);
  EXPECT_EQ(info.header.max_timestamp, 1005);
  EXPECT_TRUE(crc_matches(bytes.data(), bytes.size()));

  header.attributes = kAttributeLogAppendTime;
  bytes = make_batch(kThree, header);
  ASSERT_TRUE(validate_batch(bytes.data(), bytes.size(), {}, &info).ok());
  EXPECT_EQ(load_be<int16_t>(&bytes[batch_layout::kAttributes]), 0);
  EXPECT_EQ(info.max_timestamp, 9'999) << "the time that its records have by that bit";
  EXPECT_TRUE(crc_matches(bytes.data(), bytes.size()));
}

TEST(RecordBatch, LeavesAGoodBatchAsItIs) {
  auto bytes = make_batch(kThree);
  const auto before = bytes;
  BatchInfo info;
  ASSERT_TRUE(validate_batch(bytes.data(), bytes.size(), {}, &info).ok());
  EXPECT_EQ(bytes, before);
}

TEST(RecordBatch, SetsWhatABrokerSets) {
  auto bytes = make_batch(kThree);
  assign(bytes.data(), 1'234'567'890'123, 9);
  EXPECT_TRUE(crc_matches(bytes.data(), bytes.size()));
  set_append_time(bytes.data(), 77'000);
  EXPECT_TRUE(crc_matches(bytes.data(), bytes.size()));
  BatchHeader header;
  ASSERT_TRUE(peek_header(bytes.data(), bytes.size(), &header).ok());
  EXPECT_EQ(header.base_offset, 1'234'567'890'123);
  EXPECT_EQ(header.leader_epoch, 9);
  EXPECT_EQ(header.max_timestamp, 77'000);
  EXPECT_TRUE(header.is_log_append_time());
}

TEST(RecordBatch, RefusesBrokenRecords) {
  const auto payload = [](std::vector<uint8_t> bytes) { return check(seal(header_for({{"a", "1"}}), bytes)); };
  // length, attributes, timestamp, offset, key length, key, value length, value, headers
  EXPECT_STREQ(payload({16, 0, 0, 0, 2, 'a', 2, '1', 0}), "OK");
  EXPECT_STREQ(payload({}), "INVALID_RECORD");
  EXPECT_STREQ(payload({16, 0, 0, 0, 2, 'a', 2, '1', 0, 0}), "INVALID_RECORD") << "bytes left over";
  EXPECT_STREQ(payload({18, 0, 0, 0, 2, 'a', 2, '1', 0}), "INVALID_RECORD") << "longer than the batch";
  EXPECT_STREQ(payload({14, 0, 0, 0, 2, 'a', 2, '1', 0}), "INVALID_RECORD") << "shorter than its fields";
  EXPECT_STREQ(payload({1, 0, 0, 0, 2, 'a', 2, '1', 0}), "INVALID_RECORD") << "a negative length";
  EXPECT_STREQ(payload({16, 0, 0, 0, 40, 'a', 2, '1', 0}), "INVALID_RECORD") << "a key that overruns";
  EXPECT_STREQ(payload({16, 0, 0, 0, 2, 'a', 40, '1', 0}), "INVALID_RECORD") << "a value that overruns";
  EXPECT_STREQ(payload({16, 0, 0, 0, 2, 'a', 2, '1', 1}), "INVALID_RECORD") << "a negative header count";
  EXPECT_STREQ(payload({16, 0, 0, 0, 2, 'a', 2, '1', 2}), "INVALID_RECORD") << "a header that is not there";
  EXPECT_STREQ(payload({20, 0, 0, 0, 2, 'a', 2, '1', 2, 1, 1}), "INVALID_RECORD") << "a header without a key";
  EXPECT_STREQ(payload({16, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}), "INVALID_RECORD") << "an endless varint";
  EXPECT_STREQ(payload({0}), "INVALID_RECORD") << "an empty record";
}

TEST(RecordBatch, NeverReadsOutsideHostileBytes) {
  std::mt19937 random(7);
  const auto good = make_batch({{"key", "value", 5, std::nullopt, {{"h", "x"}}}, {"key2", "value2", 6}});
  size_t accepted = 0;
  for (int i = 0; i < 200'000; i++) {
    auto bytes = good;
    const size_t changes = 1 + random() % 3;
    for (size_t c = 0; c < changes; c++) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    if (bytes.size() >= kBatchHeaderSize) seal_crc(bytes.data(), bytes.size());
    accepted += std::string_view(check(bytes)) == "OK";
  }
  EXPECT_GT(accepted, 0u);
  EXPECT_LT(accepted, 200'000u);
}

}  // namespace
}  // namespace odradek
