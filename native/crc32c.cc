#include "crc32c.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define ODRADEK_CRC_X86 1
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define ODRADEK_CRC_ARM 1
#elif defined(__aarch64__) && defined(__APPLE__)
#include <arm_acle.h>
#define ODRADEK_CRC_ARM 1
#endif

namespace odradek {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // 0x1edc6f41 with its bits reversed

using ByteTable = std::array<uint32_t, 256>;

// Eight tables: table[k][b] is the CRC of byte b followed by k zero bytes, so that eight bytes go at a time.
constexpr std::array<ByteTable, 8> make_slicing_tables() {
  std::array<ByteTable, 8> tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; k++) {
    for (size_t byte = 0; byte < 256; byte++) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr std::array<ByteTable, 8> kSlicing = make_slicing_tables();

// All of these take and return the register itself, without the inversion at both ends.
uint32_t extend_table(uint32_t crc, const uint8_t* p, size_t size) {
  if constexpr (std::endian::native == std::endian::little) {
    while (size >= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      word ^= crc;
      crc = kSlicing[7][word & 0xff] ^ kSlicing[6][(word >> 8) & 0xff] ^ kSlicing[5][(word >> 16) & 0xff] ^
            kSlicing[4][(word >> 24) & 0xff] ^ kSlicing[3][(word >> 32) & 0xff] ^ kSlicing[2][(word >> 40) & 0xff] ^
            kSlicing[1][(word >> 48) & 0xff] ^ kSlicing[0][word >> 56];
      p += 8;
      size -= 8;
    }
  }
  while (size-- > 0) crc = (crc >> 8) ^ kSlicing[0][(crc ^ *p++) & 0xff];
  return crc;
}

#if defined(ODRADEK_CRC_X86) || defined(ODRADEK_CRC_ARM)

// The instruction takes three cycles and one can start each cycle, so three streams run side by side; their CRCs
// are joined by shifting the first over the length of the next, which is a linear map: four look-ups.
constexpr size_t kLongBlock = 8192;
constexpr size_t kShortBlock = 256;

using ShiftTables = std::array<ByteTable, 4>;

// The register after `zeros` zero bytes, for each of its bytes.
constexpr ShiftTables make_shift_tables(size_t zeros) {
  // The map as a 32x32 bit matrix (column i: what bit i becomes), squared until it covers `zeros`.
  std::array<uint32_t, 32> power{};  // one zero bit
  power[0] = kPolynomial;
  for (uint32_t i = 1; i < 32; i++) power[i] = uint32_t{1} << (i - 1);
  std::array<uint32_t, 32> result{};
  for (uint32_t i = 0; i < 32; i++) result[i] = uint32_t{1} << i;

  const auto apply = [](const std::array<uint32_t, 32>& matrix, uint32_t vector) {
    uint32_t sum = 0;
    for (size_t i = 0; vector != 0; i++, vector >>= 1) {
      if (vector & 1) sum ^= matrix[i];
    }
    return sum;
  };
  for (size_t bits = zeros * 8; bits != 0; bits >>= 1) {
    if (bits & 1) {
      for (uint32_t& column : result) column = apply(power, column);
    }
    std::array<uint32_t, 32> square{};
    for (size_t i = 0; i < 32; i++) square[i] = apply(power, power[i]);
    power = square;
  }

  ShiftTables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (size_t k = 0; k < 4; k++) tables[k][byte] = apply(result, byte << (8 * k));
  }
  return tables;
}

constexpr ShiftTables kShiftLong = make_shift_tables(kLongBlock);
constexpr ShiftTables kShiftShort = make_shift_tables(kShortBlock);

inline uint32_t shift(const ShiftTables& tables, uint32_t crc) {
  return tables[0][crc & 0xff] ^ tables[1][(crc >> 8) & 0xff] ^ tables[2][(crc >> 16) & 0xff] ^ tables[3][crc >> 24];
}

#if defined(ODRADEK_CRC_X86)
#define ODRADEK_CRC_TARGET __attribute__((target("sse4.2,crc32")))
ODRADEK_CRC_TARGET inline uint64_t step8(uint64_t crc, uint64_t word) { return _mm_crc32_u64(crc, word); }
ODRADEK_CRC_TARGET inline uint32_t step1(uint32_t crc, uint8_t byte) { return _mm_crc32_u8(crc, byte); }
#else
#if defined(__clang__)
#define ODRADEK_CRC_TARGET __attribute__((target("crc")))
#else
#define ODRADEK_CRC_TARGET __attribute__((target("+crc")))
#endif
ODRADEK_CRC_TARGET inline uint64_t step8(uint64_t crc, uint64_t word) {
  return __crc32cd(static_cast<uint32_t>(crc), word);
}
ODRADEK_CRC_TARGET inline uint32_t step1(uint32_t crc, uint8_t byte) { return __crc32cb(crc, byte); }
#endif

inline uint64_t load8(const uint8_t* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

template <size_t kBlock>
ODRADEK_CRC_TARGET inline uint64_t three_streams(uint64_t crc, const uint8_t*& p, size_t& size,
                                                 const ShiftTables& tables) {
  while (size >= 3 * kBlock) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (const uint8_t* end = p + kBlock; p < end; p += 8) {
      crc = step8(crc, load8(p));
      second = step8(second, load8(p + kBlock));
      third = step8(third, load8(p + 2 * kBlock));
    }
    crc = shift(tables, static_cast<uint32_t>(crc)) ^ second;
    crc = shift(tables, static_cast<uint32_t>(crc)) ^ third;
    p += 2 * kBlock;
    size -= 3 * kBlock;
  }
  return crc;
}

ODRADEK_CRC_TARGET uint32_t extend_hardware(uint32_t start, const uint8_t* p, size_t size) {
  uint64_t crc = start;
  crc = three_streams<kLongBlock>(crc, p, size, kShiftLong);
  crc = three_streams<kShortBlock>(crc, p, size, kShiftShort);
  while (size >= 8) {
    crc = step8(crc, load8(p));
    p += 8;
    size -= 8;
  }
  auto narrow = static_cast<uint32_t>(crc);
  while (size-- > 0) narrow = step1(narrow, *p++);
  return narrow;
}

#endif

Crc32cImplementation detect() {
#if defined(ODRADEK_CRC_X86)
  return __builtin_cpu_supports("sse4.2") ? Crc32cImplementation::kSse42 : Crc32cImplementation::kTable;
#elif defined(ODRADEK_CRC_ARM) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? Crc32cImplementation::kArmv8 : Crc32cImplementation::kTable;
#elif defined(ODRADEK_CRC_ARM)
  return Crc32cImplementation::kArmv8;
#else
  return Crc32cImplementation::kTable;
#endif
}

std::atomic<bool> table_forced{false};

}  // namespace

Crc32cImplementation crc32c_implementation() {
  static const Crc32cImplementation detected = detect();
  return table_forced.load(std::memory_order_relaxed) ? Crc32cImplementation::kTable : detected;
}

void crc32c_force_table(bool force) { table_forced.store(force, std::memory_order_relaxed); }

uint32_t crc32c(const uint8_t* data, size_t size, uint32_t crc) {
#if defined(ODRADEK_CRC_X86) || defined(ODRADEK_CRC_ARM)
  if (crc32c_implementation() != Crc32cImplementation::kTable) return ~extend_hardware(~crc, data, size);
#endif
  return ~extend_table(~crc, data, size);
}

}  // namespace odradek
