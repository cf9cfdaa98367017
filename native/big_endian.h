// Big-endian loads and stores at any alignment, and the zigzag varints of records.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace odradek {

template <typename T>
inline T load_be(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 2) value = static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
    if constexpr (sizeof(T) == 4) value = static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
    if constexpr (sizeof(T) == 8) value = static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  }
  return value;
}

template <typename T>
inline void store_be(uint8_t* p, T value) {
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(T) == 2) value = static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
    if constexpr (sizeof(T) == 4) value = static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
    if constexpr (sizeof(T) == 8) value = static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  }
  std::memcpy(p, &value, sizeof(T));
}

namespace varint_detail {

template <typename U>
[[gnu::noinline]] inline bool read_long(const uint8_t*& p, const uint8_t* end, U* out) {
  constexpr int kMaxBytes = sizeof(U) == 4 ? 5 : 10;
  U raw = 0;
  for (int i = 0; i < kMaxBytes; i++) {
    if (p == end) return false;
    const uint8_t byte = *p++;
    raw |= static_cast<U>(static_cast<U>(byte & 0x7f) << (7 * i));
    if (byte < 0x80) {
      *out = raw;
      return true;
    }
  }
  return false;
}

}  // namespace varint_detail

// Reads a zigzag varint and moves `p` past it; false when it runs past `end` or is longer than its type allows.
inline bool read_varint(const uint8_t*& p, const uint8_t* end, int32_t* out) {
  uint32_t raw;
  if (p != end && *p < 0x80) [[likely]] {
    raw = *p++;
  } else if (!varint_detail::read_long(p, end, &raw)) {
    return false;
  }
  *out = static_cast<int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return true;
}

inline bool read_varlong(const uint8_t*& p, const uint8_t* end, int64_t* out) {
  uint64_t raw;
  if (p != end && *p < 0x80) [[likely]] {
    raw = *p++;
  } else if (!varint_detail::read_long(p, end, &raw)) {
    return false;
  }
  *out = static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return true;
}

// Bytes that write_varint takes for `value`.
inline size_t varint_size(int64_t value) {
  const uint64_t raw = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  return static_cast<size_t>((std::bit_width(raw | 1) + 6) / 7);
}

// Writes a zigzag varint; the same bytes for a value as int32 and as int64. Returns the position after it.
inline uint8_t* write_varint(uint8_t* p, int64_t value) {
  uint64_t raw = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (raw >= 0x80) {
    *p++ = static_cast<uint8_t>(raw) | 0x80;
    raw >>= 7;
  }
  *p++ = static_cast<uint8_t>(raw);
  return p;
}

}  // namespace odradek
