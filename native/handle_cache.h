// Open files of segments, bounded over all logs: 100,000 logs exceed the descriptors of a process. Evicted handles
// close when their last user lets go of them. Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "file.h"

namespace odradek {

// The open files of one segment.
struct SegmentHandle {
  std::shared_ptr<File> log;
  std::shared_ptr<File> offset_index;
  std::shared_ptr<File> time_index;
  bool writable = false;
};

// Keeps a handle open that the cache may not close: its segment was written to and is not on disk yet. Guarded by
// its owner; the count over all is not.
class Pin {
 public:
  Pin() = default;
  ~Pin() { reset(); }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  void set(std::shared_ptr<SegmentHandle> handle);
  void reset() { set(nullptr); }
  const std::shared_ptr<SegmentHandle>& get() const { return handle_; }

  // How many hold a handle now.
  static size_t count();

 private:
  std::shared_ptr<SegmentHandle> handle_;
};

class HandleCache {
 public:
  explicit HandleCache(size_t capacity) : capacity_(capacity) {}
  size_t capacity() const { return capacity_; }

  static HandleCache& instance();
  static uint64_t next_id();

  // The handle of the segment with this id, most recently used from now on; nullptr when it has to be opened.
  std::shared_ptr<SegmentHandle> find(uint64_t id);
  void put(uint64_t id, std::shared_ptr<SegmentHandle> handle);
  void erase(uint64_t id);
  size_t size();

 private:
  using Entry = std::pair<uint64_t, std::shared_ptr<SegmentHandle>>;

  const size_t capacity_;
  std::mutex mutex_;
  std::list<Entry> order_;  // most recently used first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> entries_;
};

}  // namespace odradek
