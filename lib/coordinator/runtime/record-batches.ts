/** Record batches of `__consumer_offsets`: written from group records, read back into what they say. */
import {
  type BatchHeader,
  type CompressionName,
  compressionNames,
  controlTypeOf,
  decodeBatch,
  encodeCompressedBatch,
  type Int64,
  type LogRecord,
  readBatches,
} from '../../protocol/index.js'
import { decodeGroupRecord, type GroupRecord, type GroupRecordContent } from '../group/group-records.js'

/** What a batch may grow to when it is decompressed, far above what any setting lets a batch hold. */
const MAX_DECOMPRESSED_BYTES = 512 * 1024 * 1024

export function encodeGroupBatch(
  records: readonly GroupRecord[],
  timestamp: number,
  compression: CompressionName,
): Promise<Uint8Array> {
  const batch = { records: records.map(({ key, value }) => ({ timestamp, key, value })) }
  return encodeCompressedBatch(batch, compression)
}

/** The compression with an id of Kafka's. */
export function compressionOf(id: number): CompressionName {
  const name = compressionNames[id]
  if (name === undefined)
    throw new RangeError(`offsets.topic.compression.codec: no compression has the id ${id}`)
  return name
}

export interface GroupBatch {
  readonly baseOffset: Int64
  readonly producerId: Int64
  readonly producerEpoch: number
  readonly isTransactional: boolean
  /** Set where the batch ends a producer's transaction, and holds nothing else. */
  readonly endOfTransaction: 'COMMIT' | 'ABORT' | null
  readonly contents: readonly GroupRecordContent[]
}

/** The batches in `run`, which must be whole. `onUnreadable` is told of records that are skipped. */
export async function* readGroupBatches(
  run: Uint8Array,
  onUnreadable: OnUnreadable,
): AsyncGenerator<GroupBatch> {
  for (const header of readBatches(run, 'strict')) {
    const { baseOffset, producerId, producerEpoch, isTransactional, isControl } = header
    const records = await recordsOf(header, onUnreadable)
    const [first] = records
    yield {
      baseOffset,
      producerId,
      producerEpoch,
      isTransactional,
      endOfTransaction: isControl && first?.key ? controlTypeOf(first.key) : null,
      contents: isControl ? [] : contentsOf(records, onUnreadable),
    }
  }
}

type OnUnreadable = (offset: Int64, error: unknown) => void

/**
 * A batch, or a record, that makes no sense must not keep all groups of its partition from being served. One whose bytes
 * are not what was written must: what it said may be missed.
 */
async function recordsOf(header: BatchHeader, onUnreadable: OnUnreadable): Promise<LogRecord[]> {
  try {
    return (await decodeBatch(header.bytes, header.start, MAX_DECOMPRESSED_BYTES)).records
  } catch (error) {
    if (!header.hasValidCrc()) throw error
    onUnreadable(header.baseOffset, error)
    return []
  }
}

function contentsOf(records: readonly LogRecord[], onUnreadable: OnUnreadable): GroupRecordContent[] {
  const contents: GroupRecordContent[] = []
  for (const { offset, key, value } of records) {
    try {
      const content = key === null ? null : decodeGroupRecord(key, value)
      if (content !== null) contents.push(content)
    } catch (error) {
      onUnreadable(offset, error)
    }
  }
  return contents
}
