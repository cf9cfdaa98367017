// The bookkeeping of one log's flushes: who may flush when, and who waits for it.
#include "flush_state.h"

#include <gtest/gtest.h>

namespace odradek::test {
namespace {

std::vector<double> ids_of(const std::vector<Completion>& completions) {
  std::vector<double> ids;
  for (const Completion& completion : completions) ids.push_back(completion.id);
  return ids;
}

TEST(FlushState, ALogStandsInLineOnce) {
  FlushState flushes;
  EXPECT_TRUE(flushes.want());
  EXPECT_FALSE(flushes.want());
}

TEST(FlushState, WhatIsWantedDuringAFlushIsPutInLineAtItsEnd) {
  FlushState flushes;
  EXPECT_TRUE(flushes.want());
  ASSERT_TRUE(flushes.leave_line());
  flushes.satisfy();
  flushes.begin();
  EXPECT_FALSE(flushes.want());
  EXPECT_TRUE(flushes.end());
}

TEST(FlushState, AFlushThatSatisfiesEverythingLeavesNothingToDo) {
  FlushState flushes;
  EXPECT_TRUE(flushes.want());
  ASSERT_TRUE(flushes.leave_line());
  flushes.satisfy();
  flushes.begin();
  EXPECT_FALSE(flushes.end());
}

TEST(FlushState, BlockedFlushesWaitForTheLastBlock) {
  FlushState flushes;
  EXPECT_TRUE(flushes.want());
  flushes.block();
  flushes.block();
  EXPECT_FALSE(flushes.leave_line()) << "a thread from the line must not begin";
  EXPECT_FALSE(flushes.unblock());
  EXPECT_TRUE(flushes.unblock()) << "what was wanted meanwhile is put in line";
}

TEST(FlushState, WhoBlocksMayFlushItself) {
  FlushState flushes;
  flushes.block();
  flushes.begin();
  EXPECT_TRUE(flushes.is_under_way());
  EXPECT_FALSE(flushes.end());
  EXPECT_FALSE(flushes.unblock());
}

TEST(FlushState, AClosedLogIsNotPutInLine) {
  FlushState flushes;
  flushes.close();
  EXPECT_FALSE(flushes.want());
}

TEST(FlushState, CompletesTheWaitsThatTheFlushCoversInOrder) {
  FlushState flushes;
  flushes.wait(Completion::operation(1, Status()), 10, true);
  flushes.wait(Completion::operation(2, Status()), 30, true);
  flushes.wait(Completion::operation(3, Status()), 20, false);
  std::vector<Completion> reached;
  flushes.take_reached(20, &reached);
  EXPECT_EQ(ids_of(reached), (std::vector<double>{1, 3}));
  EXPECT_TRUE(flushes.has_waiters());
  EXPECT_EQ(flushes.take_waiters().size(), 1u);
  EXPECT_FALSE(flushes.has_waiters());
}

TEST(FlushState, ACutEndsTheWaitsForWhatIsGone) {
  FlushState flushes;
  flushes.wait(Completion::operation(1, Status()), 30, true);
  flushes.block();
  flushes.cut_waits(5);
  std::vector<Completion> reached;
  flushes.take_reached(5, &reached);
  EXPECT_EQ(ids_of(reached), (std::vector<double>{1}));
}

TEST(FlushState, TheTimerIsSetOnce) {
  FlushState flushes;
  EXPECT_TRUE(flushes.set_timer());
  EXPECT_FALSE(flushes.set_timer());
  flushes.clear_timer();
  EXPECT_TRUE(flushes.set_timer());
}

TEST(FlushStateDeathTest, TwoFlushesAtATimeEndTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  FlushState flushes;
  flushes.begin();
  EXPECT_DEATH(flushes.begin(), "check failed: !under_way_");
}

TEST(FlushStateDeathTest, AnEndWithoutABeginningEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  FlushState flushes;
  EXPECT_DEATH(flushes.end(), "check failed: under_way_");
}

TEST(FlushStateDeathTest, ACutDuringFlushesEndsTheProcess) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  FlushState flushes;
  EXPECT_DEATH(flushes.cut_waits(0), "check failed");
}

}  // namespace
}  // namespace odradek::test
