// What of a log is not on disk yet, and how it gets there. The fdatasyncs run on the flush threads.
#include <algorithm>

#include "group_commit.h"
#include "log.h"

namespace odradek {

void Log::request_flush() {
  {
    MutexLock lock(mutex_);
    if (!flushes_.want()) return;
  }
  GroupCommit::instance().add(shared_from_this());
}

// When nothing else is to be done for the log, this thread flushes it: that saves waking another.
void Log::follow_up(bool idle) {
  if (!idle) return request_flush();
  {
    MutexLock lock(mutex_);
    if (!flushes_.want()) return;
  }
  GroupCommit::instance().run_or_add(shared_from_this());
}

// False where the log has failed and the waiting completions have said so: this one says it too.
bool Log::await_flush(Completion* completion, int64_t offset) {
  if (failure_told_) {
    completion->status = Status(Code::kLogFailed, failure_.error(), path_);
    return false;
  }
  flushes_.wait(std::move(*completion), offset, true);
  return true;
}

void Log::end_waits(const Status& status, const Status& of_appends) {
  std::vector<FlushState::Waiter> waiters;
  {
    MutexLock lock(mutex_);
    waiters = flushes_.take_waiters();
  }
  std::vector<Completion> completions;
  for (FlushState::Waiter& waiter : waiters) {
    waiter.completion.status = waiter.is_append ? of_appends : status;
    completions.push_back(std::move(waiter.completion));
  }
  if (!completions.empty()) sink_->post(std::move(completions));
}

void Log::request_flush_by_timer() {
  {
    MutexLock lock(mutex_);
    flushes_.clear_timer();
    if (flushed_offset() >= log_end_offset()) return;
  }
  request_flush();
}

bool Log::begin_flush(FlushPlan* plan) {
  MutexLock lock(mutex_);
  return flushes_.leave_line() && plan_flush(plan);
}

// What is dirty becomes clean here, so that an append during the fdatasync makes it dirty again.
bool Log::plan_flush(FlushPlan* plan) {
  flushes_.satisfy();
  if (!failure_.ok() || closed_) return false;
  plan->end = log_end_offset();
  plan->folder = folder_dirty_;
  plan->folder_path = path_;
  for (const auto& [base, segment] : segments_) {
    // The indexes of the active segment are checked after a crash; a sealed one's are relied upon.
    if (!segment->dirty && !(segment->indexes_dirty && segment->pinned.get())) continue;
    const bool indexes = segment->indexes_dirty && segment->sealed;
    plan->parts.push_back({segment, segment->pinned.get(), segment->dirty, indexes});
    segment->dirty = false;
    if (indexes) segment->indexes_dirty = false;
  }
  if (plan->parts.empty() && !plan->folder && !flushes_.has_waiters() && plan->end <= flushed_offset()) return false;
  folder_dirty_ = false;
  flushes_.begin();
  return true;
}

void Log::flush_now() {
  FlushPlan plan;
  {
    MutexLock lock(mutex_);
    ODRADEK_CHECK(flushes_.is_blocked());
    if (!plan_flush(&plan)) return;
  }
  end_flush(plan, plan.sync());
}

void Log::end_flush(const FlushPlan& plan, const Status& status) {
  std::vector<Completion> completions;
  bool queue = false;
  if (!status.ok()) fail(status, true);
  {
    MutexLock lock(mutex_);
    // The flushed offset of a failed log never rises: its marker says to where the next open cuts.
    if (status.ok() && failure_.ok()) {
      for (const FlushPlan::Part& part : plan.parts) {
        Segment& segment = *part.segment;
        if (!segment.dirty && !(segment.sealed && segment.indexes_dirty)) segment.pinned.reset();
      }
      // INVARIANT: flushed_offset() <= log_end_offset(). Flushes are blocked while the log is cut.
      ODRADEK_CHECK(plan.end <= log_end_offset());
      if (plan.end > flushed_offset()) {
        flushed_.store(plan.end, std::memory_order_release);
        Completion risen;
        risen.kind = CompletionKind::kFlushed;
        risen.id = id_;
        risen.values[0] = static_cast<double>(plan.end);
        completions.push_back(std::move(risen));
      }
      flushes_.take_reached(plan.end, &completions);
    }
    queue = flushes_.end();
    flush_idle_.notify_all();
  }
  if (status.ok()) publisher_.flushed();
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
  flush_now();
  unblock_flushes();
}

void Log::block_flushes() {
  MutexLock lock(mutex_);
  flushes_.block();
  while (flushes_.is_under_way()) flush_idle_.wait(mutex_);
}

void Log::unblock_flushes() {
  bool queue;
  {
    MutexLock lock(mutex_);
    queue = flushes_.unblock();
  }
  if (queue) GroupCommit::instance().add(shared_from_this());
}

}  // namespace odradek
