// Cuts: deletion of old segments, truncation, starting anew, replacement by compacted segments. All of it runs on
// the thread that works off the log's queue.
#include <algorithm>

#include "batch_walker.h"
#include "gap_limit.h"
#include "log.h"
#include "segment_recovery.h"

namespace odradek {

void Log::submit_change(double id, std::function<Status(double*)> change) {
  submit(id, [this, id, change = std::move(change)] {
    double value = 0;
    Status status = failure();
    if (status.ok()) status = change(&value);
    complete(id, std::move(status), value);
  });
}

void Log::delete_segments_before(double id, int64_t offset) {
  submit_change(id, [this, offset](double* deleted) { return delete_before(offset, deleted); });
}

// A cut that stopped half way leaves files that memory does not know of: the log fails, and its next open sorts
// them out.
void Log::truncate(double id, int64_t offset) {
  submit_change(id, [this, offset](double*) {
    block_flushes();
    Status status = truncate_to(offset);
    if (!status.ok() && status.code() != Code::kInvalidArgument) fail(status, true);
    unblock_flushes();
    return status;
  });
}

void Log::replace_end(double id, int64_t offset, std::vector<uint8_t> kept) {
  submit(id, [this, id, offset, kept = std::make_shared<std::vector<uint8_t>>(std::move(kept))] {
    Status status = failure();
    if (!status.ok()) return complete(id, std::move(status));
    block_flushes();
    flush_now();
    status = failure();
    if (status.ok()) status = truncate_to(offset);
    if (!status.ok() && status.code() != Code::kInvalidArgument) fail(status, true);
    publisher_.count_cut();
    unblock_flushes();
    if (!status.ok() || kept->empty()) {
      if (status.ok()) publisher_.publish();
      post_cut(offset);
      return complete(id, std::move(status));
    }
    Append append;
    append.id = id;
    append.bytes = kept->data();
    append.size = kept->size();
    append.origin = BatchOrigin::kFollower;
    append.refusals_seen = refusals_;
    append.flush = Flush::kAwaited;
    std::vector<Append> one{append};
    append_group(one);
    post_cut(log_end_offset());
  });
}

void Log::post_cut(int64_t offset) {
  Completion cut;
  cut.kind = CompletionKind::kCut;
  cut.id = id_;
  cut.values[0] = static_cast<double>(offset);
  sink_->post(std::move(cut));
}

void Log::publish_start(double id, int64_t offset) {
  submit(id, [this, id, offset] {
    publisher_.set_start(offset);
    publisher_.publish();
    complete(id, Status());
  });
}

void Log::reset(double id, int64_t offset) {
  submit_change(id, [this, offset](double*) {
    if (offset < 0) return Status(Code::kInvalidArgument, 0, path_);
    block_flushes();
    Status status = start_anew(offset);
    if (!status.ok()) fail(status, true);
    unblock_flushes();
    return status;
  });
}

void Log::replace_segments(double id, std::vector<int64_t> cleaned, std::vector<int64_t> replaced) {
  submit_change(id, [this, cleaned = std::move(cleaned), replaced = std::move(replaced)](double*) {
    return replace(cleaned, replaced);
  });
}

// Renamed before they are removed, so that a crash leaves names that say what they are. Readers that have them
// open read on.
Status Log::remove_files(const std::vector<std::shared_ptr<Segment>>& segments) {
  // What could not be removed the last time is older than what is to go now, and some of it may be gone.
  std::vector<int64_t> bases;
  for (const std::shared_ptr<Segment>& segment : segments) bases.push_back(segment->base_offset);
  bases.insert(bases.end(), unremoved_.begin(), unremoved_.end());
  unremoved_ = bases;
  for (auto it = bases.rbegin(); it != bases.rend(); ++it) {
    Status renamed = rename_segment(path_, *it, "", kDeletedSuffix);
    if (!renamed.ok() && !renamed.is_not_found()) return renamed;
  }
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  for (const int64_t base : bases) ODRADEK_RETURN_IF_ERROR(remove_segment(path_, base, kDeletedSuffix));
  unremoved_.clear();
  return Status();
}

// From the end, one durably gone before the next: where a file system keeps no order of names, those in the midst may
// go first, and what is left would not be the log up to some offset.
Status Log::cut_files(const std::vector<std::shared_ptr<Segment>>& segments) {
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) ODRADEK_RETURN_IF_ERROR(remove_files({*it}));
  return unremoved_.empty() ? Status() : remove_files({});
}

