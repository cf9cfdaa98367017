// Appends and rolls. All of it runs on the thread that works off the log's queue, which alone changes segments: it
// may look at them without the lock.
#include <algorithm>

#include "group_commit.h"
#include "index_builder.h"
#include "log.h"

namespace odradek {

// A batch that is about to be written, for the indexes.
struct Log::BatchMark {
  int64_t last_offset;
  int64_t max_timestamp;
  uint64_t size;
};

// A submission whose batches checked out and have their offsets.
struct Log::Prepared {
  uint64_t size = 0;
  int64_t base_offset = 0;
  int64_t last_offset = 0;
  int64_t append_time = kNoTimestamp;
  int64_t max_timestamp = kNoTimestamp;
};

// What a submission is told, or where it stands in the log a roll.
struct Log::Answer {
  Completion completion;
  Flush flush = Flush::kNone;
  int64_t end_offset = 0;
  // It comes when the flush is over.
  bool waits = false;
};

// Submissions that share a write.
struct Log::Group {
  LogSettings settings;
  int64_t now = 0;
  std::shared_ptr<Segment> segment;
  int64_t next_offset = 0;
  uint64_t bytes = 0;
  // Asked for by one of those that were written.
  bool flush = false;
  // Why the disk refuses the rest.
  Status disk;
  std::vector<iovec> parts;
  std::vector<BatchMark> marks;
  // In the order of submission; `pending` are those that stand for `parts`, which are not written yet.
  std::vector<Answer> answers;
  std::vector<size_t> pending;

