// Look-ups and reads. Any thread; only those that were told that they may wait touch what may not be in memory.
#include <algorithm>
#include <cstring>

#include "batch_walker.h"
#include "log.h"

namespace odradek {

// The view of the segment that holds `offset`; false where there is none.
bool Log::view_at(int64_t offset, View* view) {
  MutexLock lock(mutex_);
  auto next = segments_.upper_bound(offset);
  if (next == segments_.begin()) return false;
  const auto& segment = std::prev(next)->second;
  view->segment = segment;
  view->size = segment->size;
  view->indexes = segment->indexes;
  view->sealed = segment->sealed;
  view->last = next == segments_.end();
  view->end_offset = view->last ? log_end_offset() : next->first;
  return true;
}

// The segment was deleted, replaced or truncated after the view was taken: what does not fit is no damage.
bool Log::was_cut(const View& view) {
  MutexLock lock(mutex_);
  return view.segment->gone.load(std::memory_order_acquire) || view.segment->size < view.size;
}

Status Log::open_view(const View& view, std::shared_ptr<SegmentHandle>* handle) {
  ReaderLock names(names_mutex_);
  return acquire_handle(*view.segment, !view.sealed, handle);
}

// Position of the first batch of the view whose last offset is at least `offset`; the view's size where there is
// none (compaction leaves gaps).
Status Log::locate(const View& view, SegmentHandle& handle, int64_t offset, bool may_wait, bool* would_wait,
                   uint64_t* position, BatchHeader* header) {
  const int64_t distance = offset - view.segment->base_offset;
  const int32_t relative = static_cast<int32_t>(std::min<int64_t>(distance, INT32_MAX));
  IndexAnswer<OffsetEntry> answer;
  if (view.indexes.offset_entries > 0) {
    ODRADEK_RETURN_IF_ERROR(find_offset(*handle.offset_index, view.indexes, relative, may_wait, &answer));
  }
  *would_wait = answer.would_wait;
  if (answer.would_wait) return Status();
  if (answer.found && !answer.torn && answer.entry.position < view.size) {
    bool fits = false;
    ODRADEK_RETURN_IF_ERROR(
        walk_to(view, handle, offset, may_wait, &answer.entry, &fits, would_wait, position, header));
    if (fits) return Status();
    // A damaged entry. The records do not need it, but to do without may take long.
    if (!may_wait) {
      *would_wait = true;
      return Status();
    }
  }
  bool fits = false;
  return walk_to(view, handle, offset, may_wait, nullptr, &fits, would_wait, position, header);
}

// From the batch that `entry` names, or from the segment's first. `fits` is false where the entry is a wrong one: what
// it names is no batch, or one that is not where it says, and batches might be passed over.
Status Log::walk_to(const View& view, SegmentHandle& handle, int64_t offset, bool may_wait, const OffsetEntry* entry,
                    bool* fits, bool* would_wait, uint64_t* position, BatchHeader* header) {
  const int64_t base = view.segment->base_offset;
  const Status corrupt(Code::kCorruptLog, 0, view.segment->path(kLogSuffix));
  BatchWalker walker(*handle.log, entry ? entry->position : 0, view.size, may_wait, base);
  BatchWalker::Step step = walker.next();
  // Where the next batch begins if there is no gap.
  int64_t expected = base;
  *fits = true;
  if (entry && (step == BatchWalker::Step::kTorn || step == BatchWalker::Step::kBatch)) {
    const int64_t named = base + entry->relative_offset;
    // Kafka's entry may stand for several batches, and names the last offset of them all.
    *fits = step == BatchWalker::Step::kBatch && walker.header().base_offset <= offset &&
            walker.header().last_offset() <= named;
    if (!*fits) return Status();
    if (walker.header().last_offset() == named) expected = walker.header().base_offset;
  }
  while (step == BatchWalker::Step::kBatch && walker.header().last_offset() < offset) {
    expected = walker.header().last_offset() + 1;
    step = walker.next();
  }
  *position = walker.position();
  if (step == BatchWalker::Step::kBatch) {
    *header = walker.header();
    // A gap, or an offset that is wrong: then it reaches into the batch behind it.
    if (header->base_offset != expected) step = walker.next();
    if (view.knows_end() && header->last_offset() >= view.end_offset) return corrupt;
  }
  *would_wait = step == BatchWalker::Step::kWouldWait;
  if (step == BatchWalker::Step::kFailed) return walker.status();
  return step == BatchWalker::Step::kTorn ? corrupt : Status();
}

// Compares what the time index says of a sealed segment with the batch that it names, once; where it is wrong, looks
// at all batches. May wait.
Status Log::check_max_timestamp(const View& view) {
  MaxTimestamp max;
  {
    MutexLock lock(mutex_);
    if (!view.segment->max_unchecked) return Status();
    max = view.segment->max_timestamp;
  }
  std::shared_ptr<SegmentHandle> handle;
  ODRADEK_RETURN_IF_ERROR(open_view(view, &handle));
  bool would_wait = false;
  uint64_t position = 0;
  BatchHeader header{};
  const Status located = locate(view, *handle, max.offset, true, &would_wait, &position, &header);
  const bool agrees =
      located.ok() && position < view.size && header.base_offset <= max.offset && header.max_timestamp == max.timestamp;
  if (!agrees) {
    max = MaxTimestamp();
    BatchWalker walker(*handle->log, 0, view.size, true, view.segment->base_offset);
    BatchWalker::Step step;
    while ((step = walker.next()) == BatchWalker::Step::kBatch) {
      if (walker.header().max_timestamp > max.timestamp) {
        max = {walker.header().max_timestamp, walker.header().last_offset()};
      }
    }
    if (step == BatchWalker::Step::kFailed) return walker.status();
    if (step != BatchWalker::Step::kEnd) return Status(Code::kCorruptLog, 0, view.segment->path(kLogSuffix));
  }
  MutexLock lock(mutex_);
  view.segment->max_timestamp = max;
  view.segment->max_unchecked = false;
  return Status();
}

Status Log::check_timestamps(int64_t below) {
  for (const View& view : views_from(0)) {
    {
      MutexLock lock(mutex_);
      if (view.segment->max_timestamp.timestamp >= below) break;
    }
    const Status checked = check_max_timestamp(view);
    if (!checked.ok() && !was_cut(view)) return checked;
  }
  return Status();
}

// Of the segments that hold `offset` and what is behind it.
std::vector<Log::View> Log::views_from(int64_t offset) {
  std::vector<View> views;
  MutexLock lock(mutex_);
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    const auto next = std::next(it);
    View view;
    view.segment = it->second;
    view.size = it->second->size;
    view.indexes = it->second->indexes;
    view.sealed = it->second->sealed;
    view.last = next == segments_.end();
    view.end_offset = view.last ? log_end_offset() : next->first;
    if (view.end_offset > offset) views.push_back(view);
  }
  return views;
}