Status Log::delete_before(int64_t offset, double* deleted) {
  // A crash may leave some of the segments: the holes between them must not count as lost records.
  int64_t kept_base;
  bool several;
  {
    MutexLock lock(mutex_);
    const auto kept = std::prev(segments_.upper_bound(std::max(offset, segments_.begin()->first)));
    kept_base = kept->first;
    several = std::distance(segments_.begin(), kept) > 1;
  }
  if (several) ODRADEK_RETURN_IF_ERROR(allow_gaps_below(kept_base));
  std::vector<std::shared_ptr<Segment>> gone;
  {
    MutexLock lock(mutex_);
    uint64_t bytes = 0;
    while (segments_.size() > 1 && std::next(segments_.begin())->first <= offset) {
      const std::shared_ptr<Segment>& segment = segments_.begin()->second;
      segment->gone.store(true, std::memory_order_release);
      bytes += segment->size;
      gone.push_back(segment);
      segments_.erase(segments_.begin());
    }
    size_.store(size_.load(std::memory_order_relaxed) - bytes, std::memory_order_release);
  }
  *deleted = static_cast<double>(gone.size());
  if (gone.empty() && unremoved_.empty()) return Status();
  // The oldest goes first: a crash must not leave a hole.
  std::reverse(gone.begin(), gone.end());
  return remove_files(gone);
}

Status Log::truncate_to(int64_t offset) {
  if (offset < 0) return Status(Code::kInvalidArgument, 0, path_);
  if (offset >= log_end_offset()) return Status();
  if (offset < first_segment_offset()) return start_anew(offset);

  View view;
  if (!view_at(offset, &view)) return Status(Code::kOffsetOutOfRange, 0, path_);
  const std::shared_ptr<Segment> old = view.segment;
  uint64_t end = 0;
  if (view.size > 0) {
    std::shared_ptr<SegmentHandle> handle;
    bool would_wait = false;
    BatchHeader header{};
    ODRADEK_RETURN_IF_ERROR(open_view(view, &handle));
    ODRADEK_RETURN_IF_ERROR(locate(view, *handle, offset, true, &would_wait, &end, &header));
  }
  std::vector<std::shared_ptr<Segment>> gone;
  RecoveryRules rules;
  {
    // From here on readers find nothing that is about to go.
    MutexLock lock(mutex_);
    rules.index_interval = settings_.index_interval_bytes;
    log_end_.store(offset, std::memory_order_release);
    flushed_.store(std::min(flushed_offset(), offset), std::memory_order_release);
    uint64_t bytes = old->size - end;
    old->size = end;
    for (auto it = segments_.upper_bound(offset); it != segments_.end(); it = segments_.erase(it)) {
      it->second->gone.store(true, std::memory_order_release);
      bytes += it->second->size;
      gone.push_back(it->second);
    }
    size_.store(size_.load(std::memory_order_relaxed) - bytes, std::memory_order_release);
  }
  ODRADEK_RETURN_IF_ERROR(cut_files(gone));

  auto cut = std::make_shared<Segment>(folder_, old->base_offset);
  cut->created_ms = now_ms();
  cut->last_modified_ms = cut->created_ms;
  rules.check_from = INT64_MAX;
  rules.cut_at = offset;
  rules.sync = true;
  RecoveryResult result;
  // Index files are written anew: a reader that has them open goes on, one that has not waits for the new segment.
  WriterLock names(names_mutex_);
  ODRADEK_RETURN_IF_ERROR(recover_segment(*cut, rules, &result));
  ODRADEK_RETURN_IF_ERROR(lower_gap_limit(result.next_offset));
  // The old indexes must not come back.
  if (result.rebuilt) ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  MutexLock lock(mutex_);
  old->gone.store(true, std::memory_order_release);
  segments_[cut->base_offset] = cut;
  // Where the batch that holds the offset begins: past it the log would end in a gap.
  log_end_.store(std::min(offset, result.next_offset), std::memory_order_release);
  flushed_.store(std::min(flushed_offset(), log_end_offset()), std::memory_order_release);
  flushes_.cut_waits(log_end_offset());
  return Status();
}

// Before a compaction leaves gaps below `end`: all below it is on disk, so that a gap there is no loss.
Status Log::allow_gaps_below(int64_t end) {
  if (gap_limit_ >= end) return Status();
  if (flushed_offset() < end) {
    block_flushes();
    flush_now();
    unblock_flushes();
    ODRADEK_RETURN_IF_ERROR(failure());
  }
  const int64_t limit = flushed_offset();
  ODRADEK_RETURN_IF_ERROR(write_gap_limit(path_, limit));
  gap_limit_ = limit;
  return Status();
}

// What is appended from here on may be lost like anything else.
Status Log::lower_gap_limit(int64_t offset) {
  if (gap_limit_ <= offset) return Status();
  ODRADEK_RETURN_IF_ERROR(write_gap_limit(path_, offset));
  gap_limit_ = offset;
  return Status();
}

Status Log::start_anew(int64_t offset) {
  std::vector<std::shared_ptr<Segment>> gone;
  {
    MutexLock lock(mutex_);
    for (const auto& [base, segment] : segments_) {
      segment->gone.store(true, std::memory_order_release);
      gone.push_back(segment);
    }
    // Until there is a new one, every offset is out of range.
    segments_.clear();
  }
  ODRADEK_RETURN_IF_ERROR(cut_files(gone));
  ODRADEK_RETURN_IF_ERROR(lower_gap_limit(offset));
  auto created = std::make_shared<Segment>(folder_, offset);
  created->created_ms = now_ms();
  created->last_modified_ms = created->created_ms;
  ODRADEK_RETURN_IF_ERROR(create_segment(*created));
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  MutexLock lock(mutex_);
  segments_[offset] = std::move(created);
  log_end_.store(offset, std::memory_order_release);
  flushed_.store(offset, std::memory_order_release);
  size_.store(0, std::memory_order_release);
  flushes_.cut_waits(log_end_offset());
  return Status();
}

