#include "index.h"

#include <algorithm>

#include "big_endian.h"

namespace odradek {
namespace {

// Entries of `size` bytes before the first that `is_past` holds for, or -1 when a page would have to be waited for.
template <typename IsPast>
int64_t partition_point(const Mapping& map, size_t size, bool may_wait, IsPast is_past) {
  size_t low = 0;
  size_t high = map.size() / size;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (!may_wait && !map.is_resident(middle * size)) return -1;
    if (is_past(map.data() + middle * size)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return static_cast<int64_t>(low);
}

template <typename Entry, typename Decode, typename InOrder>
Status read_index(const std::string& path, size_t entry_size, Decode decode, InOrder in_order,
                  std::vector<Entry>* entries, bool* whole) {
  entries->clear();
  *whole = false;
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kRead, &file));
  uint64_t size = 0;
  ODRADEK_RETURN_IF_ERROR(file->size(&size));
  std::vector<uint8_t> bytes(size);
  size_t read = 0;
  ODRADEK_RETURN_IF_ERROR(file->pread(bytes.data(), bytes.size(), 0, &read));
  const size_t count = read / entry_size;
  for (size_t i = 0; i < count; i++) {
    const Entry entry = decode(bytes.data() + i * entry_size);
    if (!in_order(entries->empty() ? nullptr : &entries->back(), entry)) return Status();
    entries->push_back(entry);
  }
  *whole = read == size && size % entry_size == 0;
  return Status();
}

}  // namespace

IndexAnswer find_offset(const std::vector<OffsetEntry>& entries, int32_t relative_offset) {
  IndexAnswer answer;
  const auto past = std::upper_bound(entries.begin(), entries.end(), relative_offset,
                                     [](int32_t offset, const OffsetEntry& e) { return offset < e.relative_offset; });
  if (past == entries.begin()) return answer;
  answer.found = true;
  answer.offset_entry = *std::prev(past);
  return answer;
}

IndexAnswer find_offset(const Mapping& map, int32_t relative_offset, bool may_wait) {
  IndexAnswer answer;
  const int64_t past = partition_point(map, kOffsetIndexEntrySize, may_wait, [&](const uint8_t* p) {
    return decode_offset_entry(p).relative_offset > relative_offset;
  });
  if (past < 0) {
    answer.would_wait = true;
  } else if (past > 0) {
    answer.found = true;
    answer.offset_entry = decode_offset_entry(map.data() + (past - 1) * kOffsetIndexEntrySize);
  }
  return answer;
}

IndexAnswer find_time(const std::vector<TimeEntry>& entries, int64_t timestamp) {
  IndexAnswer answer;
  const auto past = std::lower_bound(entries.begin(), entries.end(), timestamp,
                                     [](const TimeEntry& e, int64_t time) { return e.timestamp < time; });
  if (past == entries.begin()) return answer;
  answer.found = true;
  answer.time_entry = *std::prev(past);
  return answer;
}

IndexAnswer find_time(const Mapping& map, int64_t timestamp) {
  IndexAnswer answer;
  const int64_t past = partition_point(map, kTimeIndexEntrySize, true, [&](const uint8_t* p) {
    return decode_time_entry(p).timestamp >= timestamp;
  });
  if (past > 0) {
    answer.found = true;
    answer.time_entry = decode_time_entry(map.data() + (past - 1) * kTimeIndexEntrySize);
  }
  return answer;
}

OffsetEntry decode_offset_entry(const uint8_t* p) { return {load_be<int32_t>(p), load_be<uint32_t>(p + 4)}; }

TimeEntry decode_time_entry(const uint8_t* p) { return {load_be<int64_t>(p), load_be<int32_t>(p + 8)}; }

std::vector<uint8_t> encode(const OffsetEntry* entries, size_t count) {
  std::vector<uint8_t> bytes(count * kOffsetIndexEntrySize);
  for (size_t i = 0; i < count; i++) {
    store_be<int32_t>(bytes.data() + i * kOffsetIndexEntrySize, entries[i].relative_offset);
    store_be<uint32_t>(bytes.data() + i * kOffsetIndexEntrySize + 4, entries[i].position);
  }
  return bytes;
}

std::vector<uint8_t> encode(const TimeEntry* entries, size_t count) {
  std::vector<uint8_t> bytes(count * kTimeIndexEntrySize);
  for (size_t i = 0; i < count; i++) {
    store_be<int64_t>(bytes.data() + i * kTimeIndexEntrySize, entries[i].timestamp);
    store_be<int32_t>(bytes.data() + i * kTimeIndexEntrySize + 8, entries[i].relative_offset);
  }
  return bytes;
}

Status read_offset_index(const std::string& path, std::vector<OffsetEntry>* entries, bool* whole) {
  const auto in_order = [](const OffsetEntry* last, const OffsetEntry& entry) {
    // The first batch of a segment never has an entry: this is the unused part of a preallocated file.
    if (!last) return entry.relative_offset >= 0 && entry.position > 0;
    return entry.relative_offset > last->relative_offset && entry.position > last->position;
  };
  return read_index(path, kOffsetIndexEntrySize, decode_offset_entry, in_order, entries, whole);
}

Status read_time_index(const std::string& path, std::vector<TimeEntry>* entries, bool* whole) {
  const auto in_order = [](const TimeEntry* last, const TimeEntry& entry) {
    if (!last) return entry.relative_offset >= 0 && (entry.timestamp > 0 || entry.relative_offset > 0);
    return entry.timestamp > last->timestamp && entry.relative_offset >= last->relative_offset;
  };
  return read_index(path, kTimeIndexEntrySize, decode_time_entry, in_order, entries, whole);
}

}  // namespace odradek
