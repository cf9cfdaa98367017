#include "checked_offset.h"

#include <cstdio>
#include <cstdlib>

#include "crc32c.h"

namespace odradek {

std::string encode_checked_offset(int64_t offset) {
  std::string text = std::to_string(offset);
  char crc[16];
  std::snprintf(crc, sizeof(crc), " %08x\n", crc32c(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  return text += crc;
}

bool decode_checked_offset(const std::string& text, int64_t* offset) {
  const long long value = std::strtoll(text.c_str(), nullptr, 10);
  if (value < 0 || encode_checked_offset(value) != text) return false;
  *offset = value;
  return true;
}

}  // namespace odradek
