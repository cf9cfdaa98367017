// What a log does when the disk fails it.
#include <cerrno>

#include "group_commit.h"
#include "log_fixture.h"

namespace odradek::test {
namespace {

using Offsets = std::vector<int64_t>;

class FailureTest : public LogTest {
 protected:
  void fail_on(FileOperation operation, const std::string& path, int error, uint64_t after = 0,
               uint64_t times = UINT64_MAX) {
    faults().set_faults({{operation, path, after, times, error}});
  }
};

TEST_F(FailureTest, AFullDiskLeavesNothingPartial) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 5; i++) ASSERT_TRUE(append(make_batch(4)).status.ok());
  const uint64_t size = log_->size();
  fail_on(FileOperation::kWrite, ".log", ENOSPC);
  std::vector<std::vector<uint8_t>> batches(20, make_batch(4));
  std::vector<double> ids;
  for (auto& batch : batches) ids.push_back(submit(batch));
  for (const double id : ids) {
    const Code code = sink_->wait(id).status.code();
    EXPECT_TRUE(code == Code::kNoSpace || code == Code::kLogFailed);
  }
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFailed).status.code(), Code::kNoSpace);
  EXPECT_EQ(log_->log_end_offset(), 20);
  EXPECT_EQ(file_size(file(0, kLogSuffix)), size);
  EXPECT_EQ(read_bases(0), (Offsets{0, 4, 8, 12, 16}));
  faults().set_faults({});
  EXPECT_EQ(append(make_batch(1)).status.code(), Code::kLogFailed);
  EXPECT_EQ(flush().status.code(), Code::kLogFailed);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(append(make_batch(1)).values[0], 20);
}

TEST_F(FailureTest, AFullDiskUnderTheIndexTakesTheRecordsBack) {
  settings_.index_interval_bytes = 0;
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(1)).status.ok());
  const uint64_t size = log_->size();
  fail_on(FileOperation::kWrite, ".index", ENOSPC);
  EXPECT_EQ(append(make_batch(1)).status.code(), Code::kNoSpace);
  EXPECT_EQ(file_size(file(0, kLogSuffix)), size);
  EXPECT_EQ(file_size(file(0, kOffsetIndexSuffix)), 0u);
}

TEST_F(FailureTest, AFailedFsyncFailsTheLogAndTheNextOpenCuts) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 3; i++) ASSERT_TRUE(append(make_batch(4)).status.ok());
  ASSERT_TRUE(flush().status.ok());
  for (int i = 0; i < 3; i++) ASSERT_TRUE(append(make_batch(4)).status.ok());
  fail_on(FileOperation::kSync, ".log", EIO, 0, 1);
  const Completion failed = flush();
  EXPECT_EQ(failed.status.code(), Code::kIo);
  EXPECT_EQ(failed.status.error(), EIO);
  EXPECT_EQ(log_->flushed_offset(), 12);
  EXPECT_EQ(append(make_batch(1)).status.code(), Code::kLogFailed);
  // The second fsync would succeed, having lost the pages: it must not be believed.
  EXPECT_EQ(flush().status.code(), Code::kLogFailed);
  EXPECT_EQ(log_->flushed_offset(), 12);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(log_->log_end_offset(), 12);
  EXPECT_GT(report_.truncated_bytes, 0u);
  EXPECT_EQ(append(make_batch(1)).values[0], 12);
}

TEST_F(FailureTest, AFailedFsyncIsToldToTheAppendsThatAwaitIt) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(4)).status.ok());
  ASSERT_TRUE(flush().status.ok());
  fail_on(FileOperation::kSync, ".log", EIO, 0, 1);
  auto one = make_batch(4);
  const Completion failed = sink_->wait(submit(one, BatchOrigin::kClient, Flush::kAwaited));
  EXPECT_EQ(failed.status.code(), Code::kLogFailed);
  EXPECT_EQ(failed.status.error(), EIO);
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFailed).status.code(), Code::kIo);
  EXPECT_EQ(log_->flushed_offset(), 4);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(log_->log_end_offset(), 4);

  fail_on(FileOperation::kSync, ".log", EIO, 0, 1);
  auto two = make_batch(4);
  const double asked = submit(two, BatchOrigin::kClient, Flush::kAsked);
  EXPECT_TRUE(sink_->wait(asked).status.ok());
  const Completion over = sink_->wait_event(CompletionKind::kOver);
  EXPECT_EQ(over.id, asked);
  EXPECT_EQ(over.status.code(), Code::kLogFailed);
}

