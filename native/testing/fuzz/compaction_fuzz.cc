// Chunks of a log of any bytes are indexed and filtered: what comes out are whole batches, no more than went in.
#include "batch_filter.h"
#include "fuzz.h"

namespace odradek::fuzz {

int fuzz_one(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t flags = input.byte();
  BatchChunk chunk{};
  chunk.end_offset = (flags & 2) != 0 ? static_cast<int64_t>(input.number(2)) : INT64_MAX;
  const std::vector<uint8_t> unpacked = (flags & 4) != 0 ? input.take(input.byte()) : std::vector<uint8_t>();
  FilterRules rules{};
  rules.now_ms = 1'000'000;
  rules.delete_retention_ms = (flags & 8) != 0 ? 0 : 1'000;
  rules.round_end_offset = static_cast<int64_t>(input.number(1));
  std::vector<uint8_t> bytes = input.rest();
  if ((flags & 1) != 0) mend_batches(bytes);
  chunk.data = bytes.data();
  chunk.size = bytes.size();
  // The same records for each compressed batch.
  for (size_t at = 0; at < bytes.size();) {
    BatchHeader header;
    if (!peek_header(bytes.data() + at, bytes.size() - at, &header).ok() || header.size() > bytes.size() - at) break;
    if (header.compression() != kCompressionNone && (flags & 4) != 0) {
      chunk.unpacked.push_back({at, unpacked.data(), unpacked.size()});
    }
    if (header.has_producer_id()) rules.last_offset_of_producer[header.producer_id] = header.last_offset();
    at += header.size();
  }

  OffsetMap map((flags & 16) != 0 ? 0 : 1000 * OffsetMap::kEntrySize, 0.9);
  IndexedChunk indexed;
  const Status status = index_chunk(chunk, 0, &map, &indexed);
  if (status.ok()) ODRADEK_FUZZ_REQUIRE(indexed.consumed_bytes <= chunk.size && indexed.records_read >= 0);

  rules.map = &map;
  FilteredChunk filtered;
  if (!filter_chunk(chunk, rules, &filtered).ok()) return 0;
  ODRADEK_FUZZ_REQUIRE(filtered.consumed_bytes <= chunk.size);
  ODRADEK_FUZZ_REQUIRE(filtered.records_kept <= filtered.records_read);
  std::vector<CompressedRecords> compressed;
  for (const PendingBatch& pending : filtered.pending) {
    ODRADEK_FUZZ_REQUIRE(pending.size >= kBatchHeaderSize && pending.position <= filtered.bytes.size() &&
                         pending.size <= filtered.bytes.size() - pending.position);
    compressed.push_back({unpacked.data(), unpacked.size() / 2});
  }
  std::vector<uint8_t> out;
  if (!finish_pending(filtered.bytes.data(), filtered.bytes.size(), filtered.pending, compressed, &out).ok()) return 0;
  for (size_t at = 0; at < out.size();) {
    BatchHeader header;
    ODRADEK_FUZZ_REQUIRE(peek_header(out.data() + at, out.size() - at, &header).ok());
    ODRADEK_FUZZ_REQUIRE(header.size() <= out.size() - at);
    ODRADEK_FUZZ_REQUIRE(crc_matches(out.data() + at, header.size()));
    at += header.size();
  }
  return 0;
}

}  // namespace odradek::fuzz
