// What a log is after it was not closed, or its files were harmed.
#include "failed_marker.h"
#include "gap_limit.h"
#include "log_fixture.h"

namespace odradek::test {
namespace {

using Offsets = std::vector<int64_t>;

class RecoveryTest : public LogTest {
 protected:
  // Two sealed segments of ten batches and an active one, of ten records a batch.
  void fill() {
    settings_.index_interval_bytes = 200;
    ASSERT_TRUE(open().ok());
    for (int i = 0; i < 30; i++) {
      ASSERT_TRUE(append(make_batch(10, 1000 + i)).status.ok());
      if (i == 9 || i == 19) {
        ASSERT_TRUE(roll().status.ok());
      }
    }
    ASSERT_TRUE(flush().status.ok());
  }
  void fill_and_crash() {
    fill();
    crash();
  }
  uint64_t batch_size() { return make_batch(10).size(); }
};

TEST_F(RecoveryTest, ScansNothingAfterACleanStop) {
  fill();
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(report_.scanned_bytes, 0u);
  EXPECT_EQ(report_.rebuilt_indexes, 0);
  EXPECT_EQ(log_->log_end_offset(), 300);
  EXPECT_EQ(log_->segments()[2].max_timestamp.timestamp, 1029);
  EXPECT_EQ(log_->segments()[2].max_timestamp.offset, 299);
}

TEST_F(RecoveryTest, KeepsAllThatIsWhole) {
  fill_and_crash();
  ASSERT_TRUE(reopen_after_crash().ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
  EXPECT_EQ(log_->flushed_offset(), 300);
  EXPECT_EQ(report_.scanned_bytes, 30 * batch_size());
  EXPECT_EQ(report_.truncated_bytes, 0u);
}

TEST_F(RecoveryTest, ScansFromTheRecoveryPointOnly) {
  fill_and_crash();
  ASSERT_TRUE(reopen_after_crash(250).ok());
  EXPECT_EQ(report_.scanned_bytes, 5 * batch_size());
  EXPECT_EQ(report_.rebuilt_indexes, 0);
  EXPECT_EQ(all_bases().size(), 30u);
  EXPECT_EQ(log_->segments()[2].max_timestamp.timestamp, 1029);
}

TEST_F(RecoveryTest, CutsATornTail) {
  for (const uint64_t cut : {1u, 30u, 60u, 100u}) {
    fill_and_crash();
    shrink(file(200, kLogSuffix), cut);
    ASSERT_TRUE(reopen_after_crash(200).ok());
    EXPECT_EQ(log_->log_end_offset(), 290) << cut;
    EXPECT_EQ(report_.truncated_bytes, batch_size() - cut);
    EXPECT_EQ(file_size(file(200, kLogSuffix)), 9 * batch_size());
    EXPECT_EQ(append(make_batch(1)).values[0], 290);
    ASSERT_TRUE(close().status.ok());
    ASSERT_TRUE(remove_tree(path_).ok());
  }
}

TEST_F(RecoveryTest, CutsAtAFlippedByteAndDropsWhatFollows) {
  fill_and_crash();
  flip_byte(file(100, kLogSuffix), 3 * batch_size() + 80);
  ASSERT_TRUE(reopen_after_crash().ok());
  EXPECT_EQ(log_->log_end_offset(), 130);
  EXPECT_EQ(log_->segments().size(), 2u);
  EXPECT_FALSE(exists(file(200, kLogSuffix)));
  EXPECT_EQ(report_.truncated_bytes, 17 * batch_size());
  EXPECT_EQ(append(make_batch(1)).values[0], 130);
  EXPECT_EQ(all_bases().size(), 14u);
}

// The disk kept the newer segment and lost the end of the older: both were waiting for the same flush.
TEST_F(RecoveryTest, DropsWhatFollowsASegmentThatLostItsEnd) {
  fill_and_crash();
  shrink(file(100, kLogSuffix), 2 * batch_size());
  ASSERT_TRUE(reopen_after_crash(150).ok());
  EXPECT_EQ(log_->log_end_offset(), 180);
  EXPECT_EQ(log_->flushed_offset(), 180);
  EXPECT_FALSE(exists(file(200, kLogSuffix)));
  EXPECT_EQ(append(make_batch(1)).values[0], 180);
}

TEST_F(RecoveryTest, LeavesGapsThatCompactionMayHaveMade) {
  fill_and_crash();
  shrink(file(100, kLogSuffix), 2 * batch_size());
  ASSERT_TRUE(reopen_after_crash(-1).ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
  crash();
  ASSERT_TRUE(reopen_after_crash(200).ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
  crash();
  settings_.require_key = true;
  ASSERT_TRUE(reopen_after_crash(0).ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
}

TEST_F(RecoveryTest, CutsATailOfZeros) {
  fill_and_crash();
  write_tail(file(200, kLogSuffix), std::vector<uint8_t>(5000));
  ASSERT_TRUE(reopen_after_crash(300).ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
  EXPECT_EQ(report_.truncated_bytes, 5000u);
}

// A batch whose first bytes lie in a sector that was lost, and all others in one that was kept: whole but for its
// offset.
TEST_F(RecoveryTest, CutsABatchThatLostTheFirstBytesOfItsOffset) {
  constexpr uint64_t kSector = 512;
  for (uint64_t lost = 1; lost <= 8; lost++) {
    ASSERT_TRUE(open().ok());
    const std::string log = file(0, kLogSuffix);
    for (int i = 0; log_->log_end_offset() < 300 || file_size(log) % kSector != kSector - lost; i++) {
      ASSERT_LT(i, 100'000);
      ASSERT_TRUE(append(make_batch(1 + i % 7)).status.ok());
    }
    ASSERT_TRUE(flush().status.ok());
    const int64_t durable = log_->log_end_offset();
    const uint64_t size = file_size(log);
    std::vector<uint8_t> torn = make_batch(3);
    const uint64_t torn_size = torn.size();
    ASSERT_TRUE(append(torn).status.ok());
    crash();
    overwrite(log, size, std::vector<uint8_t>(lost));
    // The high bytes of such an offset are zero anyway.
    ASSERT_LT(durable, 1 << 16);
    const bool is_whole = lost <= 6;
    // What was on disk for certain is not torn but damaged.
    if (!is_whole) {
      EXPECT_EQ(reopen_after_crash(durable + 1).code(), Code::kCorruptLog) << lost;
    }
    ASSERT_TRUE(reopen_after_crash(durable).ok()) << lost;
    EXPECT_EQ(log_->log_end_offset(), is_whole ? durable + 3 : durable) << lost;
    EXPECT_EQ(report_.truncated_bytes, is_whole ? 0u : torn_size) << lost;
    ASSERT_TRUE(close().status.ok());
    ASSERT_TRUE(remove_tree(path_).ok());
  }
}

TEST_F(RecoveryTest, RebuildsIndexesThatDoNotCheckOut) {
  fill();
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(real_file_system().unlink(file(0, kOffsetIndexSuffix)).ok());
  shrink(file(100, kTimeIndexSuffix), 5);
  flip_byte(file(200, kOffsetIndexSuffix), 6);
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(report_.rebuilt_indexes, 3);
  EXPECT_EQ(log_->log_end_offset(), 300);
  for (int64_t offset = 0; offset < 300; offset += 9) EXPECT_EQ(read_bases(offset).front(), offset / 10 * 10);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(report_.rebuilt_indexes, 0);
}

// A power cut may keep the offset entry of a batch and lose the time entry of one before it.
TEST_F(RecoveryTest, MissesATimeEntryThatIsGone) {
  settings_.index_interval_bytes = 0;
  ASSERT_TRUE(open().ok());
  for (const int64_t timestamp : {1000, 1600, 2000, 1500}) ASSERT_TRUE(append(make_batch(1, timestamp)).status.ok());
  ASSERT_TRUE(flush().status.ok());
  crash();
  shrink(file(0, kTimeIndexSuffix), kTimeIndexEntrySize);
  ASSERT_TRUE(reopen_after_crash(4).ok());
  EXPECT_EQ(log_->segments()[0].max_timestamp.timestamp, 2000);
  int64_t found = -1;
  ASSERT_TRUE(log_->find_by_timestamp(1900, 0, &found).ok());
  EXPECT_EQ(found, 2);
}

TEST_F(RecoveryTest, TakesIndexesThatWereNeverTrimmed) {
  fill_and_crash();
  write_tail(file(200, kOffsetIndexSuffix), std::vector<uint8_t>(4096));
  write_tail(file(200, kTimeIndexSuffix), std::vector<uint8_t>(4092));
  ASSERT_TRUE(reopen_after_crash(250).ok());
  EXPECT_EQ(log_->log_end_offset(), 300);
  EXPECT_EQ(all_bases().size(), 30u);
  ASSERT_TRUE(close().status.ok());
  EXPECT_LT(file_size(file(200, kOffsetIndexSuffix)), 4096u);
}

TEST_F(RecoveryTest, ForgetsIndexEntriesPastTheCut) {
  fill_and_crash();
  shrink(file(200, kLogSuffix), 5 * batch_size() + 1);
  ASSERT_TRUE(reopen_after_crash(200).ok());
  EXPECT_EQ(log_->log_end_offset(), 240);
  EXPECT_EQ(report_.rebuilt_indexes, 1);
  EXPECT_EQ(log_->segments()[2].max_timestamp.timestamp, 1023);
  for (int i = 0; i < 10; i++) ASSERT_TRUE(append(make_batch(10)).status.ok());
  for (int64_t offset = 200; offset < 340; offset += 9) EXPECT_EQ(read_bases(offset).front(), offset / 10 * 10);
}

TEST_F(RecoveryTest, StartsAtTheLogStartWhenItEndsBelow) {
  fill_and_crash();
  ASSERT_TRUE(reopen_after_crash(0, 1000).ok());
  EXPECT_EQ(log_->log_end_offset(), 1000);
  EXPECT_EQ(log_->first_segment_offset(), 1000);
  EXPECT_EQ(append(make_batch(1)).values[0], 1000);
}

TEST_F(RecoveryTest, FinishesDeletions) {
  fill_and_crash();
  ASSERT_TRUE(rename_segment(path_, 0, "", kDeletedSuffix).ok());
  ASSERT_TRUE(reopen_after_crash(200).ok());
  EXPECT_EQ(log_->first_segment_offset(), 100);
  EXPECT_FALSE(exists(file(0, kLogSuffix) + ".deleted"));
}

TEST_F(RecoveryTest, UndoesAReplacementThatWasNotComplete) {
  fill_and_crash();
  write_tail(file(0, kLogSuffix) + ".cleaned", make_batch(1, 1000, 5));
  write_tail(file(100, kLogSuffix) + ".swap", make_batch(1, 1000, 105));
  ASSERT_TRUE(reopen_after_crash(200).ok());
  EXPECT_EQ(all_bases().size(), 30u);
  EXPECT_FALSE(exists(file(0, kLogSuffix) + ".cleaned"));
  EXPECT_FALSE(exists(file(100, kLogSuffix) + ".swap"));
}

TEST_F(RecoveryTest, FinishesAReplacementThatWas) {
  fill_and_crash();
  auto swap = make_batch(1, 1000, 5);
  const auto second = make_batch(1, 1000, 150);
  swap.insert(swap.end(), second.begin(), second.end());
  write_tail(file(0, kLogSuffix) + ".swap", swap);
  ASSERT_TRUE(rename_segment(path_, 0, "", kDeletedSuffix).ok());
  ASSERT_TRUE(reopen_after_crash(200).ok());
  const Offsets bases = all_bases();
  ASSERT_EQ(bases.size(), 12u);
  EXPECT_EQ(bases[0], 5);
  EXPECT_EQ(bases[1], 150);
  EXPECT_EQ(bases[2], 200);
}

TEST_F(RecoveryTest, AFailedLogThatIsCutWhereASegmentBeginsKeepsAllBelow) {
  fill_and_crash();
  leave_failed_marker(path_, 200);
  ASSERT_TRUE(reopen_after_crash(200).ok());
  EXPECT_EQ(log_->log_end_offset(), 200);
  EXPECT_EQ(all_bases().size(), 20u);
  EXPECT_EQ(append(make_batch(10)).values[0], 200);
  EXPECT_EQ(read_bases(200).front(), 200);
}

TEST_F(RecoveryTest, CutsToTheMarkerOfAFailedLog) {
  fill();
  ASSERT_TRUE(close().status.ok());
  leave_failed_marker(path_, 240);
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(log_->log_end_offset(), 240);
  EXPECT_EQ(report_.truncated_bytes, 6 * batch_size());
  EXPECT_FALSE(exists(path_ + "/" + std::string(kFailedMarkerName)));
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(report_.truncated_bytes, 0u);
}

// A truncation of a compacted log that stopped half way: the gap before the cut is none that a loss left.
TEST_F(RecoveryTest, CutsToTheMarkerBehindAGapOfACompaction) {
  ASSERT_TRUE(open().ok());
  for (const int64_t base : {0, 5, 9}) {
    ASSERT_TRUE(append(make_batch(2, 1000, base), BatchOrigin::kFollower).status.ok());
  }
  ASSERT_TRUE(flush().status.ok());
  crash();
  ASSERT_TRUE(write_gap_limit(path_, 11).ok());
  leave_failed_marker(path_, 9);
  ASSERT_TRUE(reopen_after_crash(9).ok());
  EXPECT_EQ(log_->log_end_offset(), 7);
  EXPECT_EQ(all_bases(), (std::vector<int64_t>{0, 5}));
}

TEST_F(RecoveryTest, SurvivesEveryLengthOfTheLastSegment) {
  fill_and_crash();
  const uint64_t full = file_size(file(200, kLogSuffix));
  for (uint64_t cut = 0; cut < full; cut += 37) {
    shrink(file(200, kLogSuffix), file_size(file(200, kLogSuffix)) - (full - cut));
    ASSERT_TRUE(reopen_after_crash(200).ok());
    ASSERT_EQ(log_->log_end_offset(), 200 + static_cast<int64_t>((full - cut) / batch_size()) * 10);
    crash();
    // The next round wants a longer file than recovery left.
    std::vector<uint8_t> more(full - cut - file_size(file(200, kLogSuffix)));
    write_tail(file(200, kLogSuffix), more);
  }
}

}  // namespace
}  // namespace odradek::test
