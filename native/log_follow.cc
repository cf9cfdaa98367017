// A log that another process writes, read without its lock: what its folder holds is looked up again and again.
// Nothing in it is changed. A log is either opened or followed, and a followed one takes no appends.
#include <algorithm>
#include <vector>

#include "batch_walker.h"
#include "log.h"
#include "log_progress.h"
#include "segment_recovery.h"

namespace odradek {
namespace {

// The last entry of the stored offset index names a batch: then those before it do too.
bool index_checks_out(const Segment& segment, File& log, uint64_t size) {
  if (segment.indexes.offset_entries == 0) return true;
  const OffsetEntry& last = segment.indexes.last_offset;
  BatchWalker walker(log, last.position, size, true);
  if (walker.next() != BatchWalker::Step::kBatch) return false;
  return walker.header().last_offset() == segment.base_offset + last.relative_offset;
}

bool batch_is_whole(File& log, const BatchWalker& walker) {
  std::vector<uint8_t> bytes(walker.header().size());
  size_t read = 0;
  if (!log.pread(bytes.data(), bytes.size(), walker.position(), &read).ok() || read < bytes.size()) return false;
  return crc_matches(bytes.data(), bytes.size());
}

}  // namespace

// Takes in the batches behind what is known of the segment, below `limit`.
Status Log::walk_on(Segment& segment, int64_t limit, bool check, int64_t* next_offset) {
  std::shared_ptr<SegmentHandle> handle;
  ODRADEK_RETURN_IF_ERROR(acquire_handle(segment, false, &handle));
  uint64_t file_size = 0;
  ODRADEK_RETURN_IF_ERROR(handle->log->size(&file_size));
  uint64_t size = segment.size;
  MaxTimestamp max = segment.max_timestamp;
  BatchWalker walker(*handle->log, size, file_size, true);
  BatchWalker::Step step;
  while ((step = walker.next()) == BatchWalker::Step::kBatch) {
    const BatchHeader& header = walker.header();
    if (header.last_offset() >= limit || header.base_offset < *next_offset) break;
    if (check && !batch_is_whole(*handle->log, walker)) break;
    if (header.max_timestamp > max.timestamp) max = {header.max_timestamp, header.last_offset()};
    size = walker.next_position();
    *next_offset = header.last_offset() + 1;
  }
  if (step == BatchWalker::Step::kFailed) return walker.status();
  std::lock_guard lock(mutex_);
  size_.store(size_.load(std::memory_order_relaxed) + size - segment.size, std::memory_order_release);
  segment.size = size;
  segment.max_timestamp = max;
  return Status();
}

// A segment that was not known before. Its indexes are used as far as they check out; nobody repairs them here.
Status Log::take_up(Segment& segment, const FileInfo& info) {
  segment.size = info.size;
  segment.last_modified_ms = info.modified_ms;
  segment.sealed = true;
  bool loaded = false;
  Status status = load_sealed(segment, &loaded);
  if (!status.ok() && !status.is_not_found()) return status;
  std::shared_ptr<SegmentHandle> handle;
  ODRADEK_RETURN_IF_ERROR(acquire_handle(segment, false, &handle));
  if (!loaded || !index_checks_out(segment, *handle->log, info.size)) segment.indexes = IndexState();
  segment.max_timestamp = MaxTimestamp();
  segment.max_unchecked = false;
  segment.size = 0;
  return Status();
}

Status Log::look_up_segments(const std::vector<int64_t>& bases) {
  Segments found;
  for (const int64_t base : bases) {
    auto segment = std::make_shared<Segment>(folder_, base);
    FileInfo info;
    ODRADEK_RETURN_IF_ERROR(file_system().info(segment->path(kLogSuffix), &info));
    segment->file_id = info.id;
    const auto known = segments_.find(base);
    if (known != segments_.end() && known->second->file_id == info.id) {
      found[base] = known->second;
      continue;
    }
    ODRADEK_RETURN_IF_ERROR(take_up(*segment, info));
    found[base] = std::move(segment);
  }
  std::lock_guard lock(mutex_);
  uint64_t size = 0;
  for (const auto& [base, segment] : segments_) {
    const auto kept = found.find(base);
    if (kept == found.end() || kept->second != segment) segment->gone.store(true, std::memory_order_release);
  }
  for (const auto& [base, segment] : found) size += segment->size;
  segments_ = std::move(found);
  size_.store(size, std::memory_order_release);
  return Status();
}

Status Log::refresh_once(bool segments_too, const LogProgress& progress, bool published) {
  if (segments_too) {
    std::vector<FolderEntry> entries;
    ODRADEK_RETURN_IF_ERROR(file_system().list(path_, &entries));
    std::vector<int64_t> bases;
    for (const FolderEntry& entry : entries) {
      int64_t base;
      std::string_view suffix;
      if (parse_segment_file(entry.name, &base, &suffix) && suffix == kLogSuffix) bases.push_back(base);
    }
    std::sort(bases.begin(), bases.end());
    ODRADEK_RETURN_IF_ERROR(look_up_segments(bases));
  }
  const int64_t limit = published ? progress.end_offset : kNever;
  int64_t end = 0;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    const auto next = std::next(it);
    const bool last = next == segments_.end();
    if (last) end = std::max(end, it->second->next_offset);
    // A sealed one is walked once.
    if (it->second->walked) continue;
    int64_t next_offset = std::max(it->first, it->second->next_offset);
    // Nobody but the writer's own checks has looked at what it has not published.
    ODRADEK_RETURN_IF_ERROR(walk_on(*it->second, last ? limit : kNever, !published, &next_offset));
    it->second->next_offset = next_offset;
    it->second->walked = !last;
    end = next_offset;
  }
  // Behind the last batch there may be offsets that compaction has emptied.
  if (published) end = limit;
  std::lock_guard lock(mutex_);
  log_end_.store(end, std::memory_order_release);
  flushed_.store(end, std::memory_order_release);
  return Status();
}

// Changes of the folder's files while it is looked at show as files that are not there: look again.
Status Log::refresh(bool segments_too, LogProgress* progress, bool* published) {
  std::lock_guard turn(refresh_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Status(Code::kClosed, 0, path_);
  }
  Status status;
  for (int attempt = 0; attempt < 100; attempt++) {
    *progress = LogProgress();
    *published = read_log_progress(path_, progress);
    if (progress->cuts != cuts_seen_) {
      std::lock_guard lock(mutex_);
      for (const auto& [base, segment] : segments_) segment->gone.store(true, std::memory_order_release);
      segments_.clear();
      size_.store(0, std::memory_order_release);
      segments_too = true;
    }
    cuts_seen_ = progress->cuts;
    status = refresh_once(segments_too || segments_.empty(), *progress, *published);
    if (status.ok() || !status.is_not_found()) return status;
    FileInfo info;
    if (!file_system().info(path_, &info).ok()) return status;
    segments_too = true;
  }
  return status;
}

}  // namespace odradek
