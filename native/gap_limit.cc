#include "gap_limit.h"

#include "checked_offset.h"
#include "folder.h"
#include "format.h"

namespace odradek {
namespace {

std::string path_in(const std::string& folder) {
  std::string path = folder + "/";
  path += kGapLimitName;
  return path;
}

}  // namespace

Status read_gap_limit(const std::string& folder, int64_t* offset) {
  *offset = -1;
  Bytes bytes;
  Status read = read_file(path_in(folder), &bytes);
  if (!read.ok()) return read.is_not_found() ? Status() : read;
  const std::string text(reinterpret_cast<const char*>(bytes.data.get()), bytes.size);
  // Not as it was written: as if there were none.
  int64_t value = 0;
  if (decode_checked_offset(text, &value)) *offset = value;
  return Status();
}

Status write_gap_limit(const std::string& folder, int64_t offset) {
  return write_atomically(path_in(folder), encode_checked_offset(offset));
}

}  // namespace odradek
