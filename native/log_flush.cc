// What of a log is not on disk yet, and how it gets there. The fdatasyncs run on the flush threads.
#include <algorithm>

#include "group_commit.h"
#include "log.h"

namespace odradek {

void Log::request_flush() {
  {
    std::lock_guard lock(mutex_);
    flush_wanted_ = true;
    if (!take_flush_turn()) return;
  }
  GroupCommit::instance().add(shared_from_this());
}

void Log::flush_here() {
  {
    std::lock_guard lock(mutex_);
    flush_wanted_ = true;
    if (!take_flush_turn()) return;
  }
  GroupCommit::instance().run_or_add(shared_from_this());
}

// REQUIRES: mutex_. False where all who waited were told that the log has failed: the completion says so too.
bool Log::await_flush(Completion* completion, int64_t offset) {
  if (failure_told_) {
    completion->status = Status(Code::kLogFailed, failure_.error(), path_);
    return false;
  }
  flush_waiters_.push_back({std::move(*completion), offset, true});
  return true;
}

// REQUIRES: mutex_; flushes are blocked. What was waited for is gone: the next flush ends the waits.
void Log::cut_waits() {
  for (Waiter& waiter : flush_waiters_) waiter.offset = std::min(waiter.offset, log_end_offset());
}

void Log::end_waits(const Status& status, const Status& of_appends) {
  std::vector<Waiter> waiters;
  {
    std::lock_guard lock(mutex_);
    waiters.swap(flush_waiters_);
  }
  std::vector<Completion> completions;
  for (Waiter& waiter : waiters) {
    waiter.completion.status = waiter.append ? of_appends : status;
    completions.push_back(std::move(waiter.completion));
  }
  if (!completions.empty()) sink_->post(std::move(completions));
}

void Log::request_flush_by_timer() {
  {
    std::lock_guard lock(mutex_);
    flush_timer_set_ = false;
    if (flushed_offset() >= log_end_offset()) return;
  }
  request_flush();
}

// REQUIRES: mutex_. True: the caller puts the log in line.
bool Log::take_flush_turn() {
  if (!flush_wanted_ || flush_queued_ || flushing_ || flushes_blocked_ > 0 || closed_) return false;
  flush_queued_ = true;
  return true;
}

bool Log::begin_flush(FlushPlan* plan) {
  {
    std::lock_guard lock(mutex_);
    flush_queued_ = false;
    if (flushes_blocked_ > 0 || flushing_) return false;
  }
  return plan_flush(plan);
}

// What is dirty becomes clean here, so that an append during the fdatasync makes it dirty again.
bool Log::plan_flush(FlushPlan* plan) {
  std::lock_guard lock(mutex_);
  flush_wanted_ = false;
  if (!failure_.ok() || closed_) return false;
  plan->end = log_end_offset();
  plan->folder = folder_dirty_;
  plan->folder_path = path_;
  for (const auto& [base, segment] : segments_) {
    // The indexes of the active segment are checked after a crash; a sealed one's are relied upon.
    if (!segment->dirty && !(segment->indexes_dirty && segment->pinned.get())) continue;
    const bool indexes = segment->indexes_dirty && segment->sealed;
    plan->segments.push_back(segment);
    plan->handles.push_back(segment->pinned.get());
    plan->with_log.push_back(segment->dirty);
    plan->with_indexes.push_back(indexes);
    segment->dirty = false;
    if (indexes) segment->indexes_dirty = false;
  }
  if (plan->handles.empty() && !plan->folder && flush_waiters_.empty() && plan->end <= flushed_offset()) return false;
  folder_dirty_ = false;
  flushing_ = true;
  return true;
}

Status Log::sync(const FlushPlan& plan) {
  for (size_t i = 0; i < plan.handles.size(); i++) {
    const SegmentHandle& handle = *plan.handles[i];
    if (plan.with_log[i]) ODRADEK_RETURN_IF_ERROR(handle.log->datasync());
    if (!plan.with_indexes[i]) continue;
    ODRADEK_RETURN_IF_ERROR(handle.offset_index->datasync());
    ODRADEK_RETURN_IF_ERROR(handle.time_index->datasync());
  }
  return plan.folder ? file_system().sync_folder(plan.folder_path) : Status();
}

Status Log::check_synced(const FlushPlan& plan) {
  for (size_t i = 0; i < plan.handles.size(); i++) {
    const SegmentHandle& handle = *plan.handles[i];
    ODRADEK_RETURN_IF_ERROR(handle.log->write_error());
    if (!plan.with_indexes[i]) continue;
    ODRADEK_RETURN_IF_ERROR(handle.offset_index->write_error());
    ODRADEK_RETURN_IF_ERROR(handle.time_index->write_error());
  }
  return Status();
}

// A reader that is told of a record finds it: what is published lies in the files already.
void Log::publish_progress() {
  if (publish_ == Publish::kNothing) return;
  std::lock_guard turn(progress_mutex_);
  progress_.end_offset = publish_ == Publish::kFlushed ? flushed_offset() : log_end_offset();
  // Readers fall behind, and learn of it by the next.
  progress_file_.write(progress_).ignore();
}

void Log::end_flush(const FlushPlan& plan, const Status& status) {
  std::vector<Completion> completions;
  bool queue = false;
  if (!status.ok()) fail(status, true);
  {
    std::lock_guard lock(mutex_);
    flushing_ = false;
    // INVARIANT: the flushed offset of a failed log never rises: its marker says to where the next open cuts.
    if (status.ok() && failure_.ok()) {
      for (const std::shared_ptr<Segment>& segment : plan.segments) {
        if (!segment->dirty && !(segment->sealed && segment->indexes_dirty)) segment->pinned.reset();
      }
      // INVARIANT: flushes are blocked while the log is cut, so that `end` is still within the log.
      if (plan.end > flushed_offset()) {
        flushed_.store(plan.end, std::memory_order_release);
        Completion risen;
        risen.kind = CompletionKind::kFlushed;
        risen.id = id_;
        risen.values[0] = static_cast<double>(plan.end);
        completions.push_back(std::move(risen));
      }
      const auto done = [&](const Waiter& waiter) { return waiter.offset <= plan.end; };
      for (Waiter& waiter : flush_waiters_) {
        if (done(waiter)) completions.push_back(std::move(waiter.completion));
      }
      std::erase_if(flush_waiters_, done);
    }
    queue = take_flush_turn();
    flush_idle_.notify_all();
  }
  if (status.ok() && publish_ == Publish::kFlushed) publish_progress();
  if (!completions.empty()) sink_->post(std::move(completions));
  if (queue) GroupCommit::instance().add(shared_from_this());
}

// On the queue's thread. Descriptors are finite: with many logs that nobody has flushed, those that are written to
// ask for a flush, which many share; with too many, each flushes itself before it goes on.
void Log::relieve_pins() {
  const size_t most = HandleCache::instance().capacity();
  const size_t pins = Pin::count();
  if (pins <= most / 2) return;
  if (pins <= most) return request_flush();
  block_flushes();
  FlushPlan plan;
  if (plan_flush(&plan)) end_flush(plan, sync(plan));
  unblock_flushes();
}

void Log::block_flushes() {
  std::unique_lock lock(mutex_);
  flushes_blocked_++;
  flush_idle_.wait(lock, [this] { return !flushing_; });
}

void Log::unblock_flushes() {
  bool queue;
  {
    std::lock_guard lock(mutex_);
    flushes_blocked_--;
    queue = take_flush_turn();
  }
  if (queue) GroupCommit::instance().add(shared_from_this());
}

}  // namespace odradek
