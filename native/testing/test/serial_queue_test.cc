// The queue of one log's work: order, groups, what is dropped and what is waited for.
#include "serial_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

namespace odradek::test {
namespace {

// Notes what it is given; its first group of appends waits where the test has asked for that.
class Worker : public SerialQueue::Worker, public std::enable_shared_from_this<Worker> {
 public:
  SerialQueue queue{*this};
  std::promise<void> began;
  std::promise<void> may_go_on;
  bool waits = false;
  bool asks = false;
  std::atomic<int> inside{0};
  std::vector<std::string> log;
  std::promise<bool> followed_up;

  void append_group(std::vector<Append>& appends) override {
    EXPECT_EQ(++inside, 1) << "two threads work on one queue";
    if (waits) {
      waits = false;
      began.set_value();
      may_go_on.get_future().wait();
    }
    std::string ids = "appends";
    for (const Append& append : appends) ids += " " + std::to_string(static_cast<int>(append.id));
    log.push_back(ids);
    if (asks) queue.ask_follow_up();
    asks = false;
    inside--;
  }
  void follow_up(bool idle) override { followed_up.set_value(idle); }
  std::shared_ptr<void> keep_alive() override { return shared_from_this(); }

  bool append(double id, size_t size = 1) {
    Append append;
    append.id = id;
    append.size = size;
    return queue.push(append);
  }
  bool note(const std::string& line) {
    return queue.push([this, line] { log.push_back(line); });
  }
  // Everything that was pushed before is done.
  void drain() {
    std::promise<void> reached;
    ASSERT_TRUE(queue.push([&] { reached.set_value(); }));
    reached.get_future().wait();
  }
  // The queue's thread stands in append 0.
  void hold() {
    waits = true;
    ASSERT_TRUE(append(0));
    began.get_future().wait();
  }
};

using Lines = std::vector<std::string>;

TEST(SerialQueue, RunsInOrderAndHandsNeighbouringAppendsOverTogether) {
  const auto worker = std::make_shared<Worker>();
  worker->hold();
  worker->append(1);
  worker->append(2);
  worker->note("roll");
  worker->append(3);
  worker->may_go_on.set_value();
  worker->drain();
  EXPECT_EQ(worker->log, (Lines{"appends 0", "appends 1 2", "roll", "appends 3"}));
}

TEST(SerialQueue, BoundsAGroupByBytes) {
  const auto worker = std::make_shared<Worker>();
  worker->hold();
  worker->append(1, 3 << 20);
  worker->append(2, 3 << 20);
  worker->append(3);
  worker->may_go_on.set_value();
  worker->drain();
  EXPECT_EQ(worker->log, (Lines{"appends 0", "appends 1 2", "appends 3"}));
}

TEST(SerialQueue, TakesNothingAfterTheLastJob) {
  const auto worker = std::make_shared<Worker>();
  std::promise<void> ran;
  EXPECT_TRUE(worker->queue.push([&] { ran.set_value(); }, true));
  EXPECT_FALSE(worker->append(1));
  EXPECT_FALSE(worker->note("late"));
  ran.get_future().wait();
  worker->queue.abandon();
  EXPECT_EQ(worker->log, Lines{});
}

TEST(SerialQueue, FollowsUpAsIdleWhenNothingIsLeft) {
  const auto worker = std::make_shared<Worker>();
  worker->asks = true;
  worker->append(1);
  EXPECT_TRUE(worker->followed_up.get_future().get());
}

TEST(SerialQueue, FollowsUpBetweenJobsWhenSomethingIsLeft) {
  const auto worker = std::make_shared<Worker>();
  worker->asks = true;
  worker->hold();
  worker->note("next");
  worker->may_go_on.set_value();
  EXPECT_FALSE(worker->followed_up.get_future().get());
}

TEST(SerialQueue, GivesBackTheAppendsThatNobodyHasBegun) {
  const auto worker = std::make_shared<Worker>();
  std::vector<Append> taken;
  worker->hold();
  worker->append(1);
  worker->note("roll");
  worker->append(2);
  taken = worker->queue.take_appends();
  worker->may_go_on.set_value();
  worker->drain();
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].id, 1);
  EXPECT_EQ(taken[1].id, 2);
  EXPECT_EQ(worker->log, (Lines{"appends 0", "roll"}));
}

TEST(SerialQueue, AbandonDropsWhatWaitsAndWaitsForTheJobUnderWay) {
  const auto worker = std::make_shared<Worker>();
  worker->hold();
  worker->append(1);
  worker->note("roll");
  std::atomic<bool> over{false};
  std::thread abandons([&] {
    worker->queue.abandon();
    over = true;
  });
  // From here on the queue takes nothing: abandon() has begun.
  while (worker->note("late")) std::this_thread::yield();
  EXPECT_FALSE(over);
  worker->may_go_on.set_value();
  abandons.join();
  EXPECT_EQ(worker->log, (Lines{"appends 0"}));
}

TEST(SerialQueue, AbandonsTheAppendsOfOneCaller) {
  const auto worker = std::make_shared<Worker>();
  worker->hold();
  worker->append(10);
  worker->append(20);
  worker->append(11);
  std::thread abandons([&] { worker->queue.abandon_appends(10, 20); });
  worker->may_go_on.set_value();
  abandons.join();
  worker->drain();
  // Those of the caller may have run before they could be dropped, but none runs afterwards.
  EXPECT_NE(std::find_if(worker->log.begin(), worker->log.end(),
                         [](const std::string& line) { return line.find("20") != std::string::npos; }),
            worker->log.end());
}

TEST(SerialQueue, ManyThreadsPushAndEverythingRunsOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  const auto worker = std::make_shared<Worker>();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; i++) ASSERT_TRUE(worker->append(t * kEach + i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  worker->drain();
  std::vector<int> next(kThreads, 0);
  for (const std::string& line : worker->log) {
    for (size_t at = line.find(' '); at != std::string::npos; at = line.find(' ', at + 1)) {
      const int id = std::stoi(line.substr(at + 1));
      EXPECT_EQ(id % kEach, next[static_cast<size_t>(id / kEach)]++) << "out of order";
    }
  }
  EXPECT_EQ(next, std::vector<int>(kThreads, kEach));
}

}  // namespace
}  // namespace odradek::test
