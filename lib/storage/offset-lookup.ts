/** Finds records by their timestamps, as ListOffsets asks: the engine finds the batch, its records are read here. */
import {
  BATCH_HEADER_SIZE,
  CorruptBatchError,
  decodeBatch,
  type Int64,
  KafkaError,
} from '../protocol/index.js'
import { readBatchIdentity } from './batch-identity.js'
import { toKafkaError } from './engine-errors.js'
import type { PartitionLog } from './partition-log.js'

/** More than any batch that `max.message.bytes` lets in is likely to hold; a bomb ends here. */
const maxDecompressedBytes = 1 << 30
/** How far a number lies from a 64-bit integer beyond it at most. */
const inexactness = 1024

export interface OffsetAndTimestamp {
  offset: number
  timestampMs: Int64
  leaderEpoch: number
}

/** The first record at or after the log start whose timestamp is at least `timestampMs`, below `endOffset`. */
export async function offsetForTimestamp(
  log: PartitionLog,
  timestampMs: Int64,
  endOffset: number,
): Promise<OffsetAndTimestamp | undefined> {
  const searchedMs = inEngine(timestampMs)
  let from = log.logStartOffset
  while (from < endOffset) {
    const batchOffset = await log.native.findBatchByTimestamp(searchedMs, from).catch(rethrow)
    if (batchOffset < 0 || batchOffset >= endOffset) return undefined
    const found = await searchBatch(
      log,
      batchOffset,
      endOffset,
      (record) => record.timestampMs >= timestampMs && record.offset >= log.logStartOffset,
    )
    if (found.match) return found.match
    from = found.nextOffset
  }
  return undefined
}

/** The first record that has the largest timestamp of the log (KIP-734). */
export async function offsetOfMaxTimestamp(
  log: PartitionLog,
  endOffset: number,
): Promise<OffsetAndTimestamp | undefined> {
  let best: { maxTimestampMs: number; maxTimestampOffset: number } | undefined
  for (const segment of log.native.segments()) {
    if (segment.maxTimestampOffset < log.logStartOffset || segment.maxTimestampOffset >= endOffset) continue
    if (!best || segment.maxTimestampMs > best.maxTimestampMs) best = segment
  }
  if (!best) return undefined
  const found = await searchBatch(
    log,
    best.maxTimestampOffset,
    endOffset,
    (record, largestMs) => record.timestampMs >= largestMs,
  )
  return found.match
}

async function searchBatch(
  log: PartitionLog,
  offset: number,
  endOffset: number,
  matches: (record: { offset: number; timestampMs: Int64 }, largestMs: Int64) => boolean,
): Promise<{ match?: OffsetAndTimestamp; nextOffset: number }> {
  const bytes = await log.native
    .readBytes(offset, { maxBytes: 1, minOneBatch: true, maxOffset: endOffset })
    .catch(rethrow)
  if (bytes.byteLength < BATCH_HEADER_SIZE) return { nextOffset: endOffset }
  const { leaderEpoch, lastOffset } = readBatchIdentity(bytes)
  const { header, records } = await decodeBatch(bytes, 0, maxDecompressedBytes).catch(corrupt)
  for (const { offset: found, timestamp } of records) {
    const record = { offset: found, timestampMs: timestamp }
    if (found < endOffset && matches(record, header.maxTimestamp)) {
      return { match: { ...record, leaderEpoch }, nextOffset: lastOffset + 1 }
    }
  }
  return { nextOffset: lastOffset + 1 }
}

/** The engine takes numbers: where those are not exact it looks from a little before, and the records decide. */
function inEngine(timestampMs: Int64): number {
  return typeof timestampMs === 'number' ? timestampMs : Number(timestampMs) - inexactness
}

function rethrow(error: unknown): never {
  throw toKafkaError(error)
}

function corrupt(error: unknown): never {
  if (!(error instanceof CorruptBatchError)) throw error
  throw new KafkaError('KAFKA_STORAGE_ERROR', `A stored batch does not check out: ${error.message}`, {
    cause: error,
  })
}
