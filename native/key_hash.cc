#include "key_hash.h"

#include <bit>
#include <cstring>
#include <random>

namespace odradek {
namespace {

uint64_t load_little_endian(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

struct SipState {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void absorb(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  uint64_t squeeze() {
    for (int i = 0; i < 4; i++) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

Hash128 siphash128(const HashKey& key, const uint8_t* data, size_t size) {
  // The initial words and the marks 0xee and 0xdd are the algorithm's own.
  SipState state{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d ^ 0xee, key.k0 ^ 0x6c7967656e657261,
                 key.k1 ^ 0x7465646279746573};
  const uint8_t* const whole_end = data + (size & ~size_t{7});
  for (; data != whole_end; data += 8) state.absorb(load_little_endian(data));
  uint64_t last = static_cast<uint64_t>(size) << 56;
  for (size_t i = 0; i < (size & 7); i++) last |= static_cast<uint64_t>(data[i]) << (8 * i);
  state.absorb(last);
  state.v2 ^= 0xee;
  const uint64_t low = state.squeeze();
  state.v1 ^= 0xdd;
  const uint64_t high = state.squeeze();
  return {low, high};
}

const HashKey& process_hash_key() {
  static const HashKey key = [] {
    std::random_device random;
    const auto word = [&random] { return static_cast<uint64_t>(random()) << 32 | random(); };
    return HashKey{word(), word()};
  }();
  return key;
}

}  // namespace odradek
