// What a log does when nothing fails.
#include "log_fixture.h"

#include "big_endian.h"

namespace odradek::test {
namespace {

using Offsets = std::vector<int64_t>;

TEST_F(LogTest, AssignsDenseOffsetsInOrderOfSubmission) {
  ASSERT_TRUE(open().ok());
  std::vector<std::vector<uint8_t>> batches;
  std::vector<double> ids;
  for (int i = 0; i < 500; i++) batches.push_back(make_batch(1 + i % 3));
  for (auto& batch : batches) ids.push_back(submit(batch));
  double expected = 0;
  for (size_t i = 0; i < ids.size(); i++) {
    const Completion completion = sink_->wait(ids[i]);
    ASSERT_TRUE(completion.status.ok());
    ASSERT_EQ(completion.values[0], expected);
    expected = completion.values[1] + 1;
    ASSERT_EQ(completion.values[1] - completion.values[0], static_cast<double>(i % 3));
  }
  EXPECT_EQ(log_->log_end_offset(), expected);
  EXPECT_EQ(load_be<int32_t>(batches[0].data() + batch_layout::kLeaderEpoch), 7);
}

TEST_F(LogTest, ReadsFromTheBatchThatHoldsTheOffset) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 400; i++) ASSERT_TRUE(append(make_batch(3)).status.ok());
  for (int64_t offset = 0; offset < 1200; offset += 7) {
    const Offsets bases = read_bases(offset);
    ASSERT_EQ(bases.size(), static_cast<size_t>(400 - offset / 3));
    ASSERT_EQ(bases.front(), offset / 3 * 3);
  }
  EXPECT_EQ(read_bases(1200), Offsets{});
  EXPECT_EQ(read_bases(1201), Offsets{-1});
}

TEST_F(LogTest, NeverShowsABatchThatReachesTheBound) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 300; i++) ASSERT_TRUE(append(make_batch(3)).status.ok());
  ASSERT_TRUE(roll().status.ok());
  for (int i = 0; i < 300; i++) ASSERT_TRUE(append(make_batch(3)).status.ok());
  for (const int64_t bound : {1, 3, 4, 5, 6, 299, 300, 899, 900, 901, 903, 1500, 1799, 1800}) {
    Offsets seen;
    for (int64_t offset = 0; offset < bound;) {
      const Offsets bases = read_bases(offset, 1 << 30, bound);
      if (bases.empty()) break;
      seen.insert(seen.end(), bases.begin(), bases.end());
      offset = bases.back() + 3;
    }
    ASSERT_EQ(seen.size(), static_cast<size_t>(bound / 3)) << "bound " << bound;
  }
}

TEST_F(LogTest, ReturnsTheFirstBatchWholeOrNothing) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(100)).status.ok());
  EXPECT_EQ(read_bases(0, 10, INT64_MAX, true), Offsets{0});
  EXPECT_EQ(read_bases(0, 10, INT64_MAX, false), Offsets{});
}

TEST_F(LogTest, RollsBySizeAgeAndFullIndex) {
  settings_.segment_bytes = 1000;
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 40; i++) ASSERT_TRUE(append(make_batch(1)).status.ok());
  for (const SegmentSummary& segment : log_->segments()) EXPECT_LE(segment.size, 1000u);
  const size_t by_size = log_->segments().size();
  EXPECT_GE(by_size, 3u);
  EXPECT_EQ(sink_->wait_event(CompletionKind::kRolled).values[0], static_cast<double>(log_->segments()[1].base_offset));

  settings_.segment_bytes = 1 << 20;
  settings_.segment_ms = 500;
  log_->configure(settings_);
  ASSERT_TRUE(append(make_batch(1, 1400)).status.ok());
  EXPECT_EQ(log_->segments().size(), by_size);
  ASSERT_TRUE(append(make_batch(1, 1600)).status.ok());
  EXPECT_EQ(log_->segments().size(), by_size + 1);

  settings_.segment_ms = kNever;
  settings_.index_interval_bytes = 0;
  settings_.segment_index_bytes = 80;
  log_->configure(settings_);
  for (int i = 0; i < 30; i++) ASSERT_TRUE(append(make_batch(1, 2000)).status.ok());
  EXPECT_GE(log_->segments().size(), by_size + 3);
  for (const SegmentSummary& segment : log_->segments()) {
    EXPECT_LE(file_size(file(segment.base_offset, kOffsetIndexSuffix)), 80u);
  }
  EXPECT_EQ(all_bases().size(), 72u);
}

