// Names and layouts of a log's files, as Kafka has them.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace odradek {

// A segment's files are named by its base offset, twenty digits, and one of these.
inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kOffsetIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTransactionIndexSuffix = ".txnindex";
// Appended to the above while something goes: being removed, being written by compaction, whole and about to
// replace others. On a folder, kDeleteFolderSuffix follows a UUID.
inline constexpr std::string_view kDeletedSuffix = ".deleted";
inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";
inline constexpr std::string_view kDeleteFolderSuffix = "-delete";
// Ours: an index, or a file of another kind, that is being written anew.
inline constexpr std::string_view kTemporarySuffix = ".tmp";
// Ours: written when a log fails in a way that leaves bytes behind which nobody may trust. Holds, in decimal, the
// offset to cut to. Kafka has no such file and leaves it alone.
inline constexpr std::string_view kFailedMarkerName = "failed-flush";

// Ours: how far readers in other processes may read (log_progress.h).
inline constexpr std::string_view kProgressName = "progress";
// Ours too: the offset below which gaps between segments are compaction's; past it they are losses.
inline constexpr std::string_view kGapLimitName = "gap-limit";

//   .index      i32 offset - base offset, i32 position       of a batch: its last offset, its first byte
//   .timeindex  i64 timestamp, i32 offset - base offset      largest timestamp so far, last offset of its batch
// All big-endian, sorted, without padding.
inline constexpr size_t kOffsetIndexEntrySize = 8;
inline constexpr size_t kTimeIndexEntrySize = 12;

inline std::string segment_file(const std::string& folder, int64_t base_offset, std::string_view suffix) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "/%020" PRId64, base_offset);
  std::string path = folder;
  path += digits;
  path += suffix;
  return path;
}

// Splits "00000000000000000042.log.swap" into 42 and ".log.swap".
inline bool parse_segment_file(std::string_view name, int64_t* base_offset, std::string_view* suffix) {
  constexpr size_t kDigits = 20;
  if (name.size() <= kDigits || name[kDigits] != '.') return false;
  int64_t value = 0;
  for (size_t i = 0; i < kDigits; i++) {
    if (name[i] < '0' || name[i] > '9') return false;
    if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, name[i] - '0', &value)) return false;
  }
  *base_offset = value;
  *suffix = name.substr(kDigits);
  return true;
}

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace odradek
