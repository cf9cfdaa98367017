// Look-ups in index files of many pages, and in damaged ones.
#include "log_fixture.h"

namespace odradek::test {
namespace {

class IndexTest : public LogTest {
 protected:
  // An entry for every batch but the first: `batches` of two records each, timestamps 10 apart.
  void fill(int batches) {
    settings_.index_interval_bytes = 1;
    settings_.segment_bytes = 1 << 30;
    ASSERT_TRUE(open().ok());
    for (int i = 0; i < batches; i++) ASSERT_TRUE(append(make_batch(2, 1000 + i * 10)).status.ok());
  }
  void expect_every_offset_found(int batches) {
    for (int64_t offset = 0; offset < batches * 2; offset++) {
      ReadAnswer answer;
      ASSERT_TRUE(log_->read({offset, 1, true, INT64_MAX}, true, &answer).ok());
      ASSERT_EQ(answer.first_batch_offset, offset / 2 * 2) << "offset " << offset;
    }
    for (int i = 0; i < batches; i++) {
      int64_t base = -1;
      ASSERT_TRUE(log_->find_by_timestamp(1000 + i * 10 - 5, 0, &base).ok());
      ASSERT_EQ(base, i * 2) << "timestamp of batch " << i;
    }
  }
};

TEST_F(IndexTest, EveryOffsetAndTimestampIsFound) {
  // More than two blocks of offset entries and three of time entries, the last of each not full.
  constexpr int kBatches = 1100;
  fill(kBatches);
  expect_every_offset_found(kBatches);
  ASSERT_TRUE(roll().status.ok());
  expect_every_offset_found(kBatches);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  expect_every_offset_found(kBatches);
  EXPECT_EQ(report_.rebuilt_indexes, 0);
}

TEST_F(IndexTest, BlocksThatAreExactlyFull) {
  // 512 offset entries are one block, 1024 are two; the first batch has none.
  for (const int batches : {512, 513, 514, 1025}) {
    fill(batches);
    expect_every_offset_found(batches);
    ASSERT_TRUE(close().status.ok());
    ASSERT_TRUE(remove_tree(path_).ok());
  }
}

TEST_F(IndexTest, AnErrorOfTheDiskUnderAnIndexIsAnErrorOfTheRead) {
  fill(600);
  ASSERT_TRUE(roll().status.ok());
  faults().set_faults({{FileOperation::kRead, "0.index", 0, UINT64_MAX, EIO}});
  ReadAnswer answer;
  const Status refused = log_->read({2, 1, true, INT64_MAX}, true, &answer);
  EXPECT_EQ(refused.code(), Code::kIo);
  EXPECT_EQ(refused.error(), EIO);
  faults().set_faults({});
  EXPECT_TRUE(log_->read({2, 1, true, INT64_MAX}, true, &answer).ok());
  EXPECT_EQ(append(make_batch(1)).values[0], 1200);
}

TEST_F(IndexTest, AnIndexThatLostItsEndIsDoneWithoutAndRebuiltByTheNextOpen) {
  fill(600);
  ASSERT_TRUE(roll().status.ok());
  shrink(file(0, kOffsetIndexSuffix), 500 * kOffsetIndexEntrySize + 3);
  ReadAnswer answer;
  EXPECT_TRUE(log_->read({2, 1, true, INT64_MAX}, true, &answer).ok());
  EXPECT_EQ(answer.first_batch_offset, 2);
  ASSERT_TRUE(close().status.ok());
  ASSERT_TRUE(reopen_clean().ok());
  EXPECT_EQ(report_.rebuilt_indexes, 1);
  expect_every_offset_found(600);
}

}  // namespace
}  // namespace odradek::test
