#include "log_loader.h"

#include <algorithm>
#include <limits>

#include "failed_marker.h"
#include "folder.h"
#include "gap_limit.h"
#include "segment_recovery.h"

namespace odradek {

Status LogLoader::load() {
  FileInfo info;
  const Status there = file_system().info(path_, &info);
  if (there.is_not_found()) return make();
  ODRADEK_RETURN_IF_ERROR(there);
  // After a clean stop a folder that is there is known to be durable.
  if (!options_.clean_shutdown) ODRADEK_RETURN_IF_ERROR(make_folders(path_));
  ODRADEK_RETURN_IF_ERROR(clear_leftovers());
  Status loaded = load_segments();
  if (!loaded.ok()) {
    // An fdatasync may have failed, and the page cache shows what the disk does not have.
    if (!is_marked_ && loaded.code() != Code::kCorruptLog) leave_failed_marker(path_, kCutNothing);
    return loaded;
  }
  ODRADEK_RETURN_IF_ERROR(sync_names());
  ODRADEK_RETURN_IF_ERROR(limit_gaps());
  if (segments_.empty() || log_end_ < options_.log_start_offset) {
    // As Kafka does: a log that ends below its start holds nothing that anybody may see.
    for (const auto& [base, segment] : segments_) {
      report_.truncated_bytes += segment->size;
      ODRADEK_RETURN_IF_ERROR(remove_segment(path_, base, ""));
    }
    segments_.clear();
    ODRADEK_RETURN_IF_ERROR(start_at(std::max(log_end_, options_.log_start_offset)));
  }
  return is_marked_ ? remove_failed_marker(path_) : Status();
}

// The folder's name is on disk last: until then there is no log, and who opens it anew syncs what lies in it.
Status LogLoader::make() {
  const std::string parent = parent_folder(path_);
  FileInfo info;
  if (!file_system().info(parent, &info).ok()) ODRADEK_RETURN_IF_ERROR(make_folders(parent));
  ODRADEK_RETURN_IF_ERROR(file_system().make_folder(path_));
  // Of one that was there before.
  forget_failed_marker(path_);
  ODRADEK_RETURN_IF_ERROR(limit_gaps());
  ODRADEK_RETURN_IF_ERROR(start_at(options_.log_start_offset));
  return file_system().sync_folder(parent);
}

// What is appended past the end from here on may be lost like anything else.
Status LogLoader::limit_gaps() {
  if (gap_limit_ < 0 ? !settings_.require_key : gap_limit_ <= log_end_) return Status();
  gap_limit_ = log_end_;
  return write_gap_limit(path_, log_end_);
}

// Files with a suffix are steps of a deletion or a replacement. What was not yet complete is undone, what was is
// finished: all new segments got their `.swap` names before the first old one lost its name, the highest first.
Status LogLoader::clear_leftovers() {
  std::vector<FolderEntry> entries;
  ODRADEK_RETURN_IF_ERROR(file_system().list(path_, &entries));
  std::set<int64_t> logs;
  std::set<int64_t> swaps;
  std::set<int64_t> indexes;
  int64_t lowest_cleaned = std::numeric_limits<int64_t>::max();
  bool changed = false;
  for (const FolderEntry& entry : entries) {
    int64_t base;
    std::string_view suffix;
    if (entry.is_folder || !parse_segment_file(entry.name, &base, &suffix)) continue;
    if (ends_with(suffix, kTemporarySuffix)) {
      ODRADEK_RETURN_IF_ERROR(file_system().unlink(path_ + "/" + entry.name));
    } else if (ends_with(suffix, kDeletedSuffix) || ends_with(suffix, kCleanedSuffix)) {
      if (ends_with(suffix, kCleanedSuffix)) lowest_cleaned = std::min(lowest_cleaned, base);
      ODRADEK_RETURN_IF_ERROR(file_system().unlink(path_ + "/" + entry.name));
      changed = true;
    } else if (ends_with(suffix, kSwapSuffix)) {
      swaps.insert(base);
    } else if (suffix == kLogSuffix) {
      logs.insert(base);
    } else if (suffix == kOffsetIndexSuffix || suffix == kTimeIndexSuffix) {
      indexes.insert(base);
    }
  }
  std::set<int64_t> complete;
  for (const int64_t base : swaps) {
    FileInfo info;
    const std::string log = segment_file(path_, base, kLogSuffix) + std::string(kSwapSuffix);
    const Status there = file_system().info(log, &info);
    if (!there.ok() && !there.is_not_found()) return there;
    if (base < lowest_cleaned && there.ok()) {
      complete.insert(base);
    } else {
      ODRADEK_RETURN_IF_ERROR(remove_segment(path_, base, kSwapSuffix));
      changed = true;
    }
  }
  ODRADEK_RETURN_IF_ERROR(finish_swap(complete, logs));
  for (const int64_t base : complete) logs.insert(base);
  for (const int64_t base : indexes) {
    if (logs.count(base)) continue;
    ODRADEK_RETURN_IF_ERROR(remove_segment(path_, base, ""));
    changed = true;
  }
  if (changed) ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  if (complete.empty()) {
    bases_.assign(logs.begin(), logs.end());
    return Status();
  }
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));

  // Some of `logs` were replaced: look again.
  ODRADEK_RETURN_IF_ERROR(file_system().list(path_, &entries));
  for (const FolderEntry& entry : entries) {
    int64_t base;
    std::string_view suffix;
    if (parse_segment_file(entry.name, &base, &suffix) && suffix == kLogSuffix) bases_.push_back(base);
  }
  std::sort(bases_.begin(), bases_.end());
  return Status();
}

