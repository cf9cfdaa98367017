#include "log_publisher.h"

namespace odradek {

Status LogPublisher::open(const std::string& folder, Publish what, int64_t start_offset, bool was_cut) {
  what_ = what;
  if (what_ == Publish::kNothing) return Status();
  MutexLock lock(mutex_);
  ODRADEK_RETURN_IF_ERROR(file_.open(folder));
  progress_.cuts = file_.cuts() + (was_cut ? 1 : 0);
  progress_.start_offset = start_offset;
  progress_.end_offset = log_end_.load(std::memory_order_acquire);
  return file_.write(progress_);
}

void LogPublisher::set_start(int64_t offset) {
  MutexLock lock(mutex_);
  progress_.start_offset = offset;
}

void LogPublisher::count_cut() {
  MutexLock lock(mutex_);
  progress_.cuts++;
}

void LogPublisher::publish() {
  if (what_ == Publish::kNothing) return;
  MutexLock lock(mutex_);
  progress_.end_offset = (what_ == Publish::kFlushed ? flushed_ : log_end_).load(std::memory_order_acquire);
  // Readers fall behind until the next write, which tells them the same.
  file_.write(progress_).ignore();
}

}  // namespace odradek