Status Log::read(const ReadRequest& request, bool may_wait, ReadAnswer* answer) {
  ReadRequest at = request;
  // A segment may be cut or deleted while it is looked at: then look again. Each turn needs another such
  // change, but a bound keeps a bug from spinning.
  for (int attempt = 0; attempt < 100; attempt++) {
    *answer = ReadAnswer();
    {
      MutexLock lock(mutex_);
      if (closed_) return Status(Code::kClosed, 0, path_);
      if (segments_.empty() || at.offset < segments_.begin()->first || at.offset > log_end_offset()) {
        return Status(Code::kOffsetOutOfRange, 0, path_);
      }
    }
    if (at.offset >= std::min(request.max_offset, log_end_offset())) return Status();
    View view;
    if (!view_at(at.offset, &view)) continue;
    Status status = read_view(at, view, may_wait, answer);
    if (!status.ok()) {
      if (was_cut(view)) continue;
      return status;
    }
    if (answer->would_wait) return Status();
    if (answer->range.file || answer->first_batch_offset >= 0 || view.last) return Status();
    // Nothing from the offset on in this segment: it lies in a gap.
    at.offset = view.end_offset;
  }
  return Status(Code::kIo, EAGAIN, path_);
}

// An answer without a range but with a first batch offset says that the batch there may not be shown.
Status Log::read_view(const ReadRequest& request, const View& view, bool may_wait, ReadAnswer* answer) {
  if (view.size == 0) return Status();
  std::shared_ptr<SegmentHandle> handle;
  if (may_wait) {
    ODRADEK_RETURN_IF_ERROR(open_view(view, &handle));
  } else if (!(handle = cached_handle(*view.segment))) {
    answer->would_wait = true;
    return Status();
  }
  uint64_t start = 0;
  BatchHeader first{};
  ODRADEK_RETURN_IF_ERROR(locate(view, *handle, request.offset, may_wait, &answer->would_wait, &start, &first));
  if (answer->would_wait || start == view.size) return Status();
  answer->first_batch_offset = first.base_offset;
  if (first.last_offset() >= request.max_offset) return Status();

  uint64_t end = view.size;
  if (request.max_offset < view.end_offset) {
    BatchHeader beyond{};
    ODRADEK_RETURN_IF_ERROR(locate(view, *handle, request.max_offset, may_wait, &answer->would_wait, &end, &beyond));
    if (answer->would_wait) return Status();
  }
  uint64_t length = std::min(end - start, request.max_bytes);
  if (length < first.size()) {
    if (!request.min_one_batch) return Status();
    length = first.size();
  }
  answer->range = {handle->log, start, length};
  answer->segment_size = view.size;
  answer->segment_end = view.knows_end() ? view.end_offset : INT64_MAX;
  return Status();
}