// Each new segment stands for the old ones whose base lies in its range.
Status LogLoader::finish_swap(const std::set<int64_t>& swaps, const std::set<int64_t>& logs) {
  for (const int64_t base : swaps) {
    SegmentIndexes indexes;
    MaxTimestamp max;
    uint64_t size = 0;
    int64_t next_offset = 0;
    ODRADEK_RETURN_IF_ERROR(index_file(segment_file(path_, base, kLogSuffix) + std::string(kSwapSuffix), base,
                                       settings_.index_interval_bytes, &indexes, &max, &size, &next_offset));
    for (const int64_t old : logs) {
      if (old == base || (old > base && old < next_offset)) ODRADEK_RETURN_IF_ERROR(remove_segment(path_, old, ""));
    }
    ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
    ODRADEK_RETURN_IF_ERROR(rename_segment(path_, base, kSwapSuffix, ""));
  }
  return Status();
}

Status LogLoader::load_segments() {
  int64_t cut_at = kCutNothing;
  ODRADEK_RETURN_IF_ERROR(find_failed_marker(path_, &is_marked_, &cut_at));
  const bool clean = options_.clean_shutdown && !is_marked_;
  ODRADEK_RETURN_IF_ERROR(read_gap_limit(path_, &gap_limit_));
  const int64_t recovery_point = std::min(options_.recovery_point, cut_at);

  // What begins at or past the cut goes first: the segment before it becomes the one that takes appends.
  const auto beyond = std::lower_bound(bases_.begin(), bases_.end(), cut_at);
  const auto dropped = beyond == bases_.begin() && beyond != bases_.end() ? std::next(beyond) : beyond;
  if (dropped != bases_.end()) {
    ODRADEK_RETURN_IF_ERROR(drop_after(dropped, bases_.end()));
    bases_.erase(dropped, bases_.end());
  }

  for (auto it = bases_.begin(); it != bases_.end(); ++it) {
    const bool last = std::next(it) == bases_.end();
    const int64_t next_base = last ? std::numeric_limits<int64_t>::max() : *std::next(it);
    auto segment = std::make_shared<Segment>(folder_, *it);
    FileInfo info;
    ODRADEK_RETURN_IF_ERROR(file_system().info(segment->path(kLogSuffix), &info));
    segment->size = info.size;
    segment->last_modified_ms = info.modified_ms;
    segment->created_ms = now_ms();
    segment->sealed = !last;

    // A segment that ends below the recovery point is on disk as a whole. One that ends at it may have been sealed
    // after the flush: its indexes, which are synced once they are complete, may be lost.
    bool trusted = false;
    if (!last && !is_marked_ && (clean || next_base < recovery_point))
      ODRADEK_RETURN_IF_ERROR(load_sealed(*segment, &trusted));
    int64_t next_offset = next_base;
    bool cut = false;
    if (!trusted) {
      RecoveryRules rules;
      rules.index_interval = settings_.index_interval_bytes;
      rules.check_from = clean || next_base <= recovery_point ? std::numeric_limits<int64_t>::max() : recovery_point;
      rules.durable_below = std::min(recovery_point, next_base);
      rules.cut_at = cut_at;
      rules.gap_at_cut = gap_limit_ >= 0 ? cut_at <= gap_limit_ : settings_.require_key;
      rules.next_base = next_base;
      // A process that was killed may have written or cut it, and synced nothing.
      rules.sync = !clean && next_base >= recovery_point;
      rules.rewrite = is_marked_;
      const uint64_t size = segment->size;
      RecoveryResult result;
      ODRADEK_RETURN_IF_ERROR(recover_segment(*segment, rules, &result));
      report_.scanned_bytes += result.scanned_bytes;
      report_.truncated_bytes += result.truncated_bytes;
      report_.rebuilt_indexes += result.rebuilt ? 1 : 0;
      next_offset = result.next_offset;
      // Segments are synced in their order but written in any. Only compaction leaves a gap that is none.
      const bool is_ours = recovery_point >= 0 || gap_limit_ >= 0;
      const bool unsynced = !clean && is_ours && next_base > recovery_point;
      const bool may_be_gap = gap_limit_ >= 0 ? next_base <= gap_limit_ : settings_.require_key;
      const bool hole = !last && unsynced && !may_be_gap && next_offset < next_base;
      cut = segment->size < size || hole;
    }
    segments_[*it] = segment;
    if (cut && !last) {
      // What follows a hole can be reached by nobody in order.
      segment->sealed = false;
      ODRADEK_RETURN_IF_ERROR(drop_after(std::next(it), bases_.end()));
      log_end_ = next_offset;
      return Status();
    }
    if (last) log_end_ = next_offset;
    // A clean stop leaves nothing past the recovery point: the offset of the last batch is wrong.
    if (last && clean && recovery_point > 0 && next_offset > recovery_point && segment->size > 0) {
      return Status(Code::kCorruptLog, 0, segment->path(kLogSuffix));
    }
  }
  return Status();
}

