/**
 * The records of a batch one at a time. Unlike `decodeRecords` nothing is gathered, so that memory is bounded also
 * where a hostile batch announces millions of records or headers.
 */
import {
  addInt64,
  type BatchHeader,
  CorruptBatchError,
  type Int64,
  VarintReader,
} from '../../protocol/index.js'
import { advanceSequence } from '../batch-identity.js'

export interface RecordView {
  readonly offset: Int64
  readonly timestamp: Int64
  /** −1 without a producer's sequence. */
  readonly sequence: number
  /** Views of the batch, null where there is none. */
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly { key: string; value: Uint8Array | null }[]
  /** May be larger than the number of `headers`. */
  readonly headerCount: number
}

/** More are counted, not kept. */
const maxHeaders = 1_000

/** `records` are decompressed. Throws CorruptBatchError at the first record that is none. */
export function* walkRecords(
  header: BatchHeader,
  records: Uint8Array,
): Generator<RecordView, void, undefined> {
  const reader = new VarintReader(records)
  const { baseOffset, baseTimestamp, baseSequence, lastOffsetDelta, recordCount } = header
  const appendTime = header.timestampType === 'LogAppendTime' ? header.maxTimestamp : undefined
  let lastDelta = -1
  for (let i = 0; i < recordCount; i++) {
    const at = reader.position
    const size = reader.varint()
    if (size < 0 || size > reader.left) {
      throw new CorruptBatchError(`record ${i} at ${at} says ${size} bytes, ${reader.left} are left`)
    }
    const end = reader.position + size
    reader.byte()
    const timestamp = addInt64(baseTimestamp, reader.varlong())
    const delta = reader.varint()
    if (delta <= lastDelta || delta > lastOffsetDelta) {
      throw new CorruptBatchError(
        `record ${i} has offset delta ${delta}, after ${lastDelta}, up to ${lastOffsetDelta}`,
      )
    }
    lastDelta = delta
    const key = reader.content()
    const value = reader.content()
    const headerCount = reader.varint()
    if (headerCount < 0) throw new CorruptBatchError(`record ${i} has ${headerCount} headers`)
    const headers: { key: string; value: Uint8Array | null }[] = []
    for (let h = 0; h < headerCount; h++) {
      const name = reader.content()
      if (name === null) throw new CorruptBatchError(`record ${i} has a header without a key`)
      const text = reader.content()
      if (h < maxHeaders) headers.push({ key: Buffer.from(name).toString('utf8'), value: text })
    }
    if (reader.position !== end) throw new CorruptBatchError(`record ${i} has another size than it says`)
    yield {
      offset: addInt64(baseOffset, delta),
      timestamp: appendTime ?? timestamp,
      sequence: baseSequence < 0 ? -1 : advanceSequence(baseSequence, delta),
      key,
      value,
      headers,
      headerCount,
    }
  }
  if (reader.left !== 0) throw new CorruptBatchError(`${reader.left} bytes behind the last record`)
}
