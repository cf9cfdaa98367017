#include "flush_state.h"

namespace odradek {

void FlushState::take_reached(int64_t flushed, std::vector<Completion>* completions) {
  const auto is_reached = [&](const Waiter& waiter) { return waiter.offset <= flushed; };
  for (Waiter& waiter : waiters_) {
    if (is_reached(waiter)) completions->push_back(std::move(waiter.completion));
  }
  std::erase_if(waiters_, is_reached);
}

}  // namespace odradek
