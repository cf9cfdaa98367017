#include "handle_cache.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace odradek {
namespace {

// Each takes about 1 KB besides what the kernel keeps for its descriptors.
constexpr size_t kMostHandles = 16'000;
constexpr size_t kFewestHandles = 16;
// Three descriptors for each handle; as many handles may be pinned as cached; half of the descriptors are for
// connections.
constexpr size_t kDescriptorsPerHandle = 12;

std::atomic<size_t> pins{0};

size_t default_capacity() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kFewestHandles;
  return std::clamp(static_cast<size_t>(limit.rlim_cur) / kDescriptorsPerHandle, kFewestHandles, kMostHandles);
}

}  // namespace

void Pin::set(std::shared_ptr<SegmentHandle> handle) {
  if (handle && !handle_) pins.fetch_add(1, std::memory_order_relaxed);
  if (!handle && handle_) pins.fetch_sub(1, std::memory_order_relaxed);
  handle_ = std::move(handle);
}

size_t Pin::count() { return pins.load(std::memory_order_relaxed); }

HandleCache& HandleCache::instance() {
  static HandleCache* const cache = new HandleCache(default_capacity());
  return *cache;
}

uint64_t HandleCache::next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

std::shared_ptr<SegmentHandle> HandleCache::find(uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

void HandleCache::put(uint64_t id, std::shared_ptr<SegmentHandle> handle) {
  // Closed outside of the lock.
  std::list<Entry> evicted;
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found != entries_.end()) {
    evicted.splice(evicted.begin(), order_, found->second);
    entries_.erase(found);
  }
  order_.emplace_front(id, std::move(handle));
  entries_[id] = order_.begin();
  while (order_.size() > capacity_) {
    entries_.erase(order_.back().first);
    evicted.splice(evicted.begin(), order_, std::prev(order_.end()));
  }
}

void HandleCache::erase(uint64_t id) {
  std::list<Entry> evicted;
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  evicted.splice(evicted.begin(), order_, found->second);
  entries_.erase(found);
}

size_t HandleCache::size() {
  std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace odradek
