#include "thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace odradek {
namespace {

// No engine code recurses or keeps large arrays on the stack.
constexpr size_t kStackSize = 256 * 1024;

std::atomic<const ThreadPool::Executor*> replacement{nullptr};

int processors() { return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))); }

}  // namespace

void ThreadPool::set_executor(const Executor* executor) { replacement.store(executor, std::memory_order_release); }

void ThreadPool::post(std::function<void()> task) {
  if (const Executor* executor = replacement.load(std::memory_order_acquire)) return (*executor)(std::move(task));
  bool start = false;
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    // Idle threads that were woken but have not run yet are still counted: compare with what waits.
    start = static_cast<size_t>(idle_) < tasks_.size() && threads_ < max_threads_;
    if (start) threads_++;
  }
  if (start && !start_thread()) {
    bool alone;
    {
      std::lock_guard lock(mutex_);
      alone = --threads_ == 0;
    }
    // Out of threads: the caller does the work rather than nobody.
    if (alone) {
      std::function<void()> next;
      {
        std::lock_guard lock(mutex_);
        if (tasks_.empty()) return;
        next = std::move(tasks_.front());
        tasks_.pop_front();
      }
      next();
      return;
    }
  }
  wake_.notify_one();
}

bool ThreadPool::start_thread() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_t thread;
  const int created = pthread_create(&thread, &attributes, &ThreadPool::run, this);
  pthread_attr_destroy(&attributes);
  if (created != 0) return false;
  pthread_setname_np(thread, name_);
  return true;
}

void* ThreadPool::run(void* argument) {
  ThreadPool& pool = *static_cast<ThreadPool*>(argument);
  std::unique_lock lock(pool.mutex_);
  for (;;) {
    while (pool.tasks_.empty()) {
      pool.idle_++;
      pool.wake_.wait(lock);
      pool.idle_--;
    }
    std::function<void()> task = std::move(pool.tasks_.front());
    pool.tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
  return nullptr;
}

ThreadPool& ThreadPool::io() {
  // One of them may be waiting for a flush.
  static ThreadPool* const pool = new ThreadPool("odradek-io", std::clamp(processors(), 2, 4) + 1);
  return *pool;
}

ThreadPool& ThreadPool::read() {
  static ThreadPool* const pool = new ThreadPool("odradek-read", 4);
  return *pool;
}

ThreadPool& ThreadPool::flush() {
  // fdatasync waits, it does not compute: 100 files took 29 ms with one thread and 7 ms with eight.
  static ThreadPool* const pool = new ThreadPool("odradek-flush", 8);
  return *pool;
}

}  // namespace odradek
