// The last offset of each key in the part of a log that compaction is about to clean. Keys are kept as 128-bit
// hashes, so an entry takes 24 bytes whatever the key's length, and the memory is bounded from the start.
// Not thread-safe: one cleaning run owns it at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "key_hash.h"

namespace odradek {

class OffsetMap {
 public:
  // Bytes of one entry.
  static constexpr size_t kEntrySize = 24;

  // Takes at most `memory_bytes` (but room for two entries at least), of which pages are touched only as entries
  // come; full when `load_factor` of the entries are taken.
  OffsetMap(size_t memory_bytes, double load_factor);

  // Notes that `offset` is the latest of the key. REQUIRES: offset >= 0. False when the map is full and the key is
  // not in it.
  [[nodiscard]] bool put(const uint8_t* key, size_t key_size, int64_t offset);
  // The latest offset noted for the key, -1 without one.
  int64_t get(const uint8_t* key, size_t key_size) const;

  size_t size() const { return size_; }
  // How many keys it can hold.
  size_t capacity() const { return capacity_; }
  // Up to here (inclusive) the log has been read into the map; -1 at first.
  int64_t latest_offset() const { return latest_offset_; }
  void raise_latest_offset(int64_t offset) {
    if (offset > latest_offset_) latest_offset_ = offset;
  }

 private:
  struct Entry {
    Hash128 hash;  // all zero: free
    int64_t offset;
  };
  static_assert(sizeof(Entry) == kEntrySize);
  struct Free {
    void operator()(Entry* entries) const;
  };

  static Hash128 hash_of(const uint8_t* key, size_t key_size);
  // The key's entry, or the free one where it belongs.
  // INVARIANT: capacity_ < slots_, so the search ends.
  Entry* find(const Hash128& hash) const;

  size_t slots_;
  size_t capacity_;
  size_t size_ = 0;
  int64_t latest_offset_ = -1;
  std::unique_ptr<Entry[], Free> entries_;
};

}  // namespace odradek
