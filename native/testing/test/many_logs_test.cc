// More logs than descriptors.
#include <sched.h>
#include <sys/resource.h>

#include "log_fixture.h"

namespace odradek::test {
namespace {

// Before anything asks the cache for its capacity.
const bool limited = [] {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 192;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}();

TEST(ManyLogs, ShareFewDescriptors) {
  ASSERT_TRUE(limited);
  char name[] = "/tmp/odradek-engine-XXXXXX";
  const std::string root = mkdtemp(name);
  constexpr size_t kLogs = 150;
  const auto sink = std::make_shared<TestSink>();
  LogSettings settings;
  double id = 0;
  std::vector<std::shared_ptr<Log>> logs;
  for (size_t i = 0; i < kLogs; i++) {
    logs.push_back(std::make_shared<Log>(static_cast<double>(i), root + "/orders-" + std::to_string(i), sink));
    RecoveryReport report;
    ASSERT_TRUE(logs.back()->open(settings, {}, &report).ok());
  }
  for (int round = 0; round < 3; round++) {
    std::vector<std::vector<uint8_t>> batches(kLogs, make_batch(2));
    const double first = id + 1;
    for (size_t i = 0; i < kLogs; i++) {
      Append append;
      append.id = ++id;
      append.bytes = batches[i].data();
      append.size = batches[i].size();
      logs[i]->append(append);
    }
    for (size_t i = 0; i < kLogs; i++) {
      const Completion done = sink->wait(first + static_cast<double>(i));
      ASSERT_TRUE(done.status.ok()) << done.status.name() << " " << done.status.path() << done.status.error();
    }
    for (const auto& log : logs) {
      log->roll(++id);
      ASSERT_TRUE(sink->wait(id).status.ok());
      ReadAnswer answer;
      ASSERT_TRUE(log->read({round * 2, 1000, true, INT64_MAX}, true, &answer).ok());
      ASSERT_EQ(answer.first_batch_offset, round * 2);
    }
  }
  EXPECT_LE(HandleCache::instance().size(), HandleCache::instance().capacity());
  for (const auto& log : logs) {
    log->close(++id);
    ASSERT_TRUE(sink->wait(id).status.ok());
  }
  logs.clear();
  // A flush thread may still hold the plan of a flush that it has just ended.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (Pin::count() + HandleCache::instance().size() > 0 && std::chrono::steady_clock::now() < deadline) {
    sched_yield();
  }
  EXPECT_EQ(Pin::count(), 0u);
  EXPECT_EQ(HandleCache::instance().size(), 0u);
  ASSERT_TRUE(remove_tree(root).ok());
}

}  // namespace
}  // namespace odradek::test
