#include "segment_recovery.h"

#include <algorithm>
#include <vector>

#include "batch_walker.h"
#include "big_endian.h"
#include "index_builder.h"

namespace odradek {
namespace {

// Read at once when whole batches are checked.
constexpr size_t kScanChunk = 1 << 20;

// Of every magic: offset, length, then (behind a CRC or an epoch) the magic. A message of magic 0 has 14 bytes at
// least behind its length. Magics that nobody has given out yet are damage.
constexpr size_t kForeignHeader = batch_layout::kMagic + 1;
constexpr int32_t kForeignLeast = 14;
constexpr int kForeignMagicLast = 3;

// What a disk writes as a whole or not at all.
constexpr uint64_t kSector = 512;
constexpr uint64_t kOffsetBytes = sizeof(int64_t);

bool same(const SegmentIndexes& a, const SegmentIndexes& b) {
  const auto same_offset = [](const OffsetEntry& x, const OffsetEntry& y) {
    return x.relative_offset == y.relative_offset && x.position == y.position;
  };
  const auto same_time = [](const TimeEntry& x, const TimeEntry& y) {
    return x.timestamp == y.timestamp && x.relative_offset == y.relative_offset;
  };
  return std::equal(a.offsets.begin(), a.offsets.end(), b.offsets.begin(), b.offsets.end(), same_offset) &&
         std::equal(a.times.begin(), a.times.end(), b.times.begin(), b.times.end(), same_time);
}

// One pass over a segment's batches.
class Scan {
 public:
  Scan(Segment& segment, File& file, uint64_t size, const RecoveryRules& rules)
      : segment_(segment), file_(file), size_(size), rules_(rules), next_offset_(segment.base_offset) {}

  Status run(const SegmentIndexes& stored) {
    trust(stored);
    IndexState trusted;
    trusted.add(indexes_);
    IndexBuilder builder(segment_.base_offset, rules_.index_interval, trusted, segment_.max_timestamp, 0);
    ODRADEK_RETURN_IF_ERROR(walk_headers(&builder));
    if (!torn_) ODRADEK_RETURN_IF_ERROR(check_batches(&builder));
    if (position_ < size_) ODRADEK_RETURN_IF_ERROR(refuse_foreign());
    // What was on disk as a whole is not torn but damaged: nobody may take its loss for a crash's.
    const int64_t torn = std::min(next_offset_, torn_offset_);
    if (position_ < size_ && !is_cut_ && torn < std::min(rules_.durable_below, rules_.cut_at)) {
      return Status(Code::kCorruptLog, 0, segment_.path(kLogSuffix));
    }
    segment_.size = position_;
    segment_.max_timestamp = builder.max_timestamp();
    segment_.bytes_since_entry = builder.bytes_since_entry();
    return Status();
  }

  int64_t next_offset() const { return next_offset_; }
  uint64_t scanned() const { return scanned_; }
  uint64_t position() const { return position_; }
  // Of what was kept.
  const SegmentIndexes& indexes() const { return indexes_; }

 private:
  // Takes over the stored entries up to the last one that names a batch below the unchecked part.
  void trust(const SegmentIndexes& stored) {
    const int64_t limit = std::min(rules_.check_from, rules_.cut_at);
    const auto last = std::find_if(stored.offsets.rbegin(), stored.offsets.rend(), [&](const OffsetEntry& entry) {
      return segment_.base_offset + entry.relative_offset < limit && entry.position < size_;
    });
    if (last == stored.offsets.rend()) return;
    // The largest timestamp up to an offset entry stands in the time index, if any record had one.
    BatchWalker walker(file_, last->position, size_, true);
    if (walker.next() != BatchWalker::Step::kBatch) return;
    const int64_t last_offset = segment_.base_offset + last->relative_offset;
    if (walker.header().last_offset() != last_offset) return;
    const auto past = std::find_if(stored.times.begin(), stored.times.end(), [&](const TimeEntry& entry) {
      return entry.relative_offset > last->relative_offset;
    });
    MaxTimestamp max;
    if (past != stored.times.begin()) {
      max = {std::prev(past)->timestamp, segment_.base_offset + std::prev(past)->relative_offset};
    }
    if (walker.header().max_timestamp > max.timestamp || !is_largest(stored, max, last->position)) return;
    indexes_.offsets.assign(stored.offsets.begin(), last.base());
    indexes_.times.assign(stored.times.begin(), past);
    segment_.max_timestamp = max;
    position_ = last->position;
    next_offset_ = walker.header().base_offset;
  }

