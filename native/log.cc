#include "log.h"

#include <chrono>
#include <utility>

#include "failed_marker.h"
#include "group_commit.h"
#include "log_loader.h"
#include "thread_pool.h"

namespace odradek {
namespace {

// Appends that share one write: as many as a vectored write takes at once, of no more than this many bytes.
constexpr size_t kGroupAppends = 64;
constexpr size_t kGroupBytes = 4 << 20;
// Groups of one log before others get the thread.
constexpr int kGroupsInARow = 16;

}  // namespace

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

int64_t Log::first_segment_offset() {
  std::lock_guard lock(mutex_);
  return segments_.empty() ? log_end_offset() : segments_.begin()->first;
}

std::vector<SegmentSummary> Log::segments() {
  std::lock_guard lock(mutex_);
  std::vector<SegmentSummary> summaries;
  summaries.reserve(segments_.size());
  for (const auto& [base, segment] : segments_) {
    summaries.push_back({base, segment->size, segment->max_timestamp, segment->last_modified_ms, !segment->sealed});
  }
  return summaries;
}

void Log::configure(const LogSettings& settings) {
  std::lock_guard lock(mutex_);
  settings_ = settings;
}

Status Log::open(const LogSettings& settings, const OpenOptions& options, RecoveryReport* report) {
  LogLoader loader(folder_, settings, options);
  ODRADEK_RETURN_IF_ERROR(loader.load());
  std::lock_guard lock(mutex_);
  settings_ = settings;
  segments_ = loader.take_segments();
  gap_limit_ = loader.gap_limit();
  uint64_t size = 0;
  for (const auto& [base, segment] : segments_) size += segment->size;
  size_.store(size, std::memory_order_release);
  log_end_.store(loader.log_end(), std::memory_order_release);
  flushed_.store(loader.log_end(), std::memory_order_release);
  *report = loader.report();
  publish_ = options.publish;
  if (publish_ == Publish::kNothing) return Status();
  ODRADEK_RETURN_IF_ERROR(progress_file_.open(path_));
  // Recovery may have cut what was published.
  progress_.cuts = progress_file_.cuts() + (report->truncated_bytes > 0 ? 1 : 0);
  progress_.start_offset = options.log_start_offset;
  progress_.end_offset = log_end_offset();
  return progress_file_.write(progress_);
}

void Log::submit(Job&& job) {
  const double id = job.id;
  bool closed = false;
  bool schedule = false;
  {
    std::lock_guard lock(queue_mutex_);
    closed = closing_;
    if (!closed) {
      closing_ = job.last;
      queue_.push_back(std::move(job));
      schedule = !scheduled_;
      scheduled_ = true;
    }
  }
  if (closed) return complete(id, Status(Code::kClosed, 0, path_));
  if (schedule) ThreadPool::io().post([log = shared_from_this()] { log->run_queue(); });
}

void Log::run_queue() {
  std::vector<Append> group;
  for (int turn = 0; turn < kGroupsInARow; turn++) {
    std::function<void()> run;
    const bool flush = std::exchange(flush_due_, false);
    {
      std::unique_lock lock(queue_mutex_);
      if (std::exchange(working_, false)) queue_idle_.notify_all();
      if (queue_.empty()) {
        scheduled_ = false;
        queue_idle_.notify_all();
        lock.unlock();
        // Whatever comes meanwhile finds another thread.
        if (flush) flush_here();
        return;
      }
      size_t bytes = 0;
      while (!queue_.empty() && !queue_.front().run && group.size() < kGroupAppends && bytes < kGroupBytes) {
        bytes += queue_.front().append.size;
        group.push_back(queue_.front().append);
        queue_.pop_front();
      }
      if (group.empty()) {
        run = std::move(queue_.front().run);
        queue_.pop_front();
      }
      working_ = true;
      takings_++;
    }
    if (flush) request_flush();
    if (run) {
      run();
    } else {
      append_group(group);
      group.clear();
    }
  }
  const bool flush = std::exchange(flush_due_, false);
  {
    std::lock_guard lock(queue_mutex_);
    working_ = false;
    queue_idle_.notify_all();
  }
  if (flush) request_flush();
  ThreadPool::io().post([log = shared_from_this()] { log->run_queue(); });
}

void Log::complete(double id, Status status, double a, double b, double c, double d) {
  Completion completion = Completion::operation(id, std::move(status));
  completion.values[0] = a;
  completion.values[1] = b;
  completion.values[2] = c;
  completion.values[3] = d;
  sink_->post(std::move(completion));
}

void Log::append(const Append& append) {
  Job job;
  job.append = append;
  job.id = append.id;
  submit(std::move(job));
}

// In the queue, so that it covers what was submitted before it.
void Log::flush(double id) {
  Job job;
  job.id = id;
  job.run = [this, id] {
    const int64_t end = log_end_offset();
    Completion completion = Completion::operation(id, Status());
    completion.values[0] = static_cast<double>(end);
    bool waits = false;
    {
      std::lock_guard lock(mutex_);
      if (failure_told_) {
        completion.status = Status(Code::kLogFailed, failure_.error(), path_);
      } else if (!failure_.ok() || flushed_offset() < end) {
        waits = true;
        flush_waiters_.push_back({std::move(completion), end, false});
      }
    }
    if (waits) {
      flush_due_ = true;
    } else {
      sink_->post(std::move(completion));
    }
  };
  submit(std::move(job));
}

void Log::roll(double id) {
  Job job;
  job.id = id;
  job.run = [this, id] {
    Status status = failure();
    int64_t base = 0;
    if (status.ok()) {
      const std::shared_ptr<Segment> active = active_segment();
      base = active->base_offset;
      if (active->size > 0) {
        base = log_end_offset();
        status = roll_to(base);
        if (status.ok()) {
          sink_->post(rolled_event(base));
        } else {
          fail(status, false);
        }
      }
    }
    complete(id, std::move(status), static_cast<double>(base));
  };
  submit(std::move(job));
}

Status Log::failure() {
  std::lock_guard lock(mutex_);
  return failure_.ok() ? Status() : Status(Code::kLogFailed, failure_.error(), path_);
}

// The marker makes the next open cut to the flushed offset: what lies past it may be lost though the page cache
// still shows it, or is half a write.
void Log::fail(const Status& status, bool leave_marker) {
  bool first;
  bool mark;
  {
    std::lock_guard lock(mutex_);
    first = failure_.ok();
    mark = leave_marker && !marked_;
    marked_ |= leave_marker;
    if (first) failure_ = status;
  }
  // A log that has failed without harm may still be harmed by what was under way.
  if (mark) leave_failed_marker(path_, flushed_offset());
  if (!first) return;
  Completion failed;
  failed.kind = CompletionKind::kFailed;
  failed.id = id_;
  failed.status = status;
  sink_->post(std::move(failed));
  {
    std::lock_guard lock(mutex_);
    failure_told_ = true;
  }
  end_waits(status, Status(Code::kLogFailed, status.error(), path_));
}

void Log::close(double id) {
  Job job;
  job.id = id;
  job.run = [this, id] {
    Status status = close_files();
    complete(id, std::move(status), static_cast<double>(flushed_offset()));
  };
  job.last = true;
  submit(std::move(job));
}

void Log::remove(double id, std::string renamed_path) {
  Job job;
  job.id = id;
  job.run = [this, id, to = std::move(renamed_path)] {
    block_flushes();
    Status status;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      for (const auto& [base, segment] : segments_) segment->gone.store(true, std::memory_order_release);
      segments_.clear();
    }
    unblock_flushes();
    const Status closed(Code::kClosed, 0, path_);
    end_waits(closed, closed);
    status = file_system().rename(path_, to);
    if (status.ok()) {
      const size_t slash = to.find_last_of('/');
      status = file_system().sync_folder(slash == std::string::npos ? "." : to.substr(0, slash));
    }
    if (status.ok()) forget_failed_marker(path_);
    complete(id, status);
    if (!status.ok()) return;
    // What cannot be removed now is removed at the next start.
    std::vector<FolderEntry> entries;
    if (!file_system().list(to, &entries).ok()) return;
    for (const FolderEntry& entry : entries) file_system().unlink(to + "/" + entry.name).ignore();
    file_system().remove_folder(to).ignore();
  };
  job.last = true;
  submit(std::move(job));
}