// Writes what the cleaner did not: index files beside the `.log.cleaned`, and everything on disk.
Status Log::replace(std::vector<int64_t> cleaned, const std::vector<int64_t>& replaced) {
  std::sort(cleaned.begin(), cleaned.end());
  LogSettings settings;
  // Where the segment behind the last of those replaced begins: a sealed segment has one.
  int64_t end = 0;
  {
    MutexLock lock(mutex_);
    settings = settings_;
    for (const int64_t base : replaced) {
      const auto found = segments_.find(base);
      if (found == segments_.end() || !found->second->sealed) return Status(Code::kInvalidArgument, 0, path_);
    }
    for (const int64_t base : cleaned) {
      const bool named = std::find(replaced.begin(), replaced.end(), base) != replaced.end();
      if (!named && segments_.count(base)) return Status(Code::kInvalidArgument, 0, path_);
    }
    if (!replaced.empty()) {
      const auto behind = segments_.upper_bound(*std::max_element(replaced.begin(), replaced.end()));
      if (behind == segments_.end()) return Status(Code::kInvalidArgument, 0, path_);
      end = behind->first;
    }
  }
  if (!replaced.empty()) ODRADEK_RETURN_IF_ERROR(allow_gaps_below(end));
  Segments created;
  for (const int64_t base : cleaned) {
    auto segment = std::make_shared<Segment>(folder_, base);
    const std::string suffix(kCleanedSuffix);
    const std::string log = segment->path(kLogSuffix) + suffix;
    int64_t next_offset = 0;
    SegmentIndexes indexes;
    ODRADEK_RETURN_IF_ERROR(index_file(log, base, settings.index_interval_bytes, &indexes, &segment->max_timestamp,
                                       &segment->size, &next_offset));
    std::shared_ptr<File> file;
    ODRADEK_RETURN_IF_ERROR(file_system().open(log, OpenMode::kReadWrite, &file));
    ODRADEK_RETURN_IF_ERROR(file->datasync());
    ODRADEK_RETURN_IF_ERROR(write_indexes(*segment, indexes, kCleanedSuffix));
    segment->indexes.add(indexes);
    segment->sealed = true;
    segment->created_ms = now_ms();
    created[base] = std::move(segment);
  }
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  Status renamed;
  for (auto it = cleaned.rbegin(); it != cleaned.rend() && renamed.ok(); ++it) {
    renamed = rename_segment(path_, *it, kCleanedSuffix, kSwapSuffix);
  }
  if (renamed.ok()) renamed = file_system().sync_folder(path_);
  if (!renamed.ok()) {
    // The old segments still have their names: the log is as it was.
    for (const int64_t base : cleaned) {
      remove_segment(path_, base, kCleanedSuffix).ignore();
      remove_segment(path_, base, kSwapSuffix).ignore();
    }
    return renamed;
  }
  block_flushes();
  Status status = swap_in(cleaned, replaced, std::move(created));
  if (!status.ok()) fail(status, false);
  unblock_flushes();
  if (!status.ok()) return status;
  for (const int64_t base : replaced) ODRADEK_RETURN_IF_ERROR(remove_segment(path_, base, kDeletedSuffix));
  return Status();
}

// Readers neither open files by name nor see a segment that has no files while names change hands.
Status Log::swap_in(const std::vector<int64_t>& cleaned, const std::vector<int64_t>& replaced, Segments created) {
  WriterLock names(names_mutex_);
  for (const int64_t base : replaced) ODRADEK_RETURN_IF_ERROR(rename_segment(path_, base, "", kDeletedSuffix));
  // The `.swap` names say that the old ones are replaced: none of these may be left when those are gone.
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  for (const int64_t base : cleaned) ODRADEK_RETURN_IF_ERROR(rename_segment(path_, base, kSwapSuffix, ""));
  ODRADEK_RETURN_IF_ERROR(file_system().sync_folder(path_));
  MutexLock lock(mutex_);
  uint64_t size = size_.load(std::memory_order_relaxed);
  int64_t last_modified = 0;
  for (const int64_t base : replaced) {
    const std::shared_ptr<Segment>& segment = segments_[base];
    segment->gone.store(true, std::memory_order_release);
    size -= segment->size;
    last_modified = std::max(last_modified, segment->last_modified_ms);
    segments_.erase(base);
  }
  for (auto& [base, segment] : created) {
    segment->last_modified_ms = last_modified;
    size += segment->size;
    segments_[base] = std::move(segment);
  }
  size_.store(size, std::memory_order_release);
  return Status();
}

}  // namespace odradek
