// One seed's life of a few logs on a simulated disk: work, crashes at any moment, recovery, judged by a model.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log.h"
#include "log_model.h"
#include "seeded_random.h"
#include "simulated_disk.h"
#include "thread_pool.h"

namespace odradek::test {

// What is left out of the engine to see whether the check bites.
struct LeftOut {
  SimulatedDisk::LeftOut disk;
  bool failed_marker = false;
};

struct CrashTotals {
  uint64_t seeds = 0;
  uint64_t steps = 0;
  uint64_t kills = 0;
  uint64_t power_cuts = 0;
  uint64_t crashes_in_recovery = 0;
  uint64_t records_checked = 0;
};

class CrashRun {
 public:
  CrashRun(uint64_t seed, LeftOut left_out);
  ~CrashRun();

  // What was lost or wrong; empty when nothing was.
  std::string run();
  // What was done, a line each.
  const std::vector<std::string>& schedule() const { return schedule_; }
  void add_to(CrashTotals* totals) const;

 private:
  struct Pending;
  struct Subject;
  class Sink;

  bool live();
  bool start();
  bool open(Subject& subject, bool clean);
  bool open_alone(Subject& subject, bool clean);
  std::string first_file_of(const Subject& subject);
  void work();
  void finish(bool power_cut);

  void append(Subject& subject);
  void change(Subject& subject);
  void compact(Subject& subject);
  void delete_before(Subject& subject);
  void remove(Subject& subject);
  void reopen(Subject& subject);
  bool write_checkpoint();
  bool lower_checkpoint(Subject& subject, int64_t offset);
  bool close_cleanly();

  bool run_task();
  void drain();
  Status call(Subject& subject, const std::function<void(double id)>& submit);
  void settle();
  void wrong(const Subject& subject, const std::string& what);
  void note(std::string line);

  SeededRandom random_;
  SimulatedDisk disk_;
  const LeftOut left_out_;
  std::deque<std::function<void()>> tasks_;
  ThreadPool::Executor executor_;
  std::vector<std::unique_ptr<Subject>> subjects_;
  std::shared_ptr<Sink> sink_;
  std::vector<std::string> schedule_;
  std::string wrong_;
  double last_id_ = 0;
  int64_t clock_ = 1000;
  uint64_t batches_ = 0;
  // A life in which calls fail, and how likely each does now.
  bool faulty_ = false;
  double failing_ = 0;
  // Appends may go on while something is synced: nothing waits for what runs.
  bool in_flow_ = false;
  CrashTotals totals_;
};

}  // namespace odradek::test