TEST_F(LogTest, WritesKafkasIndexEntries) {
  settings_.index_interval_bytes = 200;
  ASSERT_TRUE(open().ok());
  const size_t size = make_batch(2).size();
  for (int i = 0; i < 10; i++) ASSERT_TRUE(append(make_batch(2, 1000 + (i % 4) * 10)).status.ok());
  ASSERT_TRUE(close().status.ok());
  std::vector<OffsetEntry> offsets;
  std::vector<TimeEntry> times;
  bool whole = false;
  ASSERT_TRUE(read_offset_index(file(0, kOffsetIndexSuffix), &offsets, &whole).ok());
  ASSERT_TRUE(whole);
  // Each entry names a batch by its last offset and its first byte, more than 200 bytes after the one before.
  const int step = static_cast<int>(200 / size) + 1;
  ASSERT_EQ(offsets.size(), static_cast<size_t>(9 / step));
  for (size_t i = 0; i < offsets.size(); i++) {
    const int batch = static_cast<int>(i + 1) * step;
    EXPECT_EQ(offsets[i].relative_offset, batch * 2 + 1);
    EXPECT_EQ(offsets[i].position, batch * size);
  }
  ASSERT_TRUE(read_time_index(file(0, kTimeIndexSuffix), &times, &whole).ok());
  ASSERT_TRUE(whole);
  ASSERT_FALSE(times.empty());
  EXPECT_EQ(times.back().timestamp, 1030);
  EXPECT_EQ(times.back().relative_offset, 7);
}

TEST_F(LogTest, FindsTheFirstBatchThatReachesATimestamp) {
  settings_.segment_bytes = 2000;
  settings_.index_interval_bytes = 100;
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 100; i++) ASSERT_TRUE(append(make_batch(1, 1000 + (i ^ 1) * 10)).status.ok());
  for (int64_t timestamp = 990; timestamp < 2005; timestamp += 5) {
    int64_t expected = -1;
    for (int i = 99; i >= 0; i--) {
      if (1000 + (i ^ 1) * 10 >= timestamp) expected = i;
    }
    int64_t found = -2;
    ASSERT_TRUE(log_->find_by_timestamp(timestamp, 0, &found).ok());
    ASSERT_EQ(found, expected) << "timestamp " << timestamp;
  }
}

TEST_F(LogTest, RefusesWhatWasSubmittedOnTheStrengthOfARefusedBatch) {
  ASSERT_TRUE(open().ok());
  auto bad = make_batch(1);
  bad[65] ^= 1;
  auto next = make_batch(1);
  const double first = submit(bad);
  const double second = submit(next);
  EXPECT_EQ(sink_->wait(first).status.code(), Code::kCorruptBatch);
  EXPECT_EQ(sink_->wait(second).status.code(), Code::kPreviousRefused);
  refusals_ = 1;
  EXPECT_TRUE(append(next).status.ok());
  EXPECT_EQ(log_->log_end_offset(), 1);
}

TEST_F(LogTest, TakesAFollowersBatchesAsTheyAre) {
  ASSERT_TRUE(open().ok());
  auto two = make_batch(2, 1000, 0);
  const auto later = make_batch(2, 1000, 5);
  two.insert(two.end(), later.begin(), later.end());
  ASSERT_TRUE(append(two, BatchOrigin::kFollower).status.ok());
  EXPECT_EQ(log_->log_end_offset(), 7);
  EXPECT_EQ(append(make_batch(1, 1000, 6), BatchOrigin::kFollower).status.code(), Code::kOffsetOutOfRange);
  EXPECT_TRUE(append(make_batch(1, 1000, 7), BatchOrigin::kFollower).status.ok());
  EXPECT_EQ(all_bases(), (Offsets{0, 5, 7}));
  EXPECT_EQ(read_bases(3), (Offsets{5, 7}));
}

