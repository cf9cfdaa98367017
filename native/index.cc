#include "index.h"

#include <algorithm>

#include "big_endian.h"

namespace odradek {
namespace {

// Entries that one read brings: a page of them.
constexpr size_t kBlockBytes = 4096;

// The last of the file's first `count` entries that `is_past` does not hold for. Narrows by the first entries of
// blocks, then reads one block.
template <typename Entry, typename Decode, typename IsPast>
Status last_before(File& file, size_t entry_size, uint32_t count, bool may_wait, Decode decode, IsPast is_past,
                   IndexAnswer<Entry>* answer) {
  const auto read = [&](uint8_t* out, uint32_t entry, uint32_t entries) {
    const size_t wanted = entries * entry_size;
    const uint64_t position = uint64_t{entry} * entry_size;
    size_t got = 0;
    if (may_wait) {
      ODRADEK_RETURN_IF_ERROR(file.pread(out, wanted, position, &got));
      answer->torn = got < wanted;
    } else {
      got = file.pread_cached(out, wanted, position);
      answer->would_wait = got < wanted;
    }
    return Status();
  };
  uint8_t bytes[kBlockBytes];
  const uint32_t block = static_cast<uint32_t>(kBlockBytes / entry_size);
  // INVARIANT: blocks below `low` begin at or before what is looked for, those from `high` on lie past it.
  uint32_t low = 0;
  uint32_t high = (count + block - 1) / block;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    ODRADEK_RETURN_IF_ERROR(read(bytes, middle * block, 1));
    if (answer->torn || answer->would_wait) return Status();
    (is_past(decode(bytes)) ? high : low) = middle;
  }
  const uint32_t entries = std::min(block, count - low * block);
  ODRADEK_RETURN_IF_ERROR(read(bytes, low * block, entries));
  if (answer->torn || answer->would_wait) return Status();
  uint32_t from = 0;
  uint32_t to = entries;
  while (from < to) {
    const uint32_t middle = from + (to - from) / 2;
    if (is_past(decode(bytes + middle * entry_size))) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  if (from == 0) return Status();
  answer->found = true;
  answer->entry = decode(bytes + (from - 1) * entry_size);
  return Status();
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

Status find_offset(File& file, const IndexState& state, int32_t relative_offset, bool may_wait,
                   IndexAnswer<OffsetEntry>* answer) {
  *answer = {};
  if (state.offset_entries == 0) return Status();
  if (state.last_offset.relative_offset <= relative_offset) {
    answer->found = true;
    answer->entry = state.last_offset;
    return Status();
  }
  const auto past = [&](const OffsetEntry& entry) { return entry.relative_offset > relative_offset; };
  return last_before(file, kOffsetIndexEntrySize, state.offset_entries, may_wait, decode_offset_entry, past, answer);
}

Status find_time(File& file, const IndexState& state, int64_t timestamp, IndexAnswer<TimeEntry>* answer) {
  *answer = {};
  if (state.time_entries == 0) return Status();
  if (state.last_time.timestamp < timestamp) {
    answer->found = true;
    answer->entry = state.last_time;
    return Status();
  }
  const auto past = [&](const TimeEntry& entry) { return entry.timestamp >= timestamp; };
  return last_before(file, kTimeIndexEntrySize, state.time_entries, true, decode_time_entry, past, answer);
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
