/** Finds records by their timestamps, as ListOffsets asks: the engine finds the batch, its records are read here. */
import { BATCH_HEADER_SIZE, CorruptBatchError, decodeBatch, KafkaError } from '../protocol/index.js'
import { readBatchIdentity } from './batch-identity.js'
import { toKafkaError } from './engine-errors.js'
import type { PartitionLog } from './partition-log.js'

/** More than any batch that `max.message.bytes` lets in is likely to hold; a bomb ends here. */
const maxDecompressedBytes = 1 << 30

export interface OffsetAndTimestamp {
  offset: number
  timestampMs: number
  leaderEpoch: number
}

/** The first record at or after the log start whose timestamp is at least `timestampMs`, below `endOffset`. */
export async function offsetForTimestamp(
  log: PartitionLog,
  timestampMs: number,
  endOffset: number,
): Promise<OffsetAndTimestamp | undefined> {
  let from = log.logStartOffset
  while (from < endOffset) {
    const batchOffset = await log.native.findBatchByTimestamp(timestampMs, from).catch(rethrow)
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
  const { maxTimestampMs, maxTimestampOffset } = best
  const found = await searchBatch(
    log,
    maxTimestampOffset,
    endOffset,
    (record) => record.timestampMs >= maxTimestampMs,
  )
  return found.match
}

async function searchBatch(
  log: PartitionLog,
  offset: number,
  endOffset: number,
  matches: (record: { offset: number; timestampMs: number }) => boolean,
): Promise<{ match?: OffsetAndTimestamp; nextOffset: number }> {
  const bytes = await log.native
    .readBytes(offset, { maxBytes: 1, minOneBatch: true, maxOffset: endOffset })
    .catch(rethrow)
  if (bytes.byteLength < BATCH_HEADER_SIZE) return { nextOffset: endOffset }
  const { leaderEpoch, lastOffset } = readBatchIdentity(bytes)
  const { records } = await decodeBatch(bytes, 0, maxDecompressedBytes).catch(corrupt)
  for (const { offset: found, timestamp } of records) {
    const record = { offset: found, timestampMs: Number(timestamp) }
    if (found < endOffset && matches(record)) {
      return { match: { ...record, leaderEpoch }, nextOffset: lastOffset + 1 }
    }
  }
  return { nextOffset: lastOffset + 1 }
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