  void answer(Completion&& completion) { answers.push_back({std::move(completion)}); }
  std::vector<Completion> completions() {
    std::vector<Completion> ready;
    ready.reserve(answers.size());
    for (Answer& answer : answers) {
      if (!answer.waits) ready.push_back(std::move(answer.completion));
    }
    return ready;
  }
};

std::shared_ptr<Segment> Log::active_segment() {
  MutexLock lock(mutex_);
  return segments_.empty() ? nullptr : segments_.rbegin()->second;
}

void Log::append_group(std::vector<Append>& appends) {
  Group group;
  {
    MutexLock lock(mutex_);
    group.settings = settings_;
    // Without segments the log has failed, and so will all of these.
    if (!segments_.empty()) group.segment = segments_.rbegin()->second;
  }
  group.now = now_ms();
  group.next_offset = log_end_offset();
  for (const Append& append : appends) append_one(append, &group);
  write(&group);
  if (!group.disk.ok()) refuse_queued(&group);
  std::vector<Completion> completions = group.completions();
  if (!completions.empty()) sink_->post(std::move(completions));
  relieve_pins();
  if (group.flush) queue_.ask_follow_up();
}

void Log::append_one(const Append& append, Group* group) {
  if (!group->disk.ok()) return refuse(append.id, group->disk, group);
  if (Status failed = failure(); !failed.ok()) return refuse(append.id, std::move(failed), group);
  if (append.refusals_seen < refusals_) {
    group->answer(Completion::operation(append.id, Status(Code::kPreviousRefused, 0, path_)));
    return;
  }
  const auto own_marks = static_cast<ptrdiff_t>(group->marks.size());
  Prepared prepared;
  if (Status refused = prepare(append, group, &prepared); !refused.ok()) {
    group->marks.resize(static_cast<size_t>(own_marks));
    return refuse(append.id, std::move(refused), group);
  }
  if (must_roll(*group, prepared, group->marks.size())) {
    // What is ahead goes into the old segment, which may turn out to have room: its index entries were guessed.
    std::vector<BatchMark> own(group->marks.begin() + own_marks, group->marks.end());
    group->marks.resize(static_cast<size_t>(own_marks));
    const int64_t end = group->next_offset;
    write(group);
    // A gap that a leader's compaction left goes into the new segment: between two it would say that records were
    // lost. One too wide for the index has to.
    const bool wide = prepared.last_offset - end > INT32_MAX;
    if (group->disk.ok() && must_roll(*group, prepared, own.size())) {
      roll_in_group(wide ? prepared.base_offset : end, group);
    }
    if (!group->disk.ok()) return refuse(append.id, group->disk, group);
    group->marks = std::move(own);
  }
  group->parts.push_back({append.bytes, append.size});
  group->bytes += append.size;
  group->next_offset = prepared.last_offset + 1;
  group->flush |= append.flush != Flush::kNone;
  Completion completion = Completion::operation(append.id, Status());
  completion.values[0] = static_cast<double>(prepared.base_offset);
  completion.values[1] = static_cast<double>(prepared.last_offset);
  completion.values[2] = static_cast<double>(prepared.append_time);
  completion.values[3] = static_cast<double>(prepared.max_timestamp);
  group->pending.push_back(group->answers.size());
  group->answers.push_back({std::move(completion), append.flush, prepared.last_offset + 1});
}

// Checks all batches before the first is given its offset.
Status Log::prepare(const Append& append, Group* group, Prepared* out) {
  const LogSettings& settings = group->settings;
  const bool follower = append.origin == BatchOrigin::kFollower;
  out->size = append.size;
  if (append.size == 0) return Status(Code::kInvalidArgument, 0, path_);
  if (!follower && append.size > static_cast<uint64_t>(settings.segment_bytes)) {
    return Status(Code::kBatchTooLarge, 0, path_);
  }
  BatchRules rules;
  rules.origin = append.origin;
  rules.max_message_bytes = static_cast<size_t>(settings.max_message_bytes);
  rules.require_key = settings.require_key;
  rules.log_append_time = settings.log_append_time;
  rules.now_ms = group->now;
  rules.timestamp_before_max_ms = settings.timestamp_before_max_ms;
  rules.timestamp_after_max_ms = settings.timestamp_after_max_ms;

  const size_t first_mark = group->marks.size();
  int64_t next_offset = group->next_offset;
  for (size_t position = 0; position < append.size;) {
    BatchInfo info;
    ODRADEK_RETURN_IF_ERROR(validate_batch(append.bytes + position, append.size - position, rules, &info));
    int64_t base_offset = next_offset;
    if (follower) {
      base_offset = info.header.base_offset;
      if (base_offset < next_offset) return Status(Code::kOffsetOutOfRange, 0, path_);
    }
    if (position == 0) out->base_offset = base_offset;
    const bool stamped = !follower && settings.log_append_time;
    const int64_t max_timestamp = stamped ? group->now : info.max_timestamp;
    out->last_offset = base_offset + info.header.last_offset_delta;
    out->max_timestamp = std::max(out->max_timestamp, max_timestamp);
    group->marks.push_back({out->last_offset, max_timestamp, info.header.size()});
    next_offset = out->last_offset + 1;
    position += info.header.size();
  }
  if (follower) return Status();

  if (settings.log_append_time) out->append_time = group->now;
  uint8_t* batch = append.bytes;
  for (size_t i = first_mark; i < group->marks.size(); i++) {
    const BatchMark& mark = group->marks[i];
    const int64_t base_offset = i == first_mark ? out->base_offset : group->marks[i - 1].last_offset + 1;
    assign(batch, base_offset, append.leader_epoch);
    if (settings.log_append_time) set_append_time(batch, group->now);
    batch += mark.size;
  }
  return Status();
}

// As Kafka decides: size, age, a full index, or an offset too far from the base for the index's 32 bits.
// `entries` is how many index entries might be added.
bool Log::must_roll(const Group& group, const Prepared& prepared, size_t entries) const {
  const Segment& segment = *group.segment;
  const LogSettings& settings = group.settings;
  const uint64_t size = segment.size + group.bytes;
  if (prepared.last_offset - segment.base_offset > INT32_MAX) return true;
  if (size == 0) return false;
  if (size + prepared.size > static_cast<uint64_t>(settings.segment_bytes)) return true;
  const bool dated = segment.first_timestamp >= 0 && prepared.max_timestamp >= 0;
  const int64_t age = dated ? prepared.max_timestamp - segment.first_timestamp : group.now - segment.created_ms;
  if (age > settings.segment_ms) return true;
  const uint64_t index_bytes = static_cast<uint64_t>(settings.segment_index_bytes);
  return segment.indexes.offset_entries + entries > index_bytes / kOffsetIndexEntrySize ||
         segment.indexes.time_entries + entries >= index_bytes / kTimeIndexEntrySize;
}

void Log::write(Group* group) {
  if (group->parts.empty()) return;
  const Segment& segment = *group->segment;

  SegmentIndexes added;
  IndexBuilder builder(segment.base_offset, group->settings.index_interval_bytes, segment.indexes,
                       segment.max_timestamp, segment.bytes_since_entry);
  uint64_t position = segment.size;
  for (const BatchMark& mark : group->marks) {
    builder.add(mark.last_offset, mark.max_timestamp, position, mark.size, &added);
    position += mark.size;
  }

  std::shared_ptr<SegmentHandle> handle;
  Status status = acquire_handle(segment, true, &handle);
  if (!status.ok()) fail(status, false);
  if (status.ok()) status = write_files(*group, added, *handle);
  if (status.ok()) {
    publish(group, added, builder, std::move(handle));
  } else {
    for (const size_t i : group->pending) group->answers[i].completion.status = status;
    refusals_ += group->pending.size();
    group->disk = std::move(status);
  }
  group->pending.clear();
  group->parts.clear();
  group->marks.clear();
  group->bytes = 0;
}

// All or nothing: after a failure the files are cut back to what they were, or the log is marked.
Status Log::write_files(const Group& group, const SegmentIndexes& added, SegmentHandle& handle) {
  const Segment& segment = *group.segment;
  const uint64_t offsets_end = segment.indexes.offset_bytes();
  const uint64_t times_end = segment.indexes.time_bytes();
  Status status = handle.log->pwritev(group.parts.data(), group.parts.size(), segment.size);
  if (status.ok() && !added.offsets.empty()) {
    const std::vector<uint8_t> bytes = encode(added.offsets.data(), added.offsets.size());
    status = handle.offset_index->pwrite(bytes.data(), bytes.size(), offsets_end);
  }
  if (status.ok() && !added.times.empty()) {
    const std::vector<uint8_t> bytes = encode(added.times.data(), added.times.size());
    status = handle.time_index->pwrite(bytes.data(), bytes.size(), times_end);
  }
  if (status.ok()) return status;
  const bool cut = handle.log->truncate(segment.size).ok();
  const bool indexes_cut =
      handle.offset_index->truncate(offsets_end).ok() && handle.time_index->truncate(times_end).ok();
  fail(status, !cut || !indexes_cut);
  return status;
}

void Log::publish(Group* group, const SegmentIndexes& added, const IndexBuilder& builder,
                  std::shared_ptr<SegmentHandle> handle) {
  Segment& segment = *group->segment;
  int64_t timer_ms = kNever;
  {
    MutexLock lock(mutex_);
    if (segment.size == 0) segment.first_timestamp = group->marks.front().max_timestamp;
    segment.max_timestamp = builder.max_timestamp();
    segment.bytes_since_entry = builder.bytes_since_entry();
    segment.indexes.add(added);
    if (!added.offsets.empty()) segment.indexes_dirty = true;
    segment.size += group->bytes;
    segment.last_modified_ms = group->now;
    segment.dirty = true;
    segment.pinned.set(std::move(handle));
    size_.store(size_.load(std::memory_order_relaxed) + group->bytes, std::memory_order_release);
    log_end_.store(group->next_offset, std::memory_order_release);
    for (const size_t i : group->pending) {
      Answer& answer = group->answers[i];
      if (answer.flush == Flush::kAwaited) answer.waits = await_flush(&answer.completion, answer.end_offset);
      if (answer.flush != Flush::kAsked) continue;
      Completion over = Completion::over(answer.completion.id);
      answer.completion.last = !await_flush(&over, answer.end_offset);
    }
    group->flush |= group->next_offset - flushed_offset() >= group->settings.flush_messages;
    if (group->settings.flush_ms != kNever && flushes_.set_timer()) timer_ms = group->settings.flush_ms;
  }
  publisher_.written();
  if (timer_ms != kNever) FlushTimer::instance().schedule(weak_from_this(), timer_ms);
}

void Log::refuse(double id, Status status, Group* group) {
  refusals_++;
  group->answer(Completion::operation(id, std::move(status)));
}

// What the same disk would refuse: all that was submitted before anybody could know.
void Log::refuse_queued(Group* group) {
  for (const Append& append : queue_.take_appends()) refuse(append.id, group->disk, group);
}

void Log::roll_in_group(int64_t base_offset, Group* group) {
  Status status = roll_to(base_offset);
  if (!status.ok()) {
    fail(status, false);
    group->disk = std::move(status);
    return;
  }
  group->segment = active_segment();
  // In the order of the completions: whoever takes a snapshot at a roll has seen all that lies below it.
  group->answer(rolled_event(base_offset));
}

// The final entry of the time index says how far the segment reaches in time.
Status Log::finish_indexes(Segment& segment, std::shared_ptr<SegmentHandle>* out) {
  const IndexState& indexes = segment.indexes;
  const int64_t last = indexes.time_entries == 0 ? kNoTimestamp : indexes.last_time.timestamp;
  const bool add = segment.max_timestamp.timestamp > last;
  if (!add && !segment.indexes_dirty) return Status();
  std::shared_ptr<SegmentHandle>& handle = *out;
  ODRADEK_RETURN_IF_ERROR(acquire_handle(segment, true, &handle));
  SegmentIndexes added;
  if (add) {
    added.add_time(segment.max_timestamp.timestamp,
                   static_cast<int32_t>(segment.max_timestamp.offset - segment.base_offset));
    const std::vector<uint8_t> bytes = encode(added.times.data(), added.times.size());
    ODRADEK_RETURN_IF_ERROR(handle->time_index->pwrite(bytes.data(), bytes.size(), indexes.time_bytes()));
  }
  MutexLock lock(mutex_);
  segment.indexes.add(added);
  segment.indexes_dirty = true;
  segment.pinned.set(handle);
  return Status();
}

Status Log::roll_to(int64_t base_offset) {
  const std::shared_ptr<Segment> sealed = active_segment();
  std::shared_ptr<SegmentHandle> handle;
  if (sealed->size > 0) ODRADEK_RETURN_IF_ERROR(finish_indexes(*sealed, &handle));
  auto created = std::make_shared<Segment>(folder_, base_offset);
  created->created_ms = now_ms();
  created->last_modified_ms = created->created_ms;
  ODRADEK_RETURN_IF_ERROR(create_segment(*created));
  {
    MutexLock lock(mutex_);
    sealed->sealed = true;
    // INVARIANT: a sealed segment whose indexes are not on disk is pinned, or no flush would sync them. A flush that
    // ended since the last entry was written let go of the pin.
    if (sealed->indexes_dirty) sealed->pinned.set(std::move(handle));
    segments_[base_offset] = created;
    // Nothing relies on the new name before a flush does, and that syncs the folder first: here it would hold up
    // appends for as long as the journal takes.
    folder_dirty_ = true;
  }
  request_flush();
  relieve_pins();
  return Status();
}

Completion Log::rolled_event(int64_t base_offset) const {
  Completion rolled;
  rolled.kind = CompletionKind::kRolled;
  rolled.id = id_;
  rolled.values[0] = static_cast<double>(base_offset);
  return rolled;
}

}  // namespace odradek
