// Flushes of all logs: many appends, one fdatasync; many logs, one syncfs. Any thread.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "log.h"

namespace odradek {

class GroupCommit {
 public:
  static GroupCommit& instance();

  // Has `log` flushed by a flush thread.
  void add(std::shared_ptr<Log> log);
  // Flushes `log` on this thread, or where one does so already, has it flushed by a flush thread.
  void run_or_add(std::shared_ptr<Log> log);

 private:
  struct Round;

  void run();
  static void flush_one(const std::shared_ptr<Log>& log);
  static void flush_together(std::deque<std::shared_ptr<Log>> logs);

  std::mutex mutex_;
  std::deque<std::shared_ptr<Log>> queue_;
  std::atomic<bool> guest_{false};
};

// Flushes logs when `flush.ms` has passed since an append. One thread, started by the first log that asks.
class FlushTimer {
 public:
  static FlushTimer& instance();
  void schedule(std::weak_ptr<Log> log, int64_t delay_ms);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<int64_t, std::weak_ptr<Log>> deadlines_;
  bool started_ = false;
};

}  // namespace odradek
