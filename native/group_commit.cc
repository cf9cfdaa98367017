#include "group_commit.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <vector>

#include "thread_pool.h"

namespace odradek {
namespace {

// From so many waiting logs on, one syncfs is cheaper than their fdatasyncs (docs/decisions/many-logs.md); it also
// waits for what nobody asked to have flushed.
constexpr size_t kSyncfsLogs = 64;

int64_t monotonic_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

GroupCommit& GroupCommit::instance() {
  static GroupCommit* const instance = new GroupCommit();
  return *instance;
}

void GroupCommit::add(std::shared_ptr<Log> log) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(log));
  }
  ThreadPool::flush().post([this] { run(); });
}

// One log with one appender is spared a wake-up. The threads that write must not all wait for disks.
void GroupCommit::run_or_add(std::shared_ptr<Log> log) {
  if (guest_.exchange(true, std::memory_order_acquire)) return add(std::move(log));
  FlushPlan plan;
  const bool begun = log->begin_flush(&plan);
  const Status status = begun ? plan.sync() : Status();
  // Before its end is told: the next append may come ahead of this thread's next step.
  guest_.store(false, std::memory_order_release);
  if (begun) log->end_flush(plan, status);
}

void GroupCommit::run() {
  std::deque<std::shared_ptr<Log>> taken;
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) return;
    if (queue_.size() >= kSyncfsLogs && syncfs_reports_errors()) {
      taken.swap(queue_);
    } else {
      taken.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  if (taken.size() == 1) {
    flush_one(taken.front());
  } else {
    flush_together(std::move(taken));
  }
}

void GroupCommit::flush_one(const std::shared_ptr<Log>& log) {
  FlushPlan plan;
  if (!log->begin_flush(&plan)) return;
  log->end_flush(plan, plan.sync());
}

void GroupCommit::flush_together(std::deque<std::shared_ptr<Log>> logs) {
  using Planned = std::pair<std::shared_ptr<Log>, FlushPlan>;
  std::unordered_map<uint64_t, std::vector<Planned>> by_device;
  for (std::shared_ptr<Log>& log : logs) {
    FlushPlan plan;
    if (!log->begin_flush(&plan)) continue;
    const uint64_t device = plan.parts.empty() ? 0 : plan.parts.front().handle->log->device();
    by_device[device].emplace_back(std::move(log), std::move(plan));
  }
  for (auto& [device, planned] : by_device) {
    const std::vector<FlushPlan::Part>& parts = planned.front().second.parts;
    File* const file = parts.empty() ? nullptr : parts.front().handle->log.get();
    const bool together = planned.size() >= kSyncfsLogs && file && file->sync_file_system_is_reliable();
    if (together && file->sync_file_system().ok()) {
      for (auto& [log, plan] : planned) log->end_flush(plan, plan.check_synced());
      continue;
    }
    // Each by its own descriptors, which also tells whose an error was.
    for (auto& [log, plan] : planned) {
      ThreadPool::flush().post([log = std::move(log), plan = std::move(plan)] { log->end_flush(plan, plan.sync()); });
    }
  }
}

FlushTimer& FlushTimer::instance() {
  static FlushTimer* const instance = new FlushTimer();
  return *instance;
}

void FlushTimer::schedule(std::weak_ptr<Log> log, int64_t delay_ms) {
  std::lock_guard lock(mutex_);
  deadlines_.emplace(monotonic_ms() + delay_ms, std::move(log));
  if (!started_) {
    started_ = true;
    static ThreadPool* const thread = new ThreadPool("odradek-timer", 1);
    thread->post([this] { run(); });
  }
  changed_.notify_one();
}

void FlushTimer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (deadlines_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const int64_t wait = deadlines_.begin()->first - monotonic_ms();
    if (wait > 0) {
      changed_.wait_for(lock, std::chrono::milliseconds(wait));
      continue;
    }
    std::weak_ptr<Log> due = std::move(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    lock.unlock();
    if (const std::shared_ptr<Log> log = due.lock()) log->request_flush_by_timer();
    lock.lock();
  }
}

}  // namespace odradek