// Leaves files that need no scan: final time index entry, everything fdatasynced. A followed log's files, whose
// segments are all sealed, are another's.
Status Log::close_files() {
  block_flushes();
  Status status;
  if (failure().ok()) {
    const std::shared_ptr<Segment> active = active_segment();
    std::shared_ptr<SegmentHandle> handle;
    if (active && active->size > 0 && !active->sealed) status = finish_indexes(*active, &handle);
    FlushPlan plan;
    if (status.ok() && plan_flush(&plan)) {
      plan.with_indexes.assign(plan.handles.size(), true);
      status = sync(plan);
      end_flush(plan, status);
    }
  }
  unblock_flushes();
  const Status closed(Code::kClosed, 0, path_);
  end_waits(closed, closed);
  std::vector<std::shared_ptr<Segment>> released;
  // A refresh under way looks at the segments without the lock.
  std::lock_guard turn(refresh_mutex_);
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& [base, segment] : segments_) released.push_back(segment);
  segments_.clear();
  return status;
}

void Log::abandon() {
  std::list<Job> dropped;
  std::unique_lock lock(queue_mutex_);
  closing_ = true;
  dropped.swap(queue_);
  queue_idle_.wait(lock, [this] { return !scheduled_; });
}

void Log::abandon_appends(double from, double to) {
  std::unique_lock lock(queue_mutex_);
  queue_.remove_if([&](const Job& job) { return !job.run && job.id >= from && job.id < to; });
  const uint64_t taking = takings_;
  queue_idle_.wait(lock, [&] { return !working_ || takings_ != taking; });
}

}  // namespace odradek