Status Log::read_batches(const ReadRequest& request, CheckedBatches* batches) {
  ReadAnswer found;
  ODRADEK_RETURN_IF_ERROR(read(request, true, &found));
  Bytes& bytes = batches->bytes = Bytes::allocate(found.range.length);
  if (!bytes.data) return Status(Code::kIo, ENOMEM, path_);
  if (!found.range.file) return Status();
  ODRADEK_RETURN_IF_ERROR(found.range.file->pread(bytes.data.get(), bytes.size, found.range.position, &bytes.size));
  size_t position = 0;
  BatchHeader header;
  int64_t least_offset = 0;
  while (bytes.size - position >= kBatchHeaderSize) {
    const uint8_t* const batch = bytes.data.get() + position;
    const bool sound = peek_header(batch, bytes.size - position, &header).ok() && header.base_offset >= least_offset;
    if (sound && header.size() > bytes.size - position) break;
    if (!sound || !crc_matches(batch, header.size())) return Status(Code::kCorruptLog, 0, path_);
    batches->next_offset = least_offset = header.last_offset() + 1;
    batches->compressed |= header.compression() != kCompressionNone;
    position += header.size();
  }
  // What was found as whole is not: the file is shorter than the log, or was damaged.
  if (position == 0) return Status(Code::kCorruptLog, 0, path_);
  bytes.size = position;
  // The CRC does not cover the offset of the last batch: the one behind it shows whether it is wrong.
  BatchWalker behind(*found.range.file, found.range.position + position, found.segment_size, true, least_offset);
  const BatchWalker::Step step = behind.next();
  if (step == BatchWalker::Step::kFailed) return behind.status();
  const bool is_above = step == BatchWalker::Step::kEnd && least_offset > found.segment_end;
  if (is_above || behind.is_below()) return Status(Code::kCorruptLog, 0, path_);
  return Status();
}

