// Appends, reads, flushes, rolls, deletions and truncations at the same time: what a reader sees is always whole
// batches of the offsets that it asked for. Run under ThreadSanitizer.
#include <atomic>
#include <random>
#include <thread>

#include "log_fixture.h"

namespace odradek::test {
namespace {

class ConcurrencyTest : public LogTest {};

TEST_F(ConcurrencyTest, ReadersNeverSeeHalfABatch) {
  settings_.segment_bytes = 20'000;
  settings_.index_interval_bytes = 500;
  ASSERT_TRUE(open().ok());
  const auto seed = static_cast<unsigned>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> batches_read{0};
  // As with Kafka's high watermark, nothing below it is ever truncated.
  std::atomic<int64_t> watermark{0};

  auto reader = [&](unsigned own_seed, bool may_wait) {
    std::mt19937 random(own_seed);
    std::vector<uint8_t> bytes;
    while (!stop.load()) {
      const int64_t first = log_->first_segment_offset();
      const int64_t end = watermark.load();
      if (end < first) continue;
      const int64_t offset = first + static_cast<int64_t>(random() % static_cast<uint64_t>(end - first + 1));
      ReadAnswer answer;
      const Status status = log_->read({offset, 5000, true, end}, may_wait, &answer);
      // Deleted or truncated meanwhile.
      if (!status.ok()) {
        ASSERT_EQ(status.code(), Code::kOffsetOutOfRange) << status.name() << status.path() << status.error();
        continue;
      }
      if (!answer.range.file) continue;
      bytes.resize(answer.range.length);
      size_t read = 0;
      ASSERT_TRUE(answer.range.file->pread(bytes.data(), bytes.size(), answer.range.position, &read).ok());
      BatchHeader header;
      ASSERT_EQ(read, bytes.size());
      int64_t next = answer.first_batch_offset;
      for (size_t at = 0; at < read && peek_header(bytes.data() + at, read - at, &header).ok(); at += header.size()) {
        if (header.size() > read - at) break;
        ASSERT_TRUE(crc_matches(bytes.data() + at, header.size()));
        // A truncation into a batch leaves a gap.
        ASSERT_GE(header.base_offset, next);
        ASSERT_LT(header.last_offset(), end);
        next = header.last_offset() + 1;
        batches_read++;
      }
      ASSERT_GT(next, offset);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; i++) threads.emplace_back(reader, seed + i, i != 0);
  threads.emplace_back([&] {
    while (!stop.load()) {
      Bytes headers;
      size_t count = 0;
      int64_t next = 0;
      int64_t found = 0;
      const Status scanned =
          log_->scan_headers(log_->first_segment_offset(), log_->log_end_offset(), 1000, &headers, &count, &next);
      ASSERT_TRUE(scanned.ok() || scanned.code() == Code::kOffsetOutOfRange) << scanned.name() << scanned.path();
      const Status sought = log_->find_by_timestamp(1000, log_->first_segment_offset(), &found);
      ASSERT_TRUE(sought.ok()) << sought.name() << sought.path();
      log_->segments();
    }
  });

  std::mt19937 random(seed);
  std::vector<std::vector<uint8_t>> batches(40);
  for (int round = 0; round < 150; round++) {
    std::vector<double> ids;
    for (auto& batch : batches) {
      batch = make_batch(1 + static_cast<int>(random() % 5), 1000 + round);
      const auto dice = random() % 8;
      const Flush flush = dice == 0 ? Flush::kAsked : dice == 1 ? Flush::kAwaited : Flush::kNone;
      ids.push_back(submit(batch, BatchOrigin::kClient, flush));
    }
    for (const double id : ids) ASSERT_TRUE(sink_->wait(id).status.ok());
    if (random() % 2 == 0) watermark = log_->log_end_offset();
    switch (random() % 6) {
      case 0:
        ASSERT_TRUE(roll().status.ok());
        break;
      case 1:
        ASSERT_TRUE(flush().status.ok());
        break;
      case 2: {
        const int64_t first = log_->first_segment_offset();
        ASSERT_TRUE(delete_before(first + (log_->log_end_offset() - first) / 4).status.ok());
        break;
      }
      case 3: {
        const int64_t by = static_cast<int64_t>(random() % 200);
        const int64_t lowest = std::max(log_->first_segment_offset(), watermark.load());
        ASSERT_TRUE(truncate(std::max(lowest, log_->log_end_offset() - by)).status.ok());
        break;
      }
      default:
        break;
    }
    ASSERT_LE(log_->flushed_offset(), log_->log_end_offset());
  }
  watermark = log_->log_end_offset();
  while (batches_read == 0) std::this_thread::yield();
  stop = true;
  for (auto& thread : threads) thread.join();
  const std::vector<int64_t> before = all_bases();
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_after_crash().ok());
  EXPECT_EQ(all_bases(), before);
  EXPECT_EQ(report_.truncated_bytes, 0u);
}

TEST_F(ConcurrencyTest, ReadersFollowASwap) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 40; i++) {
    ASSERT_TRUE(append(make_batch(10)).status.ok());
    ASSERT_TRUE(roll().status.ok());
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 2; t++) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop.load()) {
        const auto offset = static_cast<int64_t>(random() % 400);
        ReadAnswer answer;
        const Status status = log_->read({offset, 100, true, 400}, true, &answer);
        ASSERT_TRUE(status.ok()) << status.name() << " " << status.path() << " " << status.error();
      }
    });
  }
  for (int64_t base = 0; base < 400; base += 20) {
    auto cleaned = make_batch(1, 1000, base + 19);
    write_tail(file(base, kLogSuffix) + ".cleaned", cleaned);
    ASSERT_TRUE(replace({base}, {base, base + 10}).status.ok());
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all_bases().size(), 20u);
}

TEST_F(ConcurrencyTest, NothingTouchesTheBytesAfterAbandon) {
  for (int round = 0; round < 20; round++) {
    ASSERT_TRUE(open().ok());
    {
      std::vector<std::vector<uint8_t>> batches(200, make_batch(20));
      for (auto& batch : batches) submit(batch);
      log_->abandon();
    }
    log_.reset();
  }
  ASSERT_TRUE(reopen_after_crash().ok());
}

}  // namespace
}  // namespace odradek::test
