#include "batch_filter.h"

#include <algorithm>
#include <limits>

#include "big_endian.h"
#include "record_batch.h"
#include "record_walk.h"

namespace odradek {
namespace {

Status corrupt() { return Status(Code::kCorruptLog); }
Status unpacked_missing() { return Status(Code::kInvalidArgument); }

// A batch of a chunk with its records unpacked.
struct PlainBatch {
  BatchHeader header;
  const uint8_t* bytes;
  size_t size;
  const uint8_t* records;
  const uint8_t* records_end;
};

// Walks the whole batches of a chunk below its end offset.
class ChunkReader {
 public:
  explicit ChunkReader(const BatchChunk& chunk) : chunk_(chunk) {}

  // Moves on to the next batch; `*done` at the end. The batch's CRC has been checked.
  Status next(PlainBatch* out, bool* done) {
    *done = true;
    const size_t left = chunk_.size - position_;
    if (left < kBatchHeaderSize) return Status();
    const uint8_t* const p = chunk_.data + position_;
    if (!peek_header(p, left, &out->header).ok()) return corrupt();
    if (out->header.base_offset >= chunk_.end_offset) return Status();
    out->size = out->header.size();
    if (out->size > left) return Status();
    if (!crc_matches(p, out->size)) return corrupt();
    out->bytes = p;
    // An empty batch has no records to unpack, whatever its codec.
    if (out->header.compression() == kCompressionNone || out->size == kBatchHeaderSize) {
      out->records = p + kBatchHeaderSize;
      out->records_end = p + out->size;
    } else {
      while (unpacked_ < chunk_.unpacked.size() && chunk_.unpacked[unpacked_].position < position_) unpacked_++;
      if (unpacked_ == chunk_.unpacked.size() || chunk_.unpacked[unpacked_].position != position_) {
        return unpacked_missing();
      }
      out->records = chunk_.unpacked[unpacked_].data;
      out->records_end = out->records + chunk_.unpacked[unpacked_].size;
    }
    *done = false;
    return Status();
  }

  // Counts the batch as consumed.
  void consume(const PlainBatch& batch, ChunkProgress* progress) {
    position_ += batch.size;
    progress->consumed_bytes = position_;
    progress->next_offset = batch.header.last_offset() + 1;
    progress->records_read += std::max(batch.header.record_count, 0);
  }

 private:
  const BatchChunk& chunk_;
  size_t position_ = 0;
  size_t unpacked_ = 0;
};

// Calls `visit(record)` for each record until it returns false; fails where the records do not check out.
template <typename Visit>
Status for_each_record(const PlainBatch& batch, Visit visit) {
  const uint8_t* p = batch.records;
  for (int32_t i = 0; i < batch.header.record_count; i++) {
    RecordView record;
    if (!read_record(p, batch.records_end, &record)) return corrupt();
    if (record.offset_delta < 0 || record.offset_delta > batch.header.last_offset_delta) return corrupt();
    if (!visit(record)) return Status();
  }
  return p == batch.records_end ? Status() : corrupt();
}

size_t key_length(const RecordView& record) { return static_cast<size_t>(record.key_size); }

int64_t timestamp_of(const BatchHeader& header, const RecordView& record) {
  if (header.is_log_append_time()) return header.max_timestamp;
  return static_cast<int64_t>(static_cast<uint64_t>(header.base_timestamp) +
                              static_cast<uint64_t>(record.timestamp_delta));
}

// Filters one batch after another into one output.
class Filter {
 public:
  Filter(const FilterRules& rules, const AbortedTransactions& aborted, FilteredChunk* out)
      : rules_(rules), aborted_(aborted), out_(out) {}

