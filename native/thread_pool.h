// The engine's threads: process-wide, started when there is work for them, never joined.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace odradek {

// Runs tasks in the order of their arrival on up to `max_threads` threads. Thread-safe. Its threads wait for ever:
// a pool lives on the heap and is never destroyed, so that the exit of the process has nothing to wait for.
class ThreadPool {
 public:
  ThreadPool(const char* name, int max_threads) : name_(name), max_threads_(max_threads) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void post(std::function<void()> task);

  // Tests only: `executor` is handed the tasks of all pools from now on; nullptr brings the threads back.
  // REQUIRES: no task waits or runs.
  using Executor = std::function<void(std::function<void()> task)>;
  static void set_executor(const Executor* executor);

  // Appends: one log is on at most one of its threads at a time.
  static ThreadPool& io();
  // Look-ups that may wait on a disk, scans, recovery, Files.
  static ThreadPool& read();
  // fdatasync.
  static ThreadPool& flush();

 private:
  static void* run(void* pool);
  bool start_thread();

  const char* const name_;
  const int max_threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  int threads_ = 0;
  int idle_ = 0;
};

}  // namespace odradek
