// The sparse indexes of a segment: entries, and how they are searched in memory (segments that take appends) and in
// a map (sealed ones). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "file.h"
#include "format.h"

namespace odradek {

struct OffsetEntry {
  int32_t relative_offset;
  uint32_t position;
};

struct TimeEntry {
  int64_t timestamp;
  int32_t relative_offset;
};

struct SegmentIndexes {
  std::vector<OffsetEntry> offsets;
  std::vector<TimeEntry> times;

  // Appends unless it would break the order: the largest timestamp only ever rises.
  bool add_time(int64_t timestamp, int32_t relative_offset) {
    if (!times.empty() && (timestamp <= times.back().timestamp || relative_offset < times.back().relative_offset)) {
      return false;
    }
    times.push_back({timestamp, relative_offset});
    return true;
  }
};

// What an index says about an offset or a timestamp that it does not hold: where to start walking.
struct IndexAnswer {
  bool would_wait = false;
  // False where all entries lie above: start at the segment's first byte.
  bool found = false;
  OffsetEntry offset_entry{0, 0};
  TimeEntry time_entry{0, 0};
};

// The last entry whose offset is at most `relative_offset`.
IndexAnswer find_offset(const std::vector<OffsetEntry>& entries, int32_t relative_offset);
// Without `may_wait`, says so instead of touching a page that is not in memory.
IndexAnswer find_offset(const Mapping& map, int32_t relative_offset, bool may_wait);

// The last entry whose timestamp is below `timestamp`: no batch up to its offset reaches `timestamp`.
IndexAnswer find_time(const std::vector<TimeEntry>& entries, int64_t timestamp);
IndexAnswer find_time(const Mapping& map, int64_t timestamp);

OffsetEntry decode_offset_entry(const uint8_t* p);
TimeEntry decode_time_entry(const uint8_t* p);
std::vector<uint8_t> encode(const OffsetEntry* entries, size_t count);
std::vector<uint8_t> encode(const TimeEntry* entries, size_t count);

// Reads a whole index file; entries up to the first that is out of order (a file that was never trimmed ends in
// zeros).
Status read_offset_index(const std::string& path, std::vector<OffsetEntry>* entries, bool* whole);
Status read_time_index(const std::string& path, std::vector<TimeEntry>* entries, bool* whole);

}  // namespace odradek
