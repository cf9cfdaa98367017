#include "log_model.h"

#include <algorithm>

#include "record_batch.h"
#include "seeded_random.h"

namespace odradek::test {
namespace {

std::string at(const char* what, int64_t a, int64_t b) {
  return std::string(what) + " " + std::to_string(a) + ", " + std::to_string(b);
}

}  // namespace

void LogModel::add(std::vector<uint8_t> batch, int32_t leader_epoch) {
  assign(batch.data(), end, leader_epoch);
  BatchHeader header;
  peek_header(batch.data(), batch.size(), &header).ignore();
  batches.push_back({end, header.last_offset(), header.max_timestamp, std::move(batch), false});
  end = batches.back().last + 1;
}

void LogModel::cut(int64_t offset) {
  std::erase_if(batches, [&](const ModelBatch& batch) { return batch.last >= offset; });
  end = std::min(end, offset);
  appended = std::min(appended, end);
  durable = std::min(durable, end);
}

void LogModel::start_anew(int64_t offset) {
  batches.clear();
  end = appended = durable = first_low = first_high = offset;
  reset_to = -1;
}

// All whole batches, read as a consumer reads; each must be untorn.
std::string LogModel::read_all(Log& log, std::vector<ModelBatch>* found) const {
  const int64_t end_offset = log.log_end_offset();
  for (int64_t offset = log.first_segment_offset(); offset < end_offset;) {
    ReadAnswer answer;
    const Status status = log.read({offset, 1 << 20, true, INT64_MAX}, true, &answer);
    if (!status.ok()) return "read of " + std::to_string(offset) + ": " + status.name();
    if (!answer.range.file) break;
    std::vector<uint8_t> bytes(answer.range.length);
    size_t read = 0;
    if (!answer.range.file->pread(bytes.data(), bytes.size(), answer.range.position, &read).ok()) return "cannot read";
    if (read != bytes.size()) return at("a range reaches past its file:", offset, static_cast<int64_t>(read));
    for (size_t position = 0; position < read;) {
      BatchHeader header;
      if (!peek_header(bytes.data() + position, read - position, &header).ok()) return at("no batch after", offset, 0);
      if (header.size() > read - position) return at("torn batch", header.base_offset, header.last_offset());
      const uint8_t* begin = bytes.data() + position;
      if (!crc_matches(begin, header.size())) return at("wrong CRC of", header.base_offset, header.last_offset());
      if (header.last_offset() < offset) return at("out of order:", header.base_offset, offset);
      found->push_back({header.base_offset, header.last_offset(), header.max_timestamp,
                        std::vector<uint8_t>(begin, begin + header.size()), false});
      records_checked_ += static_cast<uint64_t>(header.record_count);
      offset = header.last_offset() + 1;
      position += header.size();
    }
  }
  return "";
}

std::string LogModel::recovered(Log& log, const Expectation& expectation) {
  const int64_t end_offset = log.log_end_offset();
  const int64_t first = log.first_segment_offset();
  if (log.flushed_offset() != end_offset) return at("flushed and log end differ:", log.flushed_offset(), end_offset);
  std::vector<ModelBatch> found;
  if (std::string wrong = read_all(log, &found); !wrong.empty()) return wrong;

  const bool started_anew = found.empty() && first == end_offset;
  if (started_anew && reset_to >= 0 && (end_offset == reset_to || end_offset == expectation.log_start)) {
    start_anew(end_offset);
    return "";
  }
  if (started_anew && end_offset == expectation.log_start && expectation.kept <= end_offset) {
    start_anew(end_offset);
    return "";
  }
  if (first < first_low) return at("deleted segments are there:", first, first_low);
  if (first > first_high) return at("the first segments are missing:", first, first_high);

  std::vector<ModelBatch> expected;
  for (ModelBatch& batch : batches) {
    if (batch.base >= first) expected.push_back(std::move(batch));
  }
  size_t next = 0;
  size_t i = 0;
  for (; i < expected.size() && next <= found.size(); i++) {
    const ModelBatch& batch = expected[i];
    if (next < found.size() && found[next].base == batch.base) {
      if (found[next].bytes != batch.bytes) return at("other bytes at", batch.base, batch.last);
      next++;
    } else if ((batch.may_be_compacted || batch.base < first_high) && batch.last < end_offset) {
      // Compacted or deleted as it was asked for.
    } else {
      break;
    }
  }
  if (next < found.size()) {
    const int64_t due = i < expected.size() ? expected[i].base : end;
    return at("not what was appended: base offsets found and due:", found[next].base, due);
  }
  for (; i < expected.size(); i++) {
    const ModelBatch& batch = expected[i];
    if (batch.last < expectation.kept) return at("lost: batch and log end", batch.base, end_offset);
    if (batch.base < end_offset) return at("a hole: batch and log end", batch.base, end_offset);
  }
  if (end_offset > end) return at("the log ends past what was appended:", end_offset, end);
  batches = std::move(found);
  end = appended = durable = end_offset;
  first_low = first_high = first;
  reset_to = -1;
  return "";
}

std::string LogModel::compare(Log& log, uint64_t seed) const {
  std::vector<ModelBatch> found;
  if (std::string wrong = read_all(log, &found); !wrong.empty()) return wrong;
  const int64_t first = log.first_segment_offset();
  std::vector<const ModelBatch*> here;
  for (const ModelBatch& batch : batches) {
    if (batch.base >= first && batch.last < log.log_end_offset()) here.push_back(&batch);
  }
  if (here.size() != found.size()) {
    return at("batches found and due:", static_cast<int64_t>(found.size()), static_cast<int64_t>(here.size()));
  }
  for (size_t i = 0; i < here.size(); i++) {
    if (found[i].bytes != here[i]->bytes) return at("other bytes at", found[i].base, here[i]->base);
  }
  for (const SegmentSummary& segment : log.segments()) {
    MaxTimestamp max;
    int64_t next_base = log.log_end_offset();
    for (const SegmentSummary& other : log.segments()) {
      if (other.base_offset > segment.base_offset) next_base = std::min(next_base, other.base_offset);
    }
    for (const ModelBatch* batch : here) {
      if (batch->base < segment.base_offset || batch->base >= next_base) continue;
      if (batch->timestamp > max.timestamp) max = {batch->timestamp, batch->last};
    }
    if (segment.max_timestamp.timestamp != max.timestamp || segment.max_timestamp.offset != max.offset) {
      return at("largest timestamp of segment", segment.base_offset, segment.max_timestamp.timestamp) +
             at(" at, due:", segment.max_timestamp.offset, max.timestamp) + at(" at", max.offset, 0);
    }
  }
  if (here.empty()) return "";
  SeededRandom random(seed);
  for (int probe = 0; probe < 6; probe++) {
    const ModelBatch& some = *here[random.below(here.size())];
    ReadAnswer answer;
    const int64_t offset = random.between(some.base, some.last);
    const Status status = log.read({offset, 1, true, INT64_MAX}, true, &answer);
    if (!status.ok() || answer.first_batch_offset != some.base) {
      return at("look-up of an offset finds", answer.first_batch_offset, some.base);
    }
    const int64_t timestamp = some.timestamp + random.between(-3, 3);
    const int64_t from = random.chance(0.5) ? first : here[random.below(here.size())]->base;
    int64_t due = -1;
    for (const ModelBatch* batch : here) {
      if (batch->timestamp < timestamp || batch->last < from) continue;
      due = batch->base;
      break;
    }
    int64_t base = -1;
    if (!log.find_by_timestamp(timestamp, from, &base).ok() || base != due) {
      return at("look-up of a timestamp finds", base, due);
    }
  }
  return "";
}

}  // namespace odradek::test
