// An offset as the text of a small file: `offset crc32c`, in one line. A file that a disk has damaged is found out.
#pragma once

#include <cstdint>
#include <string>

namespace odradek {

std::string encode_checked_offset(int64_t offset);
// False where the text is not what encode_checked_offset made of an offset.
bool decode_checked_offset(const std::string& text, int64_t* offset);

}  // namespace odradek
