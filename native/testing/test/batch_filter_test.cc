#include "batch_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "batch_builder.h"
#include "record_walk.h"

namespace odradek {
namespace {

using test::encode_records;
using test::header_for;
using test::make_batch;
using test::TestRecord;

constexpr int64_t kEnd = INT64_MAX;

struct Kept {
  int64_t offset;
  int64_t timestamp;
  std::string key;
  bool operator==(const Kept&) const = default;
};

// The records of all batches in `bytes`, which must be whole and have good CRCs.
std::vector<Kept> records_in(const std::vector<uint8_t>& bytes) {
  std::vector<Kept> kept;
  for (size_t at = 0; at < bytes.size();) {
    BatchHeader header;
    EXPECT_TRUE(peek_header(&bytes[at], bytes.size() - at, &header).ok());
    EXPECT_TRUE(crc_matches(&bytes[at], header.size()));
    const uint8_t* p = &bytes[at] + kBatchHeaderSize;
    const uint8_t* const end = &bytes[at] + header.size();
    for (int32_t i = 0; i < header.record_count; i++) {
      RecordView record;
      EXPECT_TRUE(read_record(p, end, &record));
      kept.push_back({header.base_offset + record.offset_delta, header.base_timestamp + record.timestamp_delta,
                      std::string(record.key, record.key + std::max(record.key_size, 0))});
    }
    EXPECT_EQ(p, end);
    at += header.size();
  }
  return kept;
}

class BatchFilterTest : public ::testing::Test {
 protected:
  // Appends a batch behind the last one.
  BatchHeader& add(const std::vector<TestRecord>& records) {
    headers_.push_back(header_for(records));
    headers_.back().base_offset = next_;
    next_ += static_cast<int64_t>(records.size());
    records_.push_back(records);
    return headers_.back();
  }

  void build() {
    bytes_.clear();
    for (size_t i = 0; i < headers_.size(); i++) {
      const auto batch = make_batch(records_[i], headers_[i]);
      bytes_.insert(bytes_.end(), batch.begin(), batch.end());
    }
  }

  BatchChunk chunk(int64_t end_offset = kEnd) const { return {bytes_.data(), bytes_.size(), {}, end_offset}; }

  // Indexes everything and filters it.
  FilteredChunk compact() {
    build();
    IndexedChunk indexed;
    EXPECT_TRUE(index_chunk(chunk(), 0, &map_, &indexed).ok());
    EXPECT_EQ(indexed.consumed_bytes, bytes_.size());
    return filter();
  }

  FilteredChunk filter() {
    FilteredChunk filtered;
    EXPECT_TRUE(filter_chunk(chunk(), rules_, &filtered).ok());
    EXPECT_EQ(filtered.consumed_bytes, bytes_.size());
    return filtered;
  }

