/**
 * The header of a record batch of magic 2, read in place.
 *
 *    0 baseOffset int64         | 8 batchLength int32, counted from 12 | 12 partitionLeaderEpoch int32
 *   16 magic int8               | 17 crc uint32 of all from 21 on      | 21 attributes int16
 *   23 lastOffsetDelta int32    | 27 baseTimestamp int64               | 35 maxTimestamp int64
 *   43 producerId int64         | 51 producerEpoch int16               | 53 baseSequence int32
 *   57 recordCount int32        | 61 records
 *
 *   attributes: bits 0–2 compression | 3 LogAppendTime | 4 transactional | 5 control | 6 baseTimestamp is the
 *   delete horizon
 */
import { type CompressionName, compressionNames } from './compression.js'
import { CorruptBatchError } from './corrupt-batch-error.js'
import { crc32c } from './crc32c.js'
import { type Int64, readInt64 } from './int64.js'

export const BATCH_HEADER_SIZE = 61
/** Bytes in front of what batchLength counts. */
export const BATCH_OVERHEAD = 12

export const BatchAttribute = {
  COMPRESSION_MASK: 0x07,
  LOG_APPEND_TIME: 0x08,
  TRANSACTIONAL: 0x10,
  CONTROL: 0x20,
  DELETE_HORIZON: 0x40,
} as const

export class BatchHeader {
  readonly bytes: Uint8Array
  /** Where the batch starts in `bytes`. */
  readonly start: number

  /** REQUIRES: at least 61 bytes from `start` on. `readBatchHeader` checks it. */
  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = bytes
    this.start = start
  }

  get baseOffset(): Int64 {
    return readInt64(this.bytes, this.start)
  }
  get batchLength(): number {
    return this.#int32(8)
  }
  get partitionLeaderEpoch(): number {
    return this.#int32(12)
  }
  get magic(): number {
    return (this.bytes[this.start + 16]! << 24) >> 24
  }
  get crc(): number {
    return this.#int32(17) >>> 0
  }
  get attributes(): number {
    return this.#int16(21)
  }
  get lastOffsetDelta(): number {
    return this.#int32(23)
  }
  get baseTimestamp(): Int64 {
    return readInt64(this.bytes, this.start + 27)
  }
  get maxTimestamp(): Int64 {
    return readInt64(this.bytes, this.start + 35)
  }
  get producerId(): Int64 {
    return readInt64(this.bytes, this.start + 43)
  }
  get producerEpoch(): number {
    return this.#int16(51)
  }
  get baseSequence(): number {
    return this.#int32(53)
  }
  get recordCount(): number {
    return this.#int32(57)
  }

  /** The whole batch, header included. */
  get sizeInBytes(): number {
    return BATCH_OVERHEAD + this.batchLength
  }
  /** The compression's id; 5 to 7 mean nothing. */
  get compressionId(): number {
    return this.attributes & BatchAttribute.COMPRESSION_MASK
  }
  get compression(): CompressionName {
    const name = compressionNames[this.compressionId]
    if (name === undefined) throw new CorruptBatchError(`unknown compression ${this.compressionId}`)
    return name
  }
  get timestampType(): 'CreateTime' | 'LogAppendTime' {
    return this.attributes & BatchAttribute.LOG_APPEND_TIME ? 'LogAppendTime' : 'CreateTime'
  }
  get isTransactional(): boolean {
    return (this.attributes & BatchAttribute.TRANSACTIONAL) !== 0
  }
  get isControl(): boolean {
    return (this.attributes & BatchAttribute.CONTROL) !== 0
  }
  get hasDeleteHorizon(): boolean {
    return (this.attributes & BatchAttribute.DELETE_HORIZON) !== 0
  }

  /** A view of the records, compressed as they are. */
  get records(): Uint8Array {
    return view(this.bytes, this.start + BATCH_HEADER_SIZE, this.sizeInBytes - BATCH_HEADER_SIZE)
  }
  /** A view of the whole batch. */
  get batch(): Uint8Array {
    return view(this.bytes, this.start, this.sizeInBytes)
  }

  hasValidCrc(): boolean {
    return crc32c(this.bytes, this.start + 21, this.start + this.sizeInBytes) === this.crc
  }

  #int16(offset: number): number {
    const at = this.start + offset
    return ((this.bytes[at]! << 24) | (this.bytes[at + 1]! << 16)) >> 16
  }

  #int32(offset: number): number {
    const { bytes } = this
    const at = this.start + offset
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }
}

/** The batch at `start`, which must be whole, of magic 2 and of a length that holds its header; the CRC is not checked. */
export function readBatchHeader(bytes: Uint8Array, start = 0): BatchHeader {
  const left = bytes.length - start
  if (left < BATCH_HEADER_SIZE) throw new CorruptBatchError(`a batch header in ${left} bytes`)
  const header = new BatchHeader(bytes, start)
  if (header.magic !== 2) throw new CorruptBatchError(`magic ${header.magic}, not 2`)
  const size = header.sizeInBytes
  if (size < BATCH_HEADER_SIZE) throw new CorruptBatchError(`a batch of ${size} bytes`)
  if (size > left) throw new CorruptBatchError(`a batch of ${size} bytes, of which ${left} are there`)
  return header
}

/** The whole batches in `bytes`. The end may cut one, as a fetch response's does: it is left out. */
export function* readBatches(bytes: Uint8Array): Generator<BatchHeader, void, undefined> {
  for (let start = 0; bytes.length - start >= BATCH_HEADER_SIZE; ) {
    const header = new BatchHeader(bytes, start)
    const size = header.sizeInBytes
    if (size > bytes.length - start && header.magic === 2) return
    yield readBatchHeader(bytes, start)
    start += size
  }
}

function view(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}
