// Compaction of record batches: which keys a chunk of a log holds, and what is left of a chunk once only the last
// record of each key is kept. Pure functions on bytes; safe on whatever a disk returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "offset_map.h"
#include "record_batch.h"
#include "status.h"

namespace odradek {

// The records of a compressed batch, unpacked by the caller.
struct UnpackedRecords {
  size_t position;  // of the batch in the chunk
  const uint8_t* data;
  size_t size;
};

// Transactions that were aborted: what they wrote does not count.
class AbortedTransactions {
 public:
  // From the first batch to the marker, whose offset is `last_offset`.
  void add(int64_t producer_id, int64_t first_offset, int64_t last_offset) {
    ranges_[producer_id].emplace_back(first_offset, last_offset);
  }

  // True for a batch of records of one of them. A producer has one transaction at a time, so that its offsets tell.
  bool hold(const BatchHeader& header) const;

 private:
  std::unordered_map<int64_t, std::vector<std::pair<int64_t, int64_t>>> ranges_;
};

// Consecutive batches of a log; the last one may be cut off.
struct BatchChunk {
  const uint8_t* data;
  size_t size;
  // One for each whole compressed batch, by rising position.
  std::vector<UnpackedRecords> unpacked;
  // Batches from this offset on are left alone.
  int64_t end_offset;
  // Those that reach into the chunk, at least.
  AbortedTransactions aborted = {};
};

// What a pass over a chunk came to.
struct ChunkProgress {
  size_t consumed_bytes = 0;  // whole batches
  int64_t next_offset = -1;   // after the last batch consumed; -1 when none was
  int64_t records_read = 0;
};

struct IndexedChunk : ChunkProgress {
  // The map has no room: it knows the log up to its latest_offset() only.
  bool full = false;
};

// Puts the last offset of every key from `from_offset` on into the map, but for keys of aborted transactions.
// REQUIRES: every transaction in the chunk has ended. CORRUPT_LOG when a batch does not check out,
// INVALID_ARGUMENT when the unpacked records of a compressed batch are missing.
Status index_chunk(const BatchChunk& chunk, int64_t from_offset, OffsetMap* map, IndexedChunk* out);

struct FilterRules {
  const OffsetMap* map;
  int64_t now_ms;
  // How long a tombstone stays after the first cleaning that met it (delete.retention.ms).
  int64_t delete_retention_ms;
  // End of the cleaning round: the batch that ends here is kept, empty if need be, so that the offset is not lost.
  int64_t round_end_offset;
  // The offset of each active producer's last record. The batch that ends there holds the producer's last sequence
  // and is kept, empty if need be.
  std::unordered_map<int64_t, int64_t> last_offset_of_producer;
};

// A batch in the output whose records have yet to be compressed: its header is complete but for length and CRC.
struct PendingBatch {
  size_t position;
  size_t size;
  int compression;
};

struct FilteredChunk : ChunkProgress {
  std::vector<uint8_t> bytes;
  std::vector<PendingBatch> pending;
  int64_t records_kept = 0;
};

// What is left of the chunk. Kept records have their offset, timestamp, key, value and headers unchanged; batches
// keep their base and last offset, producer fields and sequence, and become shorter. A batch that keeps all is copied
// as it is. The first cleaning that meets a tombstone writes the time of its end into the batch (KIP-534: the
// base timestamp becomes the delete horizon).
// Records of aborted transactions go. Deviation from Kafka: control batches are always kept.
Status filter_chunk(const BatchChunk& chunk, const FilterRules& rules, FilteredChunk* out);

// Puts the compressed records in the place of the plain ones (one for each of `pending`, in order) and writes lengths
// and CRCs. INVALID_ARGUMENT when a batch grows past the largest length.
struct CompressedRecords {
  const uint8_t* data;
  size_t size;
};
Status finish_pending(const uint8_t* data, size_t size, const std::vector<PendingBatch>& pending,
                      const std::vector<CompressedRecords>& compressed, std::vector<uint8_t>* out);

}  // namespace odradek
