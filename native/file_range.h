// A run of bytes in a file that stays open while the range exists, deleted or not.
#pragma once

#include <cstdint>
#include <memory>

#include "file.h"

namespace odradek {

struct FileRange {
  std::shared_ptr<File> file;
  uint64_t position = 0;
  uint64_t length = 0;
};

}  // namespace odradek