TEST_F(LogTest, StampsUnderLogAppendTime) {
  settings_.log_append_time = true;
  ASSERT_TRUE(open().ok());
  const int64_t before = now_ms();
  const Completion done = append(make_batch(2, 5));
  EXPECT_GE(done.values[2], static_cast<double>(before));
  EXPECT_EQ(done.values[2], done.values[3]);
  EXPECT_EQ(log_->segments()[0].max_timestamp.timestamp, static_cast<int64_t>(done.values[2]));
  EXPECT_EQ(read_bases(0), Offsets{0});
}

TEST_F(LogTest, FlushCoversAllThatWasSubmittedBefore) {
  ASSERT_TRUE(open().ok());
  auto batch = make_batch(1);
  std::vector<std::vector<uint8_t>> batches(50, batch);
  for (auto& each : batches) submit(each);
  const Completion flushed = flush();
  ASSERT_TRUE(flushed.status.ok());
  EXPECT_GE(flushed.values[0], 50);
  EXPECT_EQ(log_->flushed_offset(), 50);
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFlushed).values[0] > 0, true);
}

TEST_F(LogTest, AnAppendThatAwaitsItsFlushIsAnsweredWhenItIsOnDisk) {
  ASSERT_TRUE(open().ok());
  std::vector<std::vector<uint8_t>> batches(40, make_batch(2));
  std::vector<double> ids;
  for (size_t i = 0; i < batches.size(); i++) {
    ids.push_back(submit(batches[i], BatchOrigin::kClient, i % 3 == 0 ? Flush::kNone : Flush::kAwaited));
    if (i % 10 == 9) flush();
  }
  for (size_t i = 0; i < ids.size(); i++) {
    const Completion done = sink_->wait(ids[i]);
    ASSERT_TRUE(done.status.ok());
    EXPECT_TRUE(done.last);
    EXPECT_EQ(done.values[0], static_cast<double>(2 * i));
    EXPECT_EQ(done.values[1], static_cast<double>(2 * i + 1));
    if (i % 3 != 0) {
      EXPECT_GT(log_->flushed_offset(), static_cast<int64_t>(2 * i + 1));
    }
  }
}

TEST_F(LogTest, AnAppendThatAsksForAFlushIsOverWhenItIsOnDisk) {
  ASSERT_TRUE(open().ok());
  auto batch = make_batch(2);
  const double id = submit(batch, BatchOrigin::kClient, Flush::kAsked);
  EXPECT_FALSE(sink_->wait(id).last);
  EXPECT_EQ(sink_->wait_event(CompletionKind::kOver).id, id);
  EXPECT_EQ(log_->flushed_offset(), 2);
  auto bad = make_batch(1);
  bad[65] ^= 1;
  EXPECT_TRUE(sink_->wait(submit(bad, BatchOrigin::kClient, Flush::kAsked)).last);
}

TEST_F(LogTest, WhatAwaitsAFlushIsAnsweredWhenTheLogIsCutOrRemoved) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 20; i++) {
    auto batch = make_batch(3);
    const double appended = submit(batch, BatchOrigin::kClient, Flush::kAwaited);
    const double flushed = ++last_id_;
    log_->flush(flushed);
    ASSERT_TRUE((i % 2 == 0 ? truncate(0) : reset(0)).status.ok());
    EXPECT_TRUE(sink_->wait(appended).status.ok());
    EXPECT_TRUE(sink_->wait(flushed).status.ok());
  }
  auto batch = make_batch(3);
  const double appended = submit(batch, BatchOrigin::kClient, Flush::kAwaited);
  ASSERT_TRUE(wait_for([&](double id) { log_->remove(id, path_ + "-delete"); }).status.ok());
  const Code code = sink_->wait(appended).status.code();
  EXPECT_TRUE(code == Code::kOk || code == Code::kClosed);
  log_.reset();
}

TEST_F(LogTest, FlushesByCountAndByTime) {
  settings_.flush_messages = 3;
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(3)).status.ok());
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFlushed).values[0], 3);
  settings_.flush_messages = kNever;
  settings_.flush_ms = 20;
  log_->configure(settings_);
  ASSERT_TRUE(append(make_batch(1)).status.ok());
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFlushed).values[0], 4);
}

