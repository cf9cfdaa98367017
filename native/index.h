// The sparse indexes of a segment: entries, and how they are searched in their files. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "file.h"
#include "format.h"

namespace odradek {

struct OffsetEntry {
  int32_t relative_offset = 0;
  uint32_t position = 0;
};

struct TimeEntry {
  int64_t timestamp = 0;
  int32_t relative_offset = 0;
};

// Whole indexes, while they are written or checked.
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

// What a segment keeps of its indexes in memory: how many entries the files have, and the last of each. Whoever
// reads near the end of a log needs no more than this.
struct IndexState {
  uint32_t offset_entries = 0;
  uint32_t time_entries = 0;
  OffsetEntry last_offset;
  TimeEntry last_time;

  // `added` was written behind what is there.
  void add(const SegmentIndexes& added) {
    offset_entries += static_cast<uint32_t>(added.offsets.size());
    time_entries += static_cast<uint32_t>(added.times.size());
    if (!added.offsets.empty()) last_offset = added.offsets.back();
    if (!added.times.empty()) last_time = added.times.back();
  }
  uint64_t offset_bytes() const { return uint64_t{offset_entries} * kOffsetIndexEntrySize; }
  uint64_t time_bytes() const { return uint64_t{time_entries} * kTimeIndexEntrySize; }
};

// What an index says about an offset or a timestamp that it does not hold: where to start walking.
template <typename Entry>
struct IndexAnswer {
  bool would_wait = false;
  // The file ends before its last entry.
  bool torn = false;
  // False where all entries lie above: start at the segment's first byte.
  bool found = false;
  Entry entry;
};

// The last entry whose offset is at most `relative_offset`. Without `may_wait`, says so instead of reading what is
// not in memory. Reads by pread, not in a map: an error of the disk under a map ends the process.
Status find_offset(File& file, const IndexState& state, int32_t relative_offset, bool may_wait,
                   IndexAnswer<OffsetEntry>* answer);
// The last entry whose timestamp is below `timestamp`: no batch up to its offset reaches `timestamp`. May wait.
Status find_time(File& file, const IndexState& state, int64_t timestamp, IndexAnswer<TimeEntry>* answer);

OffsetEntry decode_offset_entry(const uint8_t* p);
TimeEntry decode_time_entry(const uint8_t* p);
std::vector<uint8_t> encode(const OffsetEntry* entries, size_t count);
std::vector<uint8_t> encode(const TimeEntry* entries, size_t count);

// Reads a whole index file; entries up to the first that is out of order (a file that was never trimmed ends in
// zeros).
Status read_offset_index(const std::string& path, std::vector<OffsetEntry>* entries, bool* whole);
Status read_time_index(const std::string& path, std::vector<TimeEntry>* entries, bool* whole);

}  // namespace odradek