// A process that was killed may have made segments past the recovery point and not synced their names. The old indexes
// must not come back in the place of those that were rebuilt.
Status LogLoader::sync_names() {
  // The first segment brings its own.
  if (bases_.empty()) return Status();
  const bool has_new = bases_.back() >= options_.recovery_point;
  const bool is_unsynced = report_.rebuilt_indexes > 0 || (has_new && !options_.clean_shutdown);
  return is_unsynced ? file_system().sync_folder(path_) : Status();
}

Status LogLoader::drop_after(std::vector<int64_t>::const_iterator first, std::vector<int64_t>::const_iterator end) {
  for (auto it = end; it != first;) {
    --it;
    FileInfo info;
    if (file_system().info(segment_file(path_, *it, kLogSuffix), &info).ok()) report_.truncated_bytes += info.size;
    ODRADEK_RETURN_IF_ERROR(remove_segment(path_, *it, ""));
  }
  return file_system().sync_folder(path_);
}

Status LogLoader::start_at(int64_t offset) {
  // INVARIANT: a folder with a segment has the first file, whole and on disk.
  if (bases_.empty() && !options_.first_file_name.empty()) {
    ODRADEK_RETURN_IF_ERROR(write_synced(path_ + "/" + options_.first_file_name, options_.first_file));
  }
  auto segment = std::make_shared<Segment>(folder_, offset);
  segment->created_ms = now_ms();
  segment->last_modified_ms = segment->created_ms;
  ODRADEK_RETURN_IF_ERROR(create_segment(*segment));
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  segments_[offset] = std::move(segment);
  log_end_ = offset;
  return Status();
}

}  // namespace odradek
