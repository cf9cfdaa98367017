// The work on one log, in order of arrival, on one engine thread at a time. Appends are handed over in groups.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "log_types.h"
#include "mutex.h"

namespace odradek {

// Any thread may push. At most one engine thread works on a queue at a time, and gives way to other logs now and then.
class SerialQueue {
 public:
  class Worker {
   public:
    // On the queue's thread.
    virtual void append_group(std::vector<Append>& appends) = 0;
    // On the queue's thread, some time after a job has called ask_follow_up(). With `idle` nothing was left to do, and
    // the call may take long: the queue goes on in another thread meanwhile.
    virtual void follow_up(bool idle) = 0;
    // Keeps the worker, and with it the queue, while a thread is on its way.
    virtual std::shared_ptr<void> keep_alive() = 0;

   protected:
    ~Worker() = default;
  };

  explicit SerialQueue(Worker& worker) : worker_(worker) {}

  // False when the queue takes nothing any more.
  bool push(const Append& append) EXCLUDES(mutex_);
  // Nothing is taken after the `last` one.
  bool push(std::function<void()> run, bool last = false) EXCLUDES(mutex_);

  // From a job only.
  void ask_follow_up() { follow_up_due_ = true; }
  // Takes the appends that nobody has begun.
  std::vector<Append> take_appends() EXCLUDES(mutex_);

  // Drops what waits, takes nothing more, and waits for the job under way: afterwards nobody touches an append's bytes.
  void abandon() EXCLUDES(mutex_);
  // Drops the waiting appends whose ids lie in [from, to), and waits for the group under way.
  void abandon_appends(double from, double to) EXCLUDES(mutex_);

 private:
  struct Job {
    Append append;
    std::function<void()> run;  // empty: an append
  };

  bool push(Job&& job, bool last) EXCLUDES(mutex_);
  void post();
  void run() EXCLUDES(mutex_);
  // False when there is nothing to do.
  bool take(std::vector<Append>* group, std::function<void()>* run) EXCLUDES(mutex_);

  Worker& worker_;
  // Touched by the queue's thread only.
  bool follow_up_due_ = false;

  Mutex mutex_;
  ConditionVariable idle_;
  // A list takes no memory while it is empty, which it is in most of 100,000 logs; a deque takes 640 bytes.
  std::list<Job> jobs_ GUARDED_BY(mutex_);
  // A thread is on its way, or at work.
  bool scheduled_ GUARDED_BY(mutex_) = false;
  // A job is under way, and how many times jobs were taken.
  bool working_ GUARDED_BY(mutex_) = false;
  uint64_t takings_ GUARDED_BY(mutex_) = 0;
  bool closing_ GUARDED_BY(mutex_) = false;
};

}  // namespace odradek