  std::vector<BatchHeader> headers_;
  std::vector<std::vector<TestRecord>> records_;
  std::vector<uint8_t> bytes_;
  int64_t next_ = 0;
  OffsetMap map_{100'000, 0.9};
  FilterRules rules_{&map_, 10'000, 500, -1, {}};
};

TEST_F(BatchFilterTest, KeepsTheLastOfEachKey) {
  add({{"a", "1", 1000}, {"b", "1", 1001}, {"a", "2", 1002}});
  add({{"c", "1", 2000}});
  add({{"b", "2", 3000}});
  const FilteredChunk out = compact();
  EXPECT_EQ(records_in(out.bytes), (std::vector<Kept>{{2, 1002, "a"}, {3, 2000, "c"}, {4, 3000, "b"}}));
  EXPECT_EQ(out.records_kept, 3);
  EXPECT_EQ(out.next_offset, 5);
  BatchHeader first;
  ASSERT_TRUE(peek_header(out.bytes.data(), out.bytes.size(), &first).ok());
  EXPECT_EQ(first.base_offset, 0);
  EXPECT_EQ(first.last_offset_delta, 2);
  EXPECT_EQ(first.max_timestamp, 1002);
}

TEST_F(BatchFilterTest, CopiesABatchThatKeepsAll) {
  add({{"a", "1"}, {"b", "2"}}).leader_epoch = 8;
  EXPECT_EQ(compact().bytes, bytes_);
}

TEST_F(BatchFilterTest, DropsRecordsWithoutKey) {
  add({{std::nullopt, "1"}, {"a", "1"}});
  EXPECT_EQ(records_in(compact().bytes), (std::vector<Kept>{{1, 1000, "a"}}));
}

TEST_F(BatchFilterTest, KeepsWhatTheMapDoesNotCover) {
  add({{"a", "1"}});
  add({{"a", "2"}, {std::nullopt, "3"}});
  build();
  ASSERT_TRUE(map_.put(reinterpret_cast<const uint8_t*>("a"), 1, 0));
  EXPECT_EQ(filter().bytes, bytes_);
}

TEST_F(BatchFilterTest, SetsTheDeleteHorizonOnce) {
  add({{"a", "1", 1000}, {"a", std::nullopt, 1010}, {"b", "1", 1020}}).max_timestamp = 1020;
  const FilteredChunk first = compact();
  EXPECT_EQ(records_in(first.bytes), (std::vector<Kept>{{1, 1010, "a"}, {2, 1020, "b"}}));
  BatchHeader header;
  ASSERT_TRUE(peek_header(first.bytes.data(), first.bytes.size(), &header).ok());
  EXPECT_TRUE(header.has_delete_horizon());
  EXPECT_EQ(header.base_timestamp, 10'500);

  bytes_ = first.bytes;
  rules_.now_ms = 10'499;
  EXPECT_EQ(filter().bytes, bytes_);
  rules_.now_ms = 10'500;
  EXPECT_EQ(records_in(filter().bytes), (std::vector<Kept>{{2, 1020, "b"}}));
}

TEST_F(BatchFilterTest, KeepsTheTimeOfLogAppendTimeBatches) {
  BatchHeader& header = add({{"a", std::nullopt, 1}, {"b", "1", 2}, {"b", "2", 3}});
  header.attributes = kAttributeLogAppendTime;
  header.max_timestamp = 8'000;
  const FilteredChunk out = compact();
  BatchHeader kept;
  ASSERT_TRUE(peek_header(out.bytes.data(), out.bytes.size(), &kept).ok());
  EXPECT_TRUE(kept.is_log_append_time());
  EXPECT_EQ(kept.max_timestamp, 8'000);
  EXPECT_EQ(records_in(out.bytes), (std::vector<Kept>{{0, 8'000, "a"}, {2, 8'000, "b"}}));
}

TEST_F(BatchFilterTest, EmptiesTheLastBatchOfAProducerAndOfTheRound) {
  BatchHeader& producer = add({{"a", "1"}, {"b", "1"}});
  producer.producer_id = 9;
  producer.producer_epoch = 2;
  producer.base_sequence = 40;
  add({{"a", "2"}, {"b", "2"}});
  add({{"a", "3"}, {"b", "3"}});
  rules_.last_offset_of_producer[9] = 1;
  rules_.round_end_offset = 4;
  const FilteredChunk out = compact();
  ASSERT_EQ(records_in(out.bytes).size(), 2u);
  BatchHeader header;
  ASSERT_TRUE(peek_header(out.bytes.data(), out.bytes.size(), &header).ok());
  EXPECT_EQ(header.size(), kBatchHeaderSize);
  EXPECT_EQ(header.record_count, 0);
  EXPECT_EQ(header.last_offset(), 1);
  EXPECT_EQ(header.producer_epoch, 2);
  EXPECT_EQ(header.base_sequence, 40);
  ASSERT_TRUE(peek_header(&out.bytes[kBatchHeaderSize], out.bytes.size() - kBatchHeaderSize, &header).ok());
  EXPECT_EQ(header.record_count, 0) << "the end of the round";
  EXPECT_EQ(header.last_offset(), 3);

  bytes_ = out.bytes;
  EXPECT_EQ(filter().bytes, bytes_) << "empty batches stay while they must";
  rules_.last_offset_of_producer.clear();
  rules_.round_end_offset = 6;
  EXPECT_EQ(filter().bytes.size(), bytes_.size() - 2 * kBatchHeaderSize);
}

TEST_F(BatchFilterTest, TakesAndReturnsCompressedRecords) {
  BatchHeader header = header_for({{"a", "1"}, {"b", "1"}, {"a", "2"}});
  header.attributes = 4;
  const auto records = encode_records(header, {{"a", "1"}, {"b", "1"}, {"a", "2"}});
  bytes_ = test::seal(header, {1, 2, 3});
  BatchChunk compressed = chunk();
  compressed.unpacked.push_back({0, records.data(), records.size()});
  IndexedChunk indexed;
  ASSERT_TRUE(index_chunk(compressed, 0, &map_, &indexed).ok());
  FilteredChunk out;
  ASSERT_TRUE(filter_chunk(compressed, rules_, &out).ok());
  ASSERT_EQ(out.pending.size(), 1u);
  EXPECT_EQ(out.pending[0].compression, 4);
  EXPECT_EQ(out.pending[0].size, out.bytes.size());

  const std::vector<uint8_t> packed = {7, 7, 7, 7, 7};
  std::vector<uint8_t> finished;
  ASSERT_TRUE(
      finish_pending(out.bytes.data(), out.bytes.size(), out.pending, {{packed.data(), packed.size()}}, &finished)
          .ok());
  EXPECT_EQ(finished.size(), kBatchHeaderSize + 5);
  EXPECT_TRUE(crc_matches(finished.data(), finished.size()));
  BatchHeader sealed;
  ASSERT_TRUE(peek_header(finished.data(), finished.size(), &sealed).ok());
  EXPECT_EQ(sealed.compression(), 4);
  EXPECT_EQ(sealed.record_count, 2);
  EXPECT_EQ(sealed.last_offset(), 2);

  compressed.unpacked.clear();
  EXPECT_EQ(filter_chunk(compressed, rules_, &out).code(), Code::kInvalidArgument);
}

TEST_F(BatchFilterTest, StopsWhereTheMapIsFull) {
  OffsetMap small(3 * OffsetMap::kEntrySize, 0.9);
  add({{"a", "1"}});
  add({{"b", "1"}, {"c", "1"}});
  build();
  IndexedChunk indexed;
  ASSERT_TRUE(index_chunk(chunk(), 0, &small, &indexed).ok());
  EXPECT_TRUE(indexed.full);
  EXPECT_EQ(small.latest_offset(), 1);
}

TEST_F(BatchFilterTest, StopsAtTheEndOffsetAndAtTornBatches) {
  add({{"a", "1"}});
  add({{"b", "1"}});
  build();
  IndexedChunk indexed;
  ASSERT_TRUE(index_chunk(chunk(1), 0, &map_, &indexed).ok());
  EXPECT_EQ(indexed.next_offset, 1);
  bytes_.pop_back();
  IndexedChunk torn;
  ASSERT_TRUE(index_chunk(chunk(), 0, &map_, &torn).ok());
  EXPECT_EQ(torn.next_offset, 1);
}

TEST_F(BatchFilterTest, WhatAnAbortedTransactionWroteGoesAndHidesNothing) {
  add({{"a", "1"}});
  BatchHeader& aborted = add({{"a", "2"}});
  aborted.attributes = kAttributeTransactional;
  aborted.producer_id = 7;
  BatchHeader& committed = add({{"b", "1"}});
  committed.attributes = kAttributeTransactional;
  committed.producer_id = 7;
  build();
  BatchChunk whole = chunk();
  whole.aborted.add(7, 1, 2);
  IndexedChunk indexed;
  ASSERT_TRUE(index_chunk(whole, 0, &map_, &indexed).ok());
  EXPECT_EQ(indexed.next_offset, 3);
  EXPECT_EQ(map_.latest_offset(), 2);
  FilteredChunk out;
  ASSERT_TRUE(filter_chunk(whole, rules_, &out).ok());
  const std::vector<Kept> kept = records_in(out.bytes);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].offset, 0);
  EXPECT_EQ(kept[1].offset, 2);
}

TEST_F(BatchFilterTest, RefusesDamage) {
  add({{"a", "1"}});
  build();
  IndexedChunk indexed;
  bytes_.back() ^= 1;
  EXPECT_EQ(index_chunk(chunk(), 0, &map_, &indexed).code(), Code::kCorruptLog);
  FilteredChunk out;
  EXPECT_EQ(filter_chunk(chunk(), rules_, &out).code(), Code::kCorruptLog);
}

TEST_F(BatchFilterTest, NeverReadsOutsideDamagedBytes) {
  std::mt19937 random(11);
  add({{"key", "value", 5, std::nullopt, {{"h", "x"}}}, {"key2", std::nullopt, 6}});
  add({{"key", "value", 70}});
  build();
  const auto good = bytes_;
  const size_t first = make_batch(records_[0], headers_[0]).size();
  for (int i = 0; i < 50'000; i++) {
    auto bytes = good;
    bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    seal_crc(bytes.data(), first);
    const auto exact = std::make_unique<uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    const BatchChunk damaged{exact.get(), bytes.size(), {}, kEnd};
    OffsetMap map(10'000, 0.9);
    IndexedChunk indexed;
    index_chunk(damaged, 0, &map, &indexed).ignore();
    FilterRules rules = rules_;
    rules.map = &map;
    FilteredChunk out;
    filter_chunk(damaged, rules, &out).ignore();
  }
}

}  // namespace
}  // namespace odradek
