// What the fuzz targets share. Each target is one file that defines fuzz_one; driver.cc runs it with a mutator of our
// own, libfuzzer.cc by libFuzzer. An input that breaks a promise ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "record_batch.h"

namespace odradek::fuzz {

// Any bytes. Returns 0.
int fuzz_one(const uint8_t* data, size_t size);

// What holds for every input.
#define ODRADEK_FUZZ_REQUIRE(condition)                                                          \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      std::fprintf(stderr, "%s:%d: it does not hold that %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                              \
    }                                                                                            \
  } while (false)

// Takes numbers and runs of bytes off the front of an input; zeros when it is spent.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : p_(data), end_(data + size) {}

  uint8_t byte() { return p_ == end_ ? 0 : *p_++; }
  uint64_t number(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | byte();
    return value;
  }
  std::vector<uint8_t> take(size_t size) {
    const size_t taken = size < left() ? size : left();
    std::vector<uint8_t> bytes(p_, p_ + taken);
    p_ += taken;
    return bytes;
  }
  std::vector<uint8_t> rest() { return take(left()); }
  size_t left() const { return static_cast<size_t>(end_ - p_); }

 private:
  const uint8_t* p_;
  const uint8_t* const end_;
};

// Gives batches in `bytes` the magic, length and CRC that they should have, so that what lies behind these checks is
// reached as well.
inline void mend_batches(std::vector<uint8_t>& bytes) {
  for (size_t at = 0; bytes.size() - at >= kBatchHeaderSize;) {
    uint8_t* const p = bytes.data() + at;
    p[batch_layout::kMagic] = kMagicV2;
    BatchHeader header;
    size_t size = bytes.size() - at;
    if (peek_header(p, size, &header).ok() && header.size() <= size) {
      size = header.size();
    } else {
      const auto length = static_cast<uint32_t>(size - kBatchLengthOverhead);
      for (int i = 0; i < 4; i++) p[batch_layout::kBatchLength + i] = static_cast<uint8_t>(length >> (24 - 8 * i));
    }
    seal_crc(p, size);
    at += size;
  }
}

}  // namespace odradek::fuzz
