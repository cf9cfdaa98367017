#include "log.h"

#include <chrono>
#include <utility>

#include "failed_marker.h"
#include "group_commit.h"
#include "log_loader.h"

namespace odradek {
int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

int64_t Log::first_segment_offset() {
  MutexLock lock(mutex_);
  return segments_.empty() ? log_end_offset() : segments_.begin()->first;
}

std::vector<SegmentSummary> Log::segments() {
  MutexLock lock(mutex_);
  std::vector<SegmentSummary> summaries;
  summaries.reserve(segments_.size());
  for (const auto& [base, segment] : segments_) {
    summaries.push_back({base, segment->size, segment->max_timestamp, segment->last_modified_ms, !segment->sealed});
  }
  return summaries;
}

void Log::configure(const LogSettings& settings) {
  MutexLock lock(mutex_);
  settings_ = settings;
}

Status Log::open(const LogSettings& settings, const OpenOptions& options, RecoveryReport* report) {
  LogLoader loader(folder_, settings, options);
  ODRADEK_RETURN_IF_ERROR(loader.load());
  MutexLock lock(mutex_);
  settings_ = settings;
  segments_ = loader.take_segments();
  gap_limit_ = loader.gap_limit();
  uint64_t size = 0;
  for (const auto& [base, segment] : segments_) size += segment->size;
  size_.store(size, std::memory_order_release);
  log_end_.store(loader.log_end(), std::memory_order_release);
  flushed_.store(loader.log_end(), std::memory_order_release);
  *report = loader.report();
  return publisher_.open(path_, options.publish, options.log_start_offset, report->truncated_bytes > 0);
}

void Log::submit(double id, std::function<void()> run, bool last) {
  if (!queue_.push(std::move(run), last)) complete(id, Status(Code::kClosed, 0, path_));
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
  if (!queue_.push(append)) complete(append.id, Status(Code::kClosed, 0, path_));
}

// In the queue, so that it covers what was submitted before it.
void Log::flush(double id) {
  submit(id, [this, id] {
    const int64_t end = log_end_offset();
    Completion completion = Completion::operation(id, Status());
    completion.values[0] = static_cast<double>(end);
    bool waits = false;
    {
      MutexLock lock(mutex_);
      if (failure_told_) {
        completion.status = Status(Code::kLogFailed, failure_.error(), path_);
      } else if (!failure_.ok() || flushed_offset() < end) {
        waits = true;
        flushes_.wait(std::move(completion), end, false);
      }
    }
    if (waits) {
      queue_.ask_follow_up();
    } else {
      sink_->post(std::move(completion));
    }
  });
}

void Log::roll(double id) {
  submit(id, [this, id] {
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
  });
}

Status Log::failure() {
  MutexLock lock(mutex_);
  return failure_.ok() ? Status() : Status(Code::kLogFailed, failure_.error(), path_);
}

// The marker makes the next open cut to the flushed offset: what lies past it may be lost though the page cache
// still shows it, or is half a write.
void Log::fail(const Status& status, bool leave_marker) {
  bool first;
  bool mark;
  {
    MutexLock lock(mutex_);
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
    MutexLock lock(mutex_);
    failure_told_ = true;
  }
  end_waits(status, Status(Code::kLogFailed, status.error(), path_));
}

void Log::close(double id) {
  const auto run = [this, id] {
    Status status = close_files();
    complete(id, std::move(status), static_cast<double>(flushed_offset()));
  };
  submit(id, run, true);
}

void Log::remove(double id, std::string renamed_path) {
  const auto run = [this, id, to = std::move(renamed_path)] {
    block_flushes();
    Status status;
    {
      MutexLock lock(mutex_);
      closed_ = true;
      flushes_.close();
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
  submit(id, run, true);
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
    bool begun = false;
    if (status.ok()) {
      MutexLock lock(mutex_);
      begun = plan_flush(&plan);
    }
    if (begun) {
      for (FlushPlan::Part& part : plan.parts) part.indexes = true;
      status = plan.sync();
      end_flush(plan, status);
    }
  }
  unblock_flushes();
  const Status closed(Code::kClosed, 0, path_);
  end_waits(closed, closed);
  std::vector<std::shared_ptr<Segment>> released;
  MutexLock lock(mutex_);
  closed_ = true;
  flushes_.close();
  for (const auto& [base, segment] : segments_) released.push_back(segment);
  segments_.clear();
  return status;
}

void Log::abandon() { queue_.abandon(); }
void Log::abandon_appends(double from, double to) { queue_.abandon_appends(from, to); }

std::shared_ptr<Segment> Log::make_segment(int64_t base_offset) const {
  return std::make_shared<Segment>(folder_, base_offset);
}

Status Log::show_segments(Segments segments) {
  std::vector<std::shared_ptr<Segment>> released;
  MutexLock lock(mutex_);
  if (closed_) return Status(Code::kClosed, 0, path_);
  uint64_t size = 0;
  for (const auto& [base, segment] : segments_) {
    const auto kept = segments.find(base);
    if (kept != segments.end() && kept->second == segment) continue;
    segment->gone.store(true, std::memory_order_release);
    released.push_back(segment);
  }
  for (const auto& [base, segment] : segments) size += segment->size;
  segments_ = std::move(segments);
  size_.store(size, std::memory_order_release);
  return Status();
}

void Log::show_batches(Segment& segment, uint64_t size, const MaxTimestamp& max) {
  MutexLock lock(mutex_);
  size_.store(size_.load(std::memory_order_relaxed) + size - segment.size, std::memory_order_release);
  segment.size = size;
  segment.max_timestamp = max;
}

void Log::show_end(int64_t end) {
  MutexLock lock(mutex_);
  log_end_.store(end, std::memory_order_release);
  flushed_.store(end, std::memory_order_release);
}

bool Log::is_closed() {
  MutexLock lock(mutex_);
  return closed_;
}

}  // namespace odradek