  Status add(const PlainBatch& batch) {
    const BatchHeader& header = batch.header;
    if (header.is_control()) {
      copy(batch);
      out_->records_kept += header.record_count;
      return Status();
    }
    kept_.clear();
    bool tombstone_kept = false;
    const bool aborted = aborted_.hold(header);
    Status walked = for_each_record(batch, [&](const RecordView& record) {
      if (!aborted && keep(header, record)) {
        kept_.push_back(record);
        tombstone_kept |= record.value_size < 0;
      }
      return true;
    });
    if (!walked.ok()) return walked;
    out_->records_kept += static_cast<int64_t>(kept_.size());
    if (kept_.empty()) {
      if (must_stay(header)) write_empty(header);
      return Status();
    }
    const bool set_horizon = tombstone_kept && !header.has_delete_horizon();
    if (kept_.size() == static_cast<size_t>(header.record_count) && !set_horizon) {
      copy(batch);
    } else {
      rewrite(header, set_horizon);
    }
    return Status();
  }

 private:
  bool keep(const BatchHeader& header, const RecordView& record) const {
    const int64_t offset = header.base_offset + record.offset_delta;
    if (offset > rules_.map->latest_offset()) return true;
    if (record.key_size < 0) return false;
    if (offset < rules_.map->get(record.key, key_length(record))) return false;
    return record.value_size >= 0 || !header.has_delete_horizon() || rules_.now_ms < header.base_timestamp;
  }

  bool must_stay(const BatchHeader& header) const {
    if (header.last_offset() + 1 == rules_.round_end_offset) return true;
    if (!header.has_producer_id()) return false;
    const auto producer = rules_.last_offset_of_producer.find(header.producer_id);
    return producer != rules_.last_offset_of_producer.end() && producer->second == header.last_offset();
  }

  void copy(const PlainBatch& batch) { out_->bytes.insert(out_->bytes.end(), batch.bytes, batch.bytes + batch.size); }

  void write_empty(BatchHeader header) {
    header.attributes =
        static_cast<int16_t>(header.attributes & ~(kAttributeCompressionMask | kAttributeDeleteHorizon));
    header.base_timestamp = kNoTimestamp;
    header.record_count = 0;
    const size_t start = out_->bytes.size();
    out_->bytes.resize(start + kBatchHeaderSize);
    seal(header, start);
  }

  void rewrite(BatchHeader header, bool set_horizon) {
    const size_t start = out_->bytes.size();
    size_t bound = kBatchHeaderSize;
    // A new timestamp delta may take up to 9 bytes more, the record's length up to 4.
    for (const RecordView& record : kept_) bound += static_cast<size_t>(record.end - record.begin) + 13;
    out_->bytes.resize(start + bound);
    uint8_t* p = out_->bytes.data() + start + kBatchHeaderSize;

    const int64_t horizon = rules_.now_ms + rules_.delete_retention_ms;
    int64_t max_timestamp = kNoTimestamp;
    for (const RecordView& record : kept_) {
      const int64_t timestamp = timestamp_of(header, record);
      max_timestamp = std::max(max_timestamp, timestamp);
      // A difference that does not fit wraps, and wraps back when it is read.
      const auto delta = static_cast<int64_t>(static_cast<uint64_t>(timestamp) - static_cast<uint64_t>(horizon));
      p = set_horizon ? write_with_delta(p, record, delta) : write_as_is(p, record);
    }
    out_->bytes.resize(static_cast<size_t>(p - out_->bytes.data()));

    if (!header.is_log_append_time()) header.max_timestamp = max_timestamp;
    if (set_horizon) {
      header.attributes = static_cast<int16_t>(header.attributes | kAttributeDeleteHorizon);
      header.base_timestamp = horizon;
    }
    header.record_count = static_cast<int32_t>(kept_.size());
    seal(header, start);
    if (header.compression() != kCompressionNone) {
      out_->pending.push_back({start, out_->bytes.size() - start, header.compression()});
    }
  }

  static uint8_t* write_as_is(uint8_t* p, const RecordView& record) {
    const auto size = static_cast<size_t>(record.end - record.begin);
    std::memcpy(p, record.begin, size);
    return p + size;
  }

  static uint8_t* write_with_delta(uint8_t* p, const RecordView& record, int64_t timestamp_delta) {
    const uint8_t* from = record.begin;
    int32_t size;
    int64_t old_delta;
    // These have been read once, so they are there.
    (void)read_varint(from, record.end, &size);
    const uint8_t attributes = *from++;
    (void)read_varlong(from, record.end, &old_delta);
    const auto rest = static_cast<size_t>(record.end - from);
    p = write_varint(p, static_cast<int64_t>(1 + varint_size(timestamp_delta) + rest));
    *p++ = attributes;
    p = write_varint(p, timestamp_delta);
    std::memcpy(p, from, rest);
    return p + rest;
  }

