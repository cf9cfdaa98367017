// Look-ups and reads. Any thread; only those that were told that they may wait touch what may not be in memory.
#include <algorithm>
#include <cstring>

#include "batch_walker.h"
#include "log.h"

namespace odradek {

// The view of the segment that holds `offset`; false where there is none.
bool Log::view_at(int64_t offset, View* view) {
  std::lock_guard lock(mutex_);
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
  std::lock_guard lock(mutex_);
  return view.segment->gone.load(std::memory_order_acquire) || view.segment->size < view.size;
}

Status Log::open_view(const View& view, std::shared_ptr<SegmentHandle>* handle) {
  std::shared_lock names(names_mutex_);
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
  uint64_t start = answer.found ? answer.entry.position : 0;
  if (answer.torn || start > view.size) return Status(Code::kCorruptLog, 0, view.segment->path(kOffsetIndexSuffix));
  BatchWalker walker(*handle.log, start, view.size, may_wait);
  for (;;) {
    switch (walker.next()) {
      case BatchWalker::Step::kBatch:
        if (walker.header().last_offset() < offset) continue;
        *position = walker.position();
        *header = walker.header();
        return Status();
      case BatchWalker::Step::kEnd:
        *position = view.size;
        return Status();
      case BatchWalker::Step::kWouldWait:
        *would_wait = true;
        return Status();
      case BatchWalker::Step::kTorn:
        return Status(Code::kCorruptLog, 0, view.segment->path(kLogSuffix));
      case BatchWalker::Step::kFailed:
        return walker.status();
    }
  }
}

Status Log::read(const ReadRequest& request, bool may_wait, ReadAnswer* answer) {
  ReadRequest at = request;
  // A segment may be cut or deleted while it is looked at: then look again. Each turn needs another such
  // change, but a bound keeps a bug from spinning.
  for (int attempt = 0; attempt < 100; attempt++) {
    *answer = ReadAnswer();
    {
      std::lock_guard lock(mutex_);
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
  ODRADEK_RETURN_IF_ERROR(
      locate(view, *handle, request.offset, may_wait, &answer->would_wait, &start, &first));
  if (answer->would_wait || start == view.size) return Status();
  answer->first_batch_offset = first.base_offset;
  if (first.last_offset() >= request.max_offset) return Status();

  uint64_t end = view.size;
  if (request.max_offset < view.end_offset) {
    BatchHeader beyond{};
    ODRADEK_RETURN_IF_ERROR(
        locate(view, *handle, request.max_offset, may_wait, &answer->would_wait, &end, &beyond));
    if (answer->would_wait) return Status();
  }
  uint64_t length = std::min(end - start, request.max_bytes);
  if (length < first.size()) {
    if (!request.min_one_batch) return Status();
    length = first.size();
  }
  answer->range = {handle->log, start, length};
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
  while (bytes.size - position >= kBatchHeaderSize) {
    const uint8_t* const batch = bytes.data.get() + position;
    const bool sound = peek_header(batch, bytes.size - position, &header).ok();
    if (sound && header.size() > bytes.size - position) break;
    if (!sound || !crc_matches(batch, header.size())) return Status(Code::kCorruptLog, 0, path_);
    batches->next_offset = header.last_offset() + 1;
    batches->compressed |= header.compression() != kCompressionNone;
    position += header.size();
  }
  // What was found as whole is not: the file is shorter than the log, or was damaged.
  if (position == 0) return Status(Code::kCorruptLog, 0, path_);
  bytes.size = position;
  return Status();
}

Status Log::scan_headers(int64_t from, int64_t to, size_t max_batches, Bytes* headers, size_t* count, int64_t* next) {
  std::vector<uint8_t> packed;
  *count = 0;
  *next = from;
  for (int attempt = 0; attempt < 100 && *next < to && *count < max_batches;) {
    View view;
    {
      std::lock_guard lock(mutex_);
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
  std::vector<View> views;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Status(Code::kClosed, 0, path_);
    for (auto it = segments_.begin(); it != segments_.end(); ++it) {
      const auto next = std::next(it);
      View view;
      view.segment = it->second;
      view.size = it->second->size;
      view.indexes = it->second->indexes;
      view.sealed = it->second->sealed;
      view.end_offset = next == segments_.end() ? log_end_offset() : next->first;
      if (view.end_offset > from_offset && view.segment->max_timestamp.timestamp >= timestamp) views.push_back(view);
    }
  }
  for (const View& view : views) {
    std::shared_ptr<SegmentHandle> handle;
    IndexAnswer<TimeEntry> entry;
    Status found = open_view(view, &handle);
    if (found.ok() && view.indexes.time_entries > 0) {
      found = find_time(*handle->time_index, view.indexes, timestamp, &entry);
    }
    if (found.ok() && entry.torn) found = Status(Code::kCorruptLog, 0, view.segment->path(kTimeIndexSuffix));
    if (!found.ok()) {
      if (was_cut(view)) continue;
      return found;
    }
    // No batch up to this entry reaches the timestamp.
    int64_t start_offset = from_offset;
    if (entry.found) {
      start_offset = std::max(start_offset, view.segment->base_offset + entry.entry.relative_offset);
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