  // Whether the batch that a time entry names has the entry's timestamp, and none from there to `position` has a larger
  // one: a power cut may have kept an offset entry and lost the time entry that went with it.
  bool is_largest(const SegmentIndexes& stored, const MaxTimestamp& max, uint64_t position) {
    if (max.offset < 0) return true;
    const auto after =
        std::upper_bound(stored.offsets.begin(), stored.offsets.end(), max.offset - segment_.base_offset,
                         [](int64_t offset, const OffsetEntry& e) { return offset < e.relative_offset; });
    const uint64_t start = after == stored.offsets.begin() ? 0 : std::prev(after)->position;
    if (start >= size_) return false;
    bool found = false;
    BatchWalker walker(file_, start, size_, true);
    while (walker.next() == BatchWalker::Step::kBatch && walker.position() <= position) {
      const BatchHeader& header = walker.header();
      if (header.last_offset() < max.offset) continue;
      if (!found && (header.base_offset > max.offset || header.max_timestamp != max.timestamp)) return false;
      if (header.max_timestamp > max.timestamp) return false;
      found = true;
    }
    return found;
  }

  // Batches of an older or newer magic are no torn tail: whoever wrote them wants them back.
  Status refuse_foreign() {
    uint8_t bytes[kForeignHeader];
    size_t read = 0;
    ODRADEK_RETURN_IF_ERROR(file_.pread(bytes, sizeof(bytes), position_, &read));
    if (read < sizeof(bytes)) return Status();
    const auto offset = load_be<int64_t>(bytes);
    const auto length = load_be<int32_t>(bytes + batch_layout::kBatchLength);
    const int magic = bytes[batch_layout::kMagic];
    const bool follows = offset >= next_offset_ && offset - segment_.base_offset <= INT32_MAX;
    const bool whole = length >= 0 && static_cast<uint64_t>(length) + kBatchLengthOverhead <= size_ - position_;
    const int32_t least =
        magic < kMagicV2 ? kForeignLeast : static_cast<int32_t>(kBatchHeaderSize - kBatchLengthOverhead);
    const bool known = magic != kMagicV2 && magic <= kForeignMagicLast;
    if (!follows || !whole || length < least || !known) return Status();
    if (magic < kMagicV2) {
      bool adds_up = false;
      ODRADEK_RETURN_IF_ERROR(is_old_message(magic, length, &adds_up));
      if (!adds_up) return Status();
    }
    return Status(Code::kUnsupportedFormat, 0, segment_.path(kLogSuffix));
  }

  // A batch that a power cut tore between its length and its magic has zeros there, as if it were of magic 0: the
  // lengths of a message's key and value must make up its own.
  Status is_old_message(int magic, int32_t length, bool* adds_up) {
    const uint64_t key = position_ + kForeignHeader + 1 + (magic == 1 ? 8 : 0);
    const int32_t fixed = magic == 1 ? 22 : 14;
    uint8_t bytes[4];
    size_t read = 0;
    ODRADEK_RETURN_IF_ERROR(file_.pread(bytes, sizeof(bytes), key, &read));
    const int64_t key_size = read < sizeof(bytes) ? INT32_MAX : std::max(load_be<int32_t>(bytes), 0);
    if (key_size > length) return Status();
    ODRADEK_RETURN_IF_ERROR(
        file_.pread(bytes, sizeof(bytes), key + sizeof(bytes) + static_cast<uint64_t>(key_size), &read));
    const int64_t value_size = read < sizeof(bytes) ? INT32_MAX : std::max(load_be<int32_t>(bytes), 0);
    *adds_up = fixed + key_size + value_size == length;
    return Status();
  }

  // The CRC does not cover the offset. Of a batch that begins in a sector which a power cut has lost, and goes on in
  // one that was kept, the first bytes are zero: it is the next one then, and all before it are in their order.
  bool has_torn_offset(const BatchHeader& header) const {
    const uint64_t lost = kSector - position_ % kSector;
    if (lost > kOffsetBytes || after_gap_) return false;
    const uint64_t kept = lost == kOffsetBytes ? 0 : (uint64_t{1} << (8 * (kOffsetBytes - lost))) - 1;
    return static_cast<uint64_t>(header.base_offset) == (static_cast<uint64_t>(next_offset_) & kept);
  }

  bool take(const BatchHeader& header, IndexBuilder* builder) {
    if (header.base_offset < next_offset_ || header.last_offset() >= rules_.cut_at ||
        header.last_offset() >= rules_.next_base || header.last_offset() - segment_.base_offset > INT32_MAX) {
      torn_ = true;
      // One below those before it: the offset of either is wrong, unless a power cut made it so.
      torn_offset_ = has_torn_offset(header) ? next_offset_ : std::min(next_offset_, header.base_offset);
      is_cut_ = header.base_offset >= next_offset_ && header.last_offset() >= rules_.cut_at &&
                (header.base_offset < rules_.cut_at || rules_.gap_at_cut);
      return false;
    }
    if (position_ == 0) segment_.first_timestamp = header.max_timestamp;
    after_gap_ = header.base_offset != next_offset_;
    builder->add(header.last_offset(), header.max_timestamp, position_, header.size(), &indexes_);
    next_offset_ = header.last_offset() + 1;
    position_ += header.size();
    return true;
  }