  void seal(BatchHeader header, size_t start) {
    uint8_t* const p = out_->bytes.data() + start;
    const size_t size = out_->bytes.size() - start;
    header.batch_length = static_cast<int32_t>(size - kBatchLengthOverhead);
    write_header(p, header);
    seal_crc(p, size);
  }

  const FilterRules& rules_;
  const AbortedTransactions& aborted_;
  FilteredChunk* out_;
  std::vector<RecordView> kept_;  // of the batch at hand; a member to keep its memory
};

}  // namespace

bool AbortedTransactions::hold(const BatchHeader& header) const {
  if (ranges_.empty() || !header.is_transactional() || header.is_control()) return false;
  const auto producer = ranges_.find(header.producer_id);
  if (producer == ranges_.end()) return false;
  return std::any_of(producer->second.begin(), producer->second.end(), [&](const auto& range) {
    return range.first <= header.base_offset && header.base_offset < range.second;
  });
}

Status index_chunk(const BatchChunk& chunk, int64_t from_offset, OffsetMap* map, IndexedChunk* out) {
  ChunkReader reader(chunk);
  for (;;) {
    PlainBatch batch;
    bool done;
    Status read = reader.next(&batch, &done);
    if (!read.ok() || done) return read;
    if (batch.header.last_offset() >= from_offset) {
      if (!batch.header.is_control() && !chunk.aborted.hold(batch.header)) {
        Status walked = for_each_record(batch, [&](const RecordView& record) {
          const int64_t offset = batch.header.base_offset + record.offset_delta;
          if (record.key_size < 0 || offset < from_offset) return true;
          out->full = !map->put(record.key, key_length(record), offset);
          return !out->full;
        });
        if (!walked.ok()) return walked;
        if (out->full) return Status();
      }
      map->raise_latest_offset(batch.header.last_offset());
    }
    reader.consume(batch, out);
  }
}

Status filter_chunk(const BatchChunk& chunk, const FilterRules& rules, FilteredChunk* out) {
  ChunkReader reader(chunk);
  Filter filter(rules, chunk.aborted, out);
  out->bytes.reserve(chunk.size);
  for (;;) {
    PlainBatch batch;
    bool done;
    Status read = reader.next(&batch, &done);
    if (!read.ok() || done) return read;
    Status added = filter.add(batch);
    if (!added.ok()) return added;
    reader.consume(batch, out);
  }
}

Status finish_pending(const uint8_t* data, size_t size, const std::vector<PendingBatch>& pending,
                      const std::vector<CompressedRecords>& compressed, std::vector<uint8_t>* out) {
  if (pending.size() != compressed.size()) return Status(Code::kInvalidArgument);
  out->clear();
  out->reserve(size);
  size_t done = 0;
  for (size_t i = 0; i < pending.size(); i++) {
    const PendingBatch& batch = pending[i];
    if (batch.position < done || batch.size < kBatchHeaderSize || batch.position > size ||
        batch.size > size - batch.position ||
        compressed[i].size > static_cast<size_t>(std::numeric_limits<int32_t>::max()) - kBatchHeaderSize) {
      return Status(Code::kInvalidArgument);
    }
    out->insert(out->end(), data + done, data + batch.position);
    const size_t start = out->size();
    out->insert(out->end(), data + batch.position, data + batch.position + kBatchHeaderSize);
    out->insert(out->end(), compressed[i].data, compressed[i].data + compressed[i].size);
    uint8_t* const p = out->data() + start;
    const size_t length = out->size() - start;
    store_be<int32_t>(p + batch_layout::kBatchLength, static_cast<int32_t>(length - kBatchLengthOverhead));
    seal_crc(p, length);
    done = batch.position + batch.size;
  }
  out->insert(out->end(), data + done, data + size);
  return Status();
}

}  // namespace odradek
