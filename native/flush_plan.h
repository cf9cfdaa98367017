// What one flush of a log puts on disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "segment.h"
#include "status.h"

namespace odradek {

struct FlushPlan {
  struct Part {
    std::shared_ptr<Segment> segment;
    std::shared_ptr<SegmentHandle> handle;
    bool log = false;
    bool indexes = false;
  };

  // After the flush everything below it is on disk.
  int64_t end = 0;
  // Files were made since the folder was last synced.
  bool folder = false;
  std::string folder_path;
  // One for each dirty segment, in offset order.
  std::vector<Part> parts;

  // Fdatasyncs each file. Waits on the disk.
  Status sync() const;
  // After a sync of the whole file system: asks each file whether one of its writes failed.
  Status check_synced() const;
};

}  // namespace odradek