  Status walk_headers(IndexBuilder* builder) {
    if (next_offset_ >= rules_.check_from) return Status();
    BatchWalker walker(file_, position_, size_, true);
    for (;;) {
      const BatchWalker::Step step = walker.next();
      if (step == BatchWalker::Step::kEnd) return Status();
      if (step == BatchWalker::Step::kFailed) return walker.status();
      if (step != BatchWalker::Step::kBatch) {
        torn_ = true;
        return Status();
      }
      if (walker.header().last_offset() >= rules_.check_from) return Status();
      if (!take(walker.header(), builder)) return Status();
    }
  }

  Status check_batches(IndexBuilder* builder) {
    std::vector<uint8_t> buffer;
    uint64_t buffer_position = position_;
    size_t buffer_size = 0;
    while (position_ < size_) {
      size_t offset = static_cast<size_t>(position_ - buffer_position);
      size_t left = buffer_size - offset;
      BatchHeader header;
      size_t wanted = kBatchHeaderSize;
      const bool whole_header = left >= kBatchHeaderSize;
      if (whole_header) {
        if (!peek_header(buffer.data() + offset, left, &header).ok() || header.size() > size_ - position_) break;
        wanted = header.size();
      }
      if (left < wanted) {
        if (size_ - position_ < wanted) break;
        const size_t chunk = static_cast<size_t>(std::min<uint64_t>(std::max(wanted, kScanChunk), size_ - position_));
        if (buffer.size() < chunk) buffer.resize(chunk);
        ODRADEK_RETURN_IF_ERROR(file_.pread(buffer.data(), chunk, position_, &buffer_size));
        buffer_position = position_;
        scanned_ += buffer_size;
        if (buffer_size < wanted) break;
        continue;
      }
      if (!crc_matches(buffer.data() + offset, wanted)) break;
      const uint64_t position = position_;
      if (!take(header, builder)) break;
      if (rules_.rewrite) ODRADEK_RETURN_IF_ERROR(file_.pwrite(buffer.data() + offset, wanted, position));
    }
    return Status();
  }

  Segment& segment_;
  File& file_;
  const uint64_t size_;
  const RecoveryRules& rules_;
  SegmentIndexes indexes_;
  int64_t next_offset_;
  uint64_t position_ = 0;
  uint64_t scanned_ = 0;
  bool torn_ = false;
  int64_t torn_offset_ = INT64_MAX;
  // The last batch that was taken begins behind the end of the one before.
  bool after_gap_ = false;
  // What follows is whole and reaches the cut.
  bool is_cut_ = false;
};

// A file that is not there is an index without entries that does not check out.
Status read_stored(const Segment& segment, SegmentIndexes* stored, bool* whole) {
  bool offsets_whole = false;
  bool times_whole = false;
  Status read = read_offset_index(segment.path(kOffsetIndexSuffix), &stored->offsets, &offsets_whole);
  if (!read.ok() && !read.is_not_found()) return read;
  read = read_time_index(segment.path(kTimeIndexSuffix), &stored->times, &times_whole);
  if (!read.ok() && !read.is_not_found()) return read;
  *whole = offsets_whole && times_whole;
  return Status();
}

// Size of an index file and its last entry.
Status last_entry(const std::string& path, size_t entry_size, uint8_t* entry, uint64_t* size) {
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kRead, &file));
  ODRADEK_RETURN_IF_ERROR(file->size(size));
  if (*size < entry_size) return Status();
  size_t read = 0;
  return file->pread(entry, entry_size, *size - entry_size, &read);
}

}  // namespace

