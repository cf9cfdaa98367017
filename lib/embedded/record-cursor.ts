/**
 * The records of a run of whole batches, one after the other, without a copy: keys and values are views. Control
 * batches and those of aborted transactions are passed over. The CRCs have been checked.
 */
import {
  BATCH_HEADER_SIZE,
  BatchAttribute,
  type BatchHeader,
  readBatchHeader,
  toSafeInteger,
} from '../protocol/index.js'
import { LogError } from './log-error.js'
import type { LogRecord, LogRecordHeader } from './log-record.js'

/** Decompressed records of the batch at `position`. */
export interface UnpackedRecords {
  readonly position: number
  readonly records: Uint8Array
}

const never = () => false
const noHeaders: readonly LogRecordHeader[] = Object.freeze([])

export class RecordCursor {
  readonly #bytes: Uint8Array
  readonly #unpacked: readonly UnpackedRecords[]
  readonly #path: string
  readonly #isAborted: (header: BatchHeader) => boolean
  #nextBatch = 0
  #nextUnpacked = 0
  /** Of the batch that is being read. */
  #records: Buffer = Buffer.alloc(0)
  #at = 0
  #left = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #appendTime: number | undefined

  /** `path` is the log's, for errors. */
  constructor(
    bytes: Uint8Array,
    unpacked: readonly UnpackedRecords[],
    path: string,
    isAborted: (header: BatchHeader) => boolean = never,
  ) {
    this.#isAborted = isAborted
    this.#bytes = bytes
    this.#unpacked = unpacked
    this.#path = path
  }

  /** Undefined behind the last. Throws CORRUPT where a record's structure does not check out. */
  next(): LogRecord | undefined {
    while (this.#left === 0) if (!this.#enterBatch()) return undefined
    this.#left--
    const size = this.#varint()
    const end = this.#at + size
    if (size < 0 || end > this.#records.length) throw this.#corrupt()
    this.#at++
    const timestamp = this.#baseTimestamp + this.#varint()
    const offset = this.#baseOffset + this.#varint()
    const key = this.#content(end)
    const value = this.#content(end)
    const count = this.#varint()
    const headers = count === 0 ? noHeaders : this.#headers(count, end)
    if (this.#at !== end) throw this.#corrupt()
    return { offset, timestamp: this.#appendTime ?? timestamp, key, value, headers }
  }

  #enterBatch(): boolean {
    while (this.#nextBatch < this.#bytes.length) {
      const position = this.#nextBatch
      const header = readBatchHeader(this.#bytes, position)
      this.#nextBatch += header.sizeInBytes
      const isCompressed = header.compressionId !== 0
      const records = isCompressed
        ? this.#unpacked[this.#nextUnpacked]
        : { position, records: header.records }
      const isEmpty = header.sizeInBytes === BATCH_HEADER_SIZE
      if (isCompressed && !isEmpty) {
        this.#nextUnpacked++
        if (records?.position !== position) throw this.#corrupt()
      }
      if (header.isControl || header.recordCount <= 0 || isEmpty || this.#isAborted(header)) continue
      const { buffer, byteOffset, byteLength } = records!.records
      this.#records = Buffer.from(buffer, byteOffset, byteLength)
      this.#at = 0
      this.#left = header.recordCount
      this.#baseOffset = toSafeInteger(header.baseOffset, 'baseOffset')
      this.#baseTimestamp = Number(header.baseTimestamp)
      const isAppendTime = (header.attributes & BatchAttribute.LOG_APPEND_TIME) !== 0
      this.#appendTime = isAppendTime ? Number(header.maxTimestamp) : undefined
      return true
    }
    return false
  }

  /** Behind the end, bytes read as undefined, which ends the loop; `next` then finds the record too long. */
  #varint(): number {
    const bytes = this.#records
    let byte = bytes[this.#at++]!
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let zigzag = byte & 0x7f
    let scale = 128
    do {
      byte = bytes[this.#at++]!
      zigzag += (byte & 0x7f) * scale
      scale *= 128
    } while (byte >= 128)
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }

  #content(end: number): Buffer | null {
    const length = this.#varint()
    if (length < 0) return null
    const start = this.#at
    if (start + length > end) throw this.#corrupt()
    this.#at = start + length
    return this.#records.subarray(start, start + length)
  }

  #headers(count: number, end: number): LogRecordHeader[] {
    if (count < 0 || count > end - this.#at) throw this.#corrupt()
    const headers: LogRecordHeader[] = []
    for (let i = 0; i < count; i++) {
      const key = this.#content(end)
      if (key === null) throw this.#corrupt()
      headers.push({ key: key.toString('utf8'), value: this.#content(end) })
    }
    return headers
  }

  #corrupt(): LogError {
    return new LogError(
      'CORRUPT',
      `${this.#path}: a record of the batch from offset ${this.#baseOffset} on does not check out: read on behind it`,
      { path: this.#path },
    )
  }
}
