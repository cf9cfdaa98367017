// Bookkeeping of one log's flushes: whether one is wanted, in line for a flush thread, under way or blocked, and which
// completions wait for one. Not thread-safe: the log guards it by its lock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "check.h"
#include "completion.h"

namespace odradek {

// INVARIANT (checked): at most one flush is under way, and none from the line begins while flushes are blocked.
class FlushState {
 public:
  // A completion that comes when everything below `offset` is on disk.
  struct Waiter {
    Completion completion;
    int64_t offset;
    bool is_append;
  };

  // Where these three return true, the caller puts the log in line for a flush thread.
  bool want() {
    wanted_ = true;
    return take_turn();
  }
  bool unblock() {
    ODRADEK_CHECK(blocks_ > 0);
    blocks_--;
    return take_turn();
  }
  bool end() {
    ODRADEK_CHECK(under_way_);
    under_way_ = false;
    return take_turn();
  }

  // A flush thread has come to the log: false where it may not begin.
  bool leave_line() {
    queued_ = false;
    return blocks_ == 0 && !under_way_;
  }
  // Whoever flushes has seen what there is to do.
  void satisfy() { wanted_ = false; }
  void begin() {
    ODRADEK_CHECK(!under_way_);
    under_way_ = true;
  }
  bool is_under_way() const { return under_way_; }

  // Keeps flush threads away. The caller waits until none is under way; it may then flush itself.
  void block() { blocks_++; }
  bool is_blocked() const { return blocks_ > 0; }
  // No flush is given to a thread any more.
  void close() { closed_ = true; }

  // True where the caller must set the timer.
  bool set_timer() { return !std::exchange(timer_set_, true); }
  void clear_timer() { timer_set_ = false; }

  bool has_waiters() const { return !waiters_.empty(); }
  void wait(Completion completion, int64_t offset, bool is_append) {
    waiters_.push_back({std::move(completion), offset, is_append});
  }
  // The log now ends at `end`: the next flush completes the waits for what was cut.
  void cut_waits(int64_t end) {
    ODRADEK_CHECK(is_blocked() && !under_way_);
    for (Waiter& waiter : waiters_) waiter.offset = std::min(waiter.offset, end);
  }
  // Moves the completions that waited for no more than `flushed` to `completions`, in order.
  void take_reached(int64_t flushed, std::vector<Completion>* completions);
  std::vector<Waiter> take_waiters() { return std::exchange(waiters_, {}); }

 private:
  bool take_turn() {
    if (!wanted_ || queued_ || under_way_ || blocks_ > 0 || closed_) return false;
    queued_ = true;
    return true;
  }

  bool wanted_ = false;
  bool queued_ = false;
  bool under_way_ = false;
  bool closed_ = false;
  bool timer_set_ = false;
  int blocks_ = 0;
  std::vector<Waiter> waiters_;
};

}  // namespace odradek