TEST_F(LogTest, DeletesWholeSegmentsAndReadersFinish) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(append(make_batch(10)).status.ok());
    ASSERT_TRUE(roll().status.ok());
  }
  ReadAnswer held;
  ASSERT_TRUE(log_->read({0, 1 << 20, true, 30}, true, &held).ok());
  EXPECT_EQ(delete_before(19).values[0], 1);
  EXPECT_EQ(delete_before(30).values[0], 2);
  EXPECT_EQ(log_->first_segment_offset(), 30);
  EXPECT_EQ(read_bases(29), Offsets{-1});
  EXPECT_FALSE(exists(file(0, kLogSuffix)));
  EXPECT_FALSE(exists(file(0, kLogSuffix) + ".deleted"));
  std::vector<uint8_t> bytes(held.range.length);
  size_t read = 0;
  ASSERT_TRUE(held.range.file->pread(bytes.data(), bytes.size(), held.range.position, &read).ok());
  EXPECT_EQ(read, bytes.size());
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(LogTest, TruncatesWholeBatches) {
  settings_.index_interval_bytes = 100;
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 30; i++) {
    ASSERT_TRUE(append(make_batch(2)).status.ok());
    if (i % 10 == 9) {
      ASSERT_TRUE(roll().status.ok());
    }
  }
  ASSERT_TRUE(truncate(27).status.ok());
  EXPECT_EQ(log_->log_end_offset(), 26) << "no gap before the next batch";
  EXPECT_EQ(all_bases(), (Offsets{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24}));
  EXPECT_EQ(log_->segments().size(), 2u);
  EXPECT_LE(log_->flushed_offset(), 26);
  EXPECT_EQ(append(make_batch(1)).values[0], 26);
  EXPECT_EQ(read_bases(26), Offsets{26});
  ASSERT_TRUE(truncate(0).status.ok());
  EXPECT_EQ(log_->size(), 0u);
  EXPECT_EQ(append(make_batch(1)).values[0], 0);
}

TEST_F(LogTest, StartsAnewAtAnOffset) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(5)).status.ok());
  ASSERT_TRUE(reset(100).status.ok());
  EXPECT_EQ(log_->log_end_offset(), 100);
  EXPECT_EQ(read_bases(3), Offsets{-1});
  EXPECT_EQ(append(make_batch(1)).values[0], 100);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(all_bases(), Offsets{100});
}

TEST_F(LogTest, SwapsCompactedSegmentsIn) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 4; i++) {
    ASSERT_TRUE(append(make_batch(10)).status.ok());
    ASSERT_TRUE(roll().status.ok());
  }
  ASSERT_TRUE(append(make_batch(10)).status.ok());
  auto cleaned = make_batch(1, 1000, 5);
  const auto second = make_batch(1, 1000, 15);
  cleaned.insert(cleaned.end(), second.begin(), second.end());
  write_tail(file(0, kLogSuffix) + ".cleaned", cleaned);
  ASSERT_TRUE(replace({0}, {0, 10}).status.ok());
  EXPECT_EQ(all_bases(), (Offsets{5, 15, 20, 30, 40}));
  EXPECT_EQ(read_bases(16), Offsets({20}));
  EXPECT_EQ(replace({}, {40}).status.code(), Code::kInvalidArgument);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(all_bases(), (Offsets{5, 15, 20, 30, 40}));
  EXPECT_EQ(report_.rebuilt_indexes, 0);
}

TEST_F(LogTest, AnswersClosedAfterClose) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(1)).status.ok());
  const std::shared_ptr<Log> log = log_;
  ASSERT_TRUE(close().status.ok());
  auto batch = make_batch(1);
  log_ = log;
  EXPECT_EQ(sink_->wait(submit(batch)).status.code(), Code::kClosed);
  EXPECT_EQ(read_bases(0), Offsets{-1});
  log_.reset();
}

TEST_F(LogTest, RemovesItsFolder) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(1)).status.ok());
  ASSERT_TRUE(wait_for([&](double id) { log_->remove(id, path_ + ".1-delete"); }).status.ok());
  log_.reset();
  EXPECT_FALSE(exists(path_));
}

}  // namespace
}  // namespace odradek::test