Status recover_segment(Segment& segment, const RecoveryRules& rules, RecoveryResult* result) {
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(segment.path(kLogSuffix), OpenMode::kReadWrite, &file));
  uint64_t size = 0;
  ODRADEK_RETURN_IF_ERROR(file->size(&size));
  SegmentIndexes stored;
  bool whole = false;
  ODRADEK_RETURN_IF_ERROR(read_stored(segment, &stored, &whole));

  Scan scan(segment, *file, size, rules);
  ODRADEK_RETURN_IF_ERROR(scan.run(stored));
  if (segment.first_timestamp < 0 && segment.size > 0) {
    BatchWalker first(*file, 0, segment.size, true);
    if (first.next() == BatchWalker::Step::kBatch) segment.first_timestamp = first.header().max_timestamp;
  }
  result->next_offset = scan.next_offset();
  result->scanned_bytes = scan.scanned();
  result->truncated_bytes = size - segment.size;
  // The time index of a sealed segment, and of one that was closed, has a final entry, which belongs to no offset
  // entry: without it the segment would seem to end earlier once nobody looks into it any longer.
  SegmentIndexes indexes = scan.indexes();
  SegmentIndexes finished = indexes;
  finished.add_time(segment.max_timestamp.timestamp,
                    static_cast<int32_t>(segment.max_timestamp.offset - segment.base_offset));
  const bool has_timestamp = segment.max_timestamp.timestamp > kNoTimestamp;
  const bool is_finished = has_timestamp && (segment.sealed || same(stored, finished));
  if (is_finished) indexes = std::move(finished);
  segment.indexes = IndexState();
  segment.indexes.add(indexes);
  result->rebuilt = rules.rewrite || !whole || !same(stored, indexes);

  if (segment.size < size) ODRADEK_RETURN_IF_ERROR(file->truncate(segment.size));
  if (rules.sync || segment.size < size || scan.scanned() > 0) ODRADEK_RETURN_IF_ERROR(file->datasync());
  if (result->rebuilt) return write_indexes(segment, indexes);
  if (!segment.sealed) {
    segment.indexes_dirty = true;
    return Status();
  }
  return rules.sync ? sync_indexes(segment) : Status();
}

Status load_sealed(Segment& segment, bool* ok) {
  *ok = false;
  uint8_t offset_bytes[kOffsetIndexEntrySize];
  uint8_t time_bytes[kTimeIndexEntrySize];
  uint64_t offsets_size = 0;
  uint64_t times_size = 0;
  Status read = last_entry(segment.path(kOffsetIndexSuffix), sizeof(offset_bytes), offset_bytes, &offsets_size);
  if (read.ok()) read = last_entry(segment.path(kTimeIndexSuffix), sizeof(time_bytes), time_bytes, &times_size);
  if (!read.ok()) return read.is_not_found() ? Status() : read;
  if (offsets_size % kOffsetIndexEntrySize != 0 || times_size % kTimeIndexEntrySize != 0) return Status();
  IndexState indexes;
  indexes.offset_entries = static_cast<uint32_t>(offsets_size / kOffsetIndexEntrySize);
  indexes.time_entries = static_cast<uint32_t>(times_size / kTimeIndexEntrySize);
  if (offsets_size > 0) {
    const OffsetEntry last = decode_offset_entry(offset_bytes);
    indexes.last_offset = last;
    if (last.relative_offset < 0 || last.position == 0 || last.position >= segment.size) return Status();
  }
  if (times_size > 0) {
    const TimeEntry last = decode_time_entry(time_bytes);
    if (last.relative_offset < 0 || last.timestamp < 0) return Status();
    indexes.last_time = last;
    segment.max_timestamp = {last.timestamp, segment.base_offset + last.relative_offset};
    segment.max_unchecked = true;
  } else if (segment.size > 0) {
    // Sealed by somebody who was stopped before the final entry, or records without timestamps: look.
    return Status();
  }
  segment.indexes = indexes;
  *ok = true;
  return Status();
}

Status index_file(const std::string& path, int64_t base_offset, int64_t index_interval, SegmentIndexes* indexes,
                  MaxTimestamp* max_timestamp, uint64_t* size, int64_t* next_offset) {
  std::shared_ptr<File> file;
  ODRADEK_RETURN_IF_ERROR(file_system().open(path, OpenMode::kRead, &file));
  ODRADEK_RETURN_IF_ERROR(file->size(size));
  IndexBuilder builder(base_offset, index_interval, IndexState(), MaxTimestamp(), 0);
  BatchWalker walker(*file, 0, *size, true);
  *next_offset = base_offset;
  for (;;) {
    const BatchWalker::Step step = walker.next();
    if (step == BatchWalker::Step::kEnd) break;
    if (step == BatchWalker::Step::kFailed) return walker.status();
    const BatchHeader& header = walker.header();
    if (step != BatchWalker::Step::kBatch || header.base_offset < *next_offset ||
        header.last_offset() - base_offset > INT32_MAX) {
      return Status(Code::kCorruptLog, 0, path);
    }
    builder.add(header.last_offset(), header.max_timestamp, walker.position(), header.size(), indexes);
    *next_offset = header.last_offset() + 1;
  }
  builder.finish(indexes);
  *max_timestamp = builder.max_timestamp();
  return Status();
}

}  // namespace odradek
