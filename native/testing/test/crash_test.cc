// Thousands of lives of logs on a disk that forgets. ODRADEK_SEEDS says how many, ODRADEK_SEED repeats one.
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "crash_run.h"
#include "log_fixture.h"

namespace odradek::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 500;
#else
constexpr uint64_t kSeeds = 10'000;
#endif

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// As many handles are cached on every machine, so that a seed does the same.
class CrashTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rlimit limit;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = std::min<rlim_t>(1200, limit.rlim_max);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

  // The seeds that lost something.
  static std::vector<uint64_t> losses(uint64_t first, uint64_t count, LeftOut left_out, CrashTotals* totals) {
    std::vector<uint64_t> lost;
    for (uint64_t seed = first; seed < first + count; seed++) {
      CrashRun run(seed, left_out);
      const std::string wrong = run.run();
      run.add_to(totals);
      if (wrong.empty()) continue;
      lost.push_back(seed);
      last_ = "ODRADEK_SEED=" + std::to_string(seed) + ": " + wrong;
      if (left_out.disk.data_syncs || left_out.disk.folder_syncs || left_out.failed_marker) return lost;
      for (const std::string& line : run.schedule()) std::cout << "  " << line << "\n";
      std::cout << last_ << std::endl;
    }
    return lost;
  }

  static inline std::string last_;
};

// In parts that can run at the same time; a seed that is repeated is all of the first.
class CrashPart : public CrashTest, public ::testing::WithParamInterface<uint64_t> {};
constexpr uint64_t kParts = 2;

TEST_P(CrashPart, LosesNothingThatWasAcknowledged) {
  CrashTotals totals;
  const bool repeats = std::getenv("ODRADEK_SEED") != nullptr;
  if (repeats && GetParam() > 0) GTEST_SKIP() << "one seed is repeated";
  const uint64_t all = repeats ? kParts : number_of("ODRADEK_SEEDS", kSeeds);
  const uint64_t before = all * GetParam() / kParts;
  const uint64_t count = all * (GetParam() + 1) / kParts - before;
  const uint64_t first = number_of("ODRADEK_SEED", 1) + before;
  const auto lost = losses(first, count, {}, &totals);
  std::cout << "summary: crash simulation: " << totals.seeds << " seeds from " << first << ", " << totals.steps
            << " steps, " << totals.power_cuts << " power cuts, " << totals.kills << " kills, "
            << totals.crashes_in_recovery << " of them in recovery, " << totals.records_checked
            << " records checked, losses: " << lost.size() << std::endl;
  EXPECT_EQ(lost.size(), 0u) << last_;
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashPart, ::testing::Range<uint64_t>(0, kParts));

TEST_F(CrashTest, FindsLossesWhereSyncsOfFilesAreLeftOut) {
  CrashTotals totals;
  EXPECT_FALSE(losses(1, 200, {{true, false}, false}, &totals).empty());
  std::cout << last_ << std::endl;
}

TEST_F(CrashTest, FindsLossesWhereSyncsOfFoldersAreLeftOut) {
  CrashTotals totals;
  EXPECT_FALSE(losses(1, 200, {{false, true}, false}, &totals).empty());
  std::cout << last_ << std::endl;
}

TEST_F(CrashTest, FindsLossesWhereTheMarkOfAFailedLogIsLeftOut) {
  CrashTotals totals;
  EXPECT_FALSE(losses(1, 2000, {{false, false}, true}, &totals).empty());
  std::cout << last_ << std::endl;
}

}  // namespace
}  // namespace odradek::test