TEST_F(FailureTest, AWriteThatCannotBeTakenBackIsCutByTheNextOpen) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(4)).status.ok());
  ASSERT_TRUE(flush().status.ok());
  faults().set_faults(
      {{FileOperation::kWrite, ".log", 0, UINT64_MAX, EIO}, {FileOperation::kTruncate, ".log", 0, UINT64_MAX, EIO}});
  EXPECT_EQ(append(make_batch(4)).status.code(), Code::kIo);
  faults().set_faults({});
  EXPECT_EQ(read_bases(0), Offsets{0});
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(log_->log_end_offset(), 4);
  EXPECT_EQ(file_size(file(0, kLogSuffix)), make_batch(4).size());
}

TEST_F(FailureTest, AFailedRollFailsTheLogAndKeepsWhatItHas) {
  settings_.segment_bytes = 300;
  ASSERT_TRUE(open().ok());
  fail_on(FileOperation::kOpen, "00000000000000000012.log", ENOSPC);
  Offsets kept;
  for (int i = 0; i < 6; i++) {
    if (append(make_batch(4)).status.ok()) kept.push_back(i * 4);
  }
  EXPECT_EQ(kept.size(), 3u);
  EXPECT_EQ(sink_->wait_event(CompletionKind::kFailed).status.code(), Code::kNoSpace);
  EXPECT_EQ(all_bases(), kept);
}

TEST_F(FailureTest, FlushedOffsetStopsAtTheSegmentThatFailed) {
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(append(make_batch(4)).status.ok());
  fail_on(FileOperation::kSync, "00000000000000000000.log", EIO);
  ASSERT_TRUE(roll().status.ok());
  append(make_batch(4));
  EXPECT_FALSE(flush().status.ok());
  EXPECT_EQ(log_->flushed_offset(), 0);
}

TEST_F(FailureTest, AReplacementThatFailsLeavesTheOldSegments) {
  ASSERT_TRUE(open().ok());
  for (int i = 0; i < 2; i++) {
    ASSERT_TRUE(append(make_batch(10)).status.ok());
    ASSERT_TRUE(roll().status.ok());
  }
  write_tail(file(0, kLogSuffix) + ".cleaned", make_batch(1, 1000, 5));
  fail_on(FileOperation::kRename, ".log.cleaned", EIO);
  EXPECT_EQ(replace({0}, {0, 10}).status.code(), Code::kIo);
  EXPECT_EQ(all_bases(), (Offsets{0, 10}));
  faults().set_faults({});
  EXPECT_EQ(append(make_batch(1)).values[0], 20);
  EXPECT_FALSE(exists(file(0, kLogSuffix) + ".cleaned"));
}

TEST_F(FailureTest, ManyLogsAreFlushedTogetherAndAFailureHitsItsOwnLogOnly) {
  constexpr int kLogs = 150;
  const auto sink = std::make_shared<TestSink>();
  std::vector<std::shared_ptr<Log>> logs;
  std::vector<std::vector<uint8_t>> batches(kLogs, make_batch(2));
  for (int i = 0; i < kLogs; i++) {
    auto log = std::make_shared<Log>(i, path_ + "-" + std::to_string(i), sink);
    RecoveryReport report;
    ASSERT_TRUE(log->open(settings_, {}, &report).ok());
    logs.push_back(log);
  }
  fail_on(FileOperation::kSync, path_ + "-7/", EIO);
  for (int i = 0; i < kLogs; i++) {
    Append append;
    append.id = 1000 + i;
    append.bytes = batches[static_cast<size_t>(i)].data();
    append.size = batches[static_cast<size_t>(i)].size();
    logs[static_cast<size_t>(i)]->append(append);
    logs[static_cast<size_t>(i)]->flush(2000 + i);
  }
  for (int i = 0; i < kLogs; i++) {
    EXPECT_TRUE(sink->wait(1000 + i).status.ok());
    EXPECT_EQ(sink->wait(2000 + i).status.ok(), i != 7) << i;
    EXPECT_EQ(logs[static_cast<size_t>(i)]->flushed_offset(), i == 7 ? 0 : 2);
  }
  for (auto& log : logs) log->abandon();
}

}  // namespace
}  // namespace odradek::test
