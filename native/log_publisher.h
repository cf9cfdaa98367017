// Tells readers in other processes how far they may read a log.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "log_progress.h"
#include "log_types.h"
#include "mutex.h"

namespace odradek {

// Any thread, once open() has returned.
class LogPublisher {
 public:
  LogPublisher(const std::atomic<int64_t>& log_end, const std::atomic<int64_t>& flushed)
      : log_end_(log_end), flushed_(flushed) {}

  // `was_cut`: recovery has removed what readers may have seen.
  Status open(const std::string& folder, Publish what, int64_t start_offset, bool was_cut) EXCLUDES(mutex_);
  void written() EXCLUDES(mutex_) {
    if (what_ == Publish::kWritten) publish();
  }
  void flushed() EXCLUDES(mutex_) {
    if (what_ == Publish::kFlushed) publish();
  }
  void set_start(int64_t offset) EXCLUDES(mutex_);
  // Readers learn of the cut when the log's new end is published.
  void count_cut() EXCLUDES(mutex_);
  // Writes what is known now. What it names is already in the log's files.
  void publish() EXCLUDES(mutex_);

 private:
  const std::atomic<int64_t>& log_end_;
  const std::atomic<int64_t>& flushed_;
  // Set by open() and constant from then on.
  Publish what_ = Publish::kNothing;

  Mutex mutex_;
  LogProgressFile file_ GUARDED_BY(mutex_);
  LogProgress progress_ GUARDED_BY(mutex_);
};

}  // namespace odradek
