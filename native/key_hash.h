// 128-bit hash of a record's key: SipHash-2-4 with a key of the process's own, so that a producer cannot make two
// keys collide (and have compaction remove one) by choosing them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace odradek {

struct Hash128 {
  uint64_t low;
  uint64_t high;
  bool operator==(const Hash128&) const = default;
};

struct HashKey {
  uint64_t k0;
  uint64_t k1;
};

Hash128 siphash128(const HashKey& key, const uint8_t* data, size_t size);

// Random, drawn when first asked for; the same for the life of the process.
const HashKey& process_hash_key();

}  // namespace odradek
