#include "log_follower.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "batch_walker.h"
#include "segment_recovery.h"

namespace odradek {
namespace {

// A refresh is repeated while the writer changes the folder under it; a bound keeps a bug from spinning.
constexpr int kAttempts = 100;

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

// The writer may rename or remove files during a look-up, which then fails with "not found": look again.
Status LogFollower::refresh(bool segments_too, LogProgress* progress, bool* published) {
  MutexLock lock(mutex_);
  if (log_->is_closed()) return Status(Code::kClosed, 0, log_->path());
  Status status;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    *progress = LogProgress();
    *published = read_log_progress(log_->path(), progress);
    if (std::exchange(cuts_seen_, progress->cuts) != progress->cuts) {
      segments_.clear();
      ODRADEK_RETURN_IF_ERROR(log_->show_segments({}));
    }
    status = refresh_once(segments_too || segments_.empty(), *progress, *published);
    if (status.ok() || !status.is_not_found()) return status;
    FileInfo info;
    if (!file_system().info(log_->path(), &info).ok()) return status;
    segments_too = true;
  }
  return status;
}

Status LogFollower::refresh_once(bool segments_too, const LogProgress& progress, bool published) {
  if (segments_too) ODRADEK_RETURN_IF_ERROR(look_up_segments());
  const int64_t limit = published ? progress.end_offset : kNever;
  int64_t end = 0;
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    Followed& followed = it->second;
    const bool last = std::next(it) == segments_.end();
    if (last) end = std::max(end, followed.next_offset);
    if (followed.is_walked) continue;
    // Only the writer's own checks cover what it has not published.
    ODRADEK_RETURN_IF_ERROR(walk_on(followed, last ? limit : kNever, !published));
    followed.is_walked = !last;
    end = followed.next_offset;
  }
  // Behind the last batch there may be offsets that compaction has emptied.
  log_->show_end(published ? limit : end);
  return Status();
}

Status LogFollower::look_up_segments() {
  std::vector<FolderEntry> entries;
  ODRADEK_RETURN_IF_ERROR(file_system().list(log_->path(), &entries));
  std::map<int64_t, Followed> found;
  Log::Segments shown;
  for (const FolderEntry& entry : entries) {
    int64_t base;
    std::string_view suffix;
    if (!parse_segment_file(entry.name, &base, &suffix) || suffix != kLogSuffix) continue;
    Followed followed;
    followed.segment = log_->make_segment(base);
    FileInfo info;
    ODRADEK_RETURN_IF_ERROR(file_system().info(followed.segment->path(kLogSuffix), &info));
    followed.file_id = info.id;
    const auto known = segments_.find(base);
    if (known != segments_.end() && known->second.file_id == info.id) {
      followed = known->second;
    } else {
      ODRADEK_RETURN_IF_ERROR(take_up(*followed.segment, info));
    }
    shown[base] = followed.segment;
    found[base] = std::move(followed);
  }
  ODRADEK_RETURN_IF_ERROR(log_->show_segments(std::move(shown)));
  segments_ = std::move(found);
  return Status();
}

// A segment that was not known before. Its indexes are used as far as they check out; only the writer repairs them.
Status LogFollower::take_up(Segment& segment, const FileInfo& info) {
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

// Takes in the batches behind those that were seen, below `limit`.
Status LogFollower::walk_on(Followed& followed, int64_t limit, bool check) {
  const Segment& segment = *followed.segment;
  std::shared_ptr<SegmentHandle> handle;
  ODRADEK_RETURN_IF_ERROR(acquire_handle(segment, false, &handle));
  uint64_t file_size = 0;
  ODRADEK_RETURN_IF_ERROR(handle->log->size(&file_size));
  uint64_t size = segment.size;
  MaxTimestamp max = segment.max_timestamp;
  int64_t next_offset = std::max(segment.base_offset, followed.next_offset);
  BatchWalker walker(*handle->log, size, file_size, true);
  BatchWalker::Step step;
  while ((step = walker.next()) == BatchWalker::Step::kBatch) {
    const BatchHeader& header = walker.header();
    if (header.last_offset() >= limit || header.base_offset < next_offset) break;
    if (check && !batch_is_whole(*handle->log, walker)) break;
    if (header.max_timestamp > max.timestamp) max = {header.max_timestamp, header.last_offset()};
    size = walker.next_position();
    next_offset = header.last_offset() + 1;
  }
  if (step == BatchWalker::Step::kFailed) return walker.status();
  log_->show_batches(*followed.segment, size, max);
  followed.next_offset = next_offset;
  return Status();
}

}  // namespace odradek