Status Log::scan_headers(int64_t from, int64_t to, size_t max_batches, Bytes* headers, size_t* count, int64_t* next) {
  std::vector<uint8_t> packed;
  *count = 0;
  *next = from;
  for (int attempt = 0; attempt < 100 && *next < to && *count < max_batches;) {
    View view;
    {
      MutexLock lock(mutex_);
      if (closed_) return Status(Code::kClosed, 0, path_);
      if (segments_.empty() || *next < segments_.begin()->first || *next > log_end_offset()) {
        return Status(Code::kOffsetOutOfRange, 0, path_);
      }
      if (*next == log_end_offset()) break;
    }
    if (!view_at(*next, &view)) continue;
    std::shared_ptr<SegmentHandle> handle;
    uint64_t position = view.size;
    bool would_wait = false;
    BatchHeader header{};
    Status status = open_view(view, &handle);
    if (status.ok() && view.size > 0) status = locate(view, *handle, *next, true, &would_wait, &position, &header);
    if (!status.ok()) {
      if (!was_cut(view)) return status;
      attempt++;
      continue;
    }
    BatchWalker walker(*handle->log, position, view.size, true);
    BatchWalker::Step step = BatchWalker::Step::kEnd;
    while (*count < max_batches && (step = walker.next()) == BatchWalker::Step::kBatch) {
      if (walker.header().base_offset >= to) {
        *next = to;
        break;
      }
      packed.insert(packed.end(), walker.header_bytes(), walker.header_bytes() + kBatchHeaderSize);
      ++*count;
      *next = walker.header().last_offset() + 1;
    }
    if (step == BatchWalker::Step::kFailed) return walker.status();
    if (step == BatchWalker::Step::kTorn) {
      if (!was_cut(view)) return Status(Code::kCorruptLog, 0, view.segment->path(kLogSuffix));
      attempt++;
    }
    if (step == BatchWalker::Step::kEnd) *next = std::max(*next, view.end_offset);
  }
  if (*next > to) *next = std::max(to, from);
  *headers = Bytes::allocate(packed.size());
  if (!headers->data) return Status(Code::kIo, ENOMEM, path_);
  if (!packed.empty()) std::memcpy(headers->data.get(), packed.data(), packed.size());
  return Status();
}

Status Log::find_by_timestamp(int64_t timestamp, int64_t from_offset, int64_t* base_offset) {
  *base_offset = -1;
  {
    MutexLock lock(mutex_);
    if (closed_) return Status(Code::kClosed, 0, path_);
  }
  for (const View& view : views_from(from_offset)) {
    if (Status checked = check_max_timestamp(view); !checked.ok()) {
      if (was_cut(view)) continue;
      return checked;
    }
    {
      MutexLock lock(mutex_);
      if (view.segment->max_timestamp.timestamp < timestamp) continue;
    }
    std::shared_ptr<SegmentHandle> handle;
    IndexAnswer<TimeEntry> entry;
    Status found = open_view(view, &handle);
    if (found.ok() && view.indexes.time_entries > 0) {
      found = find_time(*handle->time_index, view.indexes, timestamp, &entry);
    }
    if (!found.ok()) {
      if (was_cut(view)) continue;
      return found;
    }
    // No batch up to this entry reaches the timestamp, if it is what the batch that it names says.
    int64_t start_offset = from_offset;
    if (entry.found && !entry.torn) {
      const int64_t named = view.segment->base_offset + entry.entry.relative_offset;
      uint64_t at = 0;
      bool would_wait = false;
      BatchHeader header{};
      const Status located = locate(view, *handle, named, true, &would_wait, &at, &header);
      const bool agrees = located.ok() && at < view.size && header.base_offset <= named &&
                          header.max_timestamp == entry.entry.timestamp;
      if (agrees) start_offset = std::max(start_offset, named);
    }
    uint64_t position = 0;
    bool would_wait = false;
    BatchHeader header{};
    if (start_offset > view.segment->base_offset) {
      Status located = locate(view, *handle, start_offset, true, &would_wait, &position, &header);
      if (!located.ok()) {
        if (was_cut(view)) continue;
        return located;
      }
    }
    BatchWalker walker(*handle->log, position, view.size, true);
    BatchWalker::Step step;
    while ((step = walker.next()) == BatchWalker::Step::kBatch) {
      if (walker.header().max_timestamp < timestamp || walker.header().last_offset() < from_offset) continue;
      *base_offset = walker.header().base_offset;
      return Status();
    }
    if (step == BatchWalker::Step::kFailed) return walker.status();
    if (step == BatchWalker::Step::kTorn && !was_cut(view)) {
      return Status(Code::kCorruptLog, 0, view.segment->path(kLogSuffix));
    }
  }
  return Status();
}

}  // namespace odradek
