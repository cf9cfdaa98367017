#include "serial_queue.h"

#include <utility>

#include "thread_pool.h"

namespace odradek {
namespace {

// Appends that share one write: as many as a vectored write takes at once, of no more than this many bytes.
constexpr size_t kGroupAppends = 64;
constexpr size_t kGroupBytes = 4 << 20;
// Jobs of one log before others get the thread.
constexpr int kJobsInARow = 16;

}  // namespace

bool SerialQueue::push(const Append& append) { return push(Job{append, {}}, false); }
bool SerialQueue::push(std::function<void()> run, bool last) { return push(Job{{}, std::move(run)}, last); }

bool SerialQueue::push(Job&& job, bool last) {
  bool schedule;
  {
    MutexLock lock(mutex_);
    if (closing_) return false;
    closing_ = last;
    jobs_.push_back(std::move(job));
    schedule = !std::exchange(scheduled_, true);
  }
  if (schedule) post();
  return true;
}

void SerialQueue::post() {
  ThreadPool::io().post([this, worker = worker_.keep_alive()] { run(); });
}

void SerialQueue::run() {
  std::vector<Append> group;
  for (int turn = 0; turn < kJobsInARow; turn++) {
    // Read first: once `take` has found nothing, another thread may be the queue's.
    const bool follow_up = std::exchange(follow_up_due_, false);
    std::function<void()> run;
    const bool idle = !take(&group, &run);
    if (follow_up) worker_.follow_up(idle);
    if (idle) return;
    if (run) {
      run();
    } else {
      worker_.append_group(group);
      group.clear();
    }
  }
  const bool follow_up = std::exchange(follow_up_due_, false);
  {
    MutexLock lock(mutex_);
    working_ = false;
    idle_.notify_all();
  }
  if (follow_up) worker_.follow_up(false);
  post();
}

bool SerialQueue::take(std::vector<Append>* group, std::function<void()>* run) {
  MutexLock lock(mutex_);
  if (std::exchange(working_, false)) idle_.notify_all();
  if (jobs_.empty()) {
    scheduled_ = false;
    idle_.notify_all();
    return false;
  }
  size_t bytes = 0;
  while (!jobs_.empty() && !jobs_.front().run && group->size() < kGroupAppends && bytes < kGroupBytes) {
    bytes += jobs_.front().append.size;
    group->push_back(jobs_.front().append);
    jobs_.pop_front();
  }
  if (group->empty()) {
    *run = std::move(jobs_.front().run);
    jobs_.pop_front();
  }
  working_ = true;
  takings_++;
  return true;
}

std::vector<Append> SerialQueue::take_appends() {
  std::vector<Append> appends;
  MutexLock lock(mutex_);
  for (const Job& job : jobs_) {
    if (!job.run) appends.push_back(job.append);
  }
  jobs_.remove_if([](const Job& job) { return !job.run; });
  return appends;
}

void SerialQueue::abandon() {
  std::list<Job> dropped;
  MutexLock lock(mutex_);
  closing_ = true;
  dropped.swap(jobs_);
  while (scheduled_) idle_.wait(mutex_);
}

void SerialQueue::abandon_appends(double from, double to) {
  MutexLock lock(mutex_);
  jobs_.remove_if([&](const Job& job) { return !job.run && job.append.id >= from && job.append.id < to; });
  const uint64_t taking = takings_;
  while (working_ && takings_ == taking) idle_.wait(mutex_);
}

}  // namespace odradek
