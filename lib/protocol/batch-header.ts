/** The header of a record batch, read in place. */
import { BATCH_HEADER_SIZE, BATCH_OVERHEAD, BatchAttribute, BatchField } from './batch-layout.js'
import { type CompressionName, compressionNames } from './compression.js'
import { CorruptBatchError } from './corrupt-batch-error.js'
import { crc32c } from './crc32c.js'
import { type Int64, readInt64 } from './int64.js'

export class BatchHeader {
  readonly bytes: Uint8Array
  /** Where the batch starts in `bytes`. */
  readonly start: number

  /** A whole header must stand at `start`; `batchFit` and `readBatchHeader` tell. */
  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = bytes
    this.start = start
  }

  get baseOffset(): Int64 {
    return readInt64(this.bytes, this.start + BatchField.BASE_OFFSET)
  }
  get batchLength(): number {
    return this.#int32(BatchField.BATCH_LENGTH)
  }
  get partitionLeaderEpoch(): number {
    return this.#int32(BatchField.PARTITION_LEADER_EPOCH)
  }
  get magic(): number {
    return (this.bytes[this.start + BatchField.MAGIC]! << 24) >> 24
  }
  get crc(): number {
    return this.#int32(BatchField.CRC) >>> 0
  }
  get attributes(): number {
    return this.#int16(BatchField.ATTRIBUTES)
  }
  get lastOffsetDelta(): number {
    return this.#int32(BatchField.LAST_OFFSET_DELTA)
  }
  get baseTimestamp(): Int64 {
    return readInt64(this.bytes, this.start + BatchField.BASE_TIMESTAMP)
  }
  get maxTimestamp(): Int64 {
    return readInt64(this.bytes, this.start + BatchField.MAX_TIMESTAMP)
  }
  get producerId(): Int64 {
    return readInt64(this.bytes, this.start + BatchField.PRODUCER_ID)
  }
  get producerEpoch(): number {
    return this.#int16(BatchField.PRODUCER_EPOCH)
  }
  get baseSequence(): number {
    return this.#int32(BatchField.BASE_SEQUENCE)
  }
  get recordCount(): number {
    return this.#int32(BatchField.RECORD_COUNT)
  }

  /** The whole batch, header included. */
  get sizeInBytes(): number {
    return BATCH_OVERHEAD + this.batchLength
  }
  /** 5 to 7 mean nothing. */
  get compressionId(): number {
    return this.attributes & BatchAttribute.COMPRESSION_MASK
  }
  get compressionName(): CompressionName | undefined {
    return compressionNames[this.compressionId]
  }
  /** Throws CorruptBatchError for an id that means nothing. */
  get compression(): CompressionName {
    const name = this.compressionName
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
    return crc32c(this.bytes, this.start + BatchField.ATTRIBUTES, this.start + this.sizeInBytes) === this.crc
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

function view(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}
