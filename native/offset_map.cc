#include "offset_map.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace odradek {

void OffsetMap::Free::operator()(Entry* entries) const { std::free(entries); }

OffsetMap::OffsetMap(size_t memory_bytes, double load_factor)
    : slots_(std::max<size_t>(memory_bytes / kEntrySize, 2)),
      capacity_(std::clamp<size_t>(static_cast<size_t>(static_cast<double>(slots_) * load_factor), 1, slots_ - 1)),
      // calloc: large blocks are mapped zero pages, which cost nothing until they are written to.
      entries_(static_cast<Entry*>(std::calloc(slots_, kEntrySize))) {
  if (!entries_) throw std::bad_alloc();
}

Hash128 OffsetMap::hash_of(const uint8_t* key, size_t key_size) {
  Hash128 hash = siphash128(process_hash_key(), key, key_size);
  if (hash.low == 0 && hash.high == 0) hash.high = 1;  // zero marks a free entry
  return hash;
}

OffsetMap::Entry* OffsetMap::find(const Hash128& hash) const {
  auto slot = static_cast<size_t>((static_cast<unsigned __int128>(hash.low) * slots_) >> 64);
  for (;;) {
    Entry* const entry = &entries_[slot];
    if (entry->hash == hash || (entry->hash.low == 0 && entry->hash.high == 0)) return entry;
    if (++slot == slots_) slot = 0;
  }
}

bool OffsetMap::put(const uint8_t* key, size_t key_size, int64_t offset) {
  const Hash128 hash = hash_of(key, key_size);
  Entry* const entry = find(hash);
  if (!(entry->hash == hash)) {
    if (size_ == capacity_) return false;
    entry->hash = hash;
    size_++;
  }
  entry->offset = offset;
  raise_latest_offset(offset);
  return true;
}

int64_t OffsetMap::get(const uint8_t* key, size_t key_size) const {
  const Hash128 hash = hash_of(key, key_size);
  const Entry* const entry = find(hash);
  return entry->hash == hash ? entry->offset : -1;
}

}  // namespace odradek
