// CRC-32C (Castagnoli), the checksum of record batches. Thread-safe; the implementation is chosen once, by the CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace odradek {

// CRC of `data`; `crc` is the CRC of what came before it, 0 at the start.
uint32_t crc32c(const uint8_t* data, size_t size, uint32_t crc = 0);

enum class Crc32cImplementation { kTable, kSse42, kArmv8 };

// Which one runs.
Crc32cImplementation crc32c_implementation();

// Tests only: true forces the table, false goes back to the CPU's instruction where it has one.
void crc32c_force_table(bool force);

}  // namespace odradek
