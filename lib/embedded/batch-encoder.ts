/**
 * A record batch in the making: records are written one after the other into one buffer, as they will lie on disk.
 * The CRC is the engine's to compute.
 */
import {
  BATCH_HEADER_SIZE,
  BATCH_MAGIC,
  BATCH_OVERHEAD,
  BatchField,
  type CompressionName,
  compressionIds,
} from '../protocol/index.js'
import type { BufferPool } from './buffer-pool.js'
import { LogError } from './log-error.js'
import type { Content, HeaderInput, RecordInput } from './log-record.js'

/** Largest record of which the sizes are known to fit 32 bits, whatever else is in the batch. */
const maxInt32 = 0x7fff_ffff

export class BatchEncoder {
  readonly #pool: BufferPool
  readonly #maxBytes: number
  readonly #requireKeys: boolean
  #buffer: Buffer
  #size = BATCH_HEADER_SIZE
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  /** The time of the call of `add`, once a record without a timestamp needs it: reading the clock takes as long as a short record. */
  #now: number | undefined

  constructor(pool: BufferPool, maxBytes: number, requireKeys: boolean) {
    this.#pool = pool
    this.#maxBytes = maxBytes
    this.#requireKeys = requireKeys
    this.#buffer = pool.take(BATCH_HEADER_SIZE)
  }

  get count(): number {
    return this.#count
  }

  get sizeInBytes(): number {
    return this.#size
  }

  /** Adds all of the records or none: false where they do not fit. Throws INVALID_RECORD, adding none. */
  add(records: RecordInput | readonly RecordInput[]): boolean {
    const size = this.#size
    const count = this.#count
    const maxTimestamp = this.#maxTimestamp
    this.#now = undefined
    let isAdded = false
    try {
      isAdded = Array.isArray(records) ? this.#addAll(records) : this.#add(records as RecordInput)
    } finally {
      if (!isAdded) {
        this.#size = size
        this.#count = count
        this.#maxTimestamp = maxTimestamp
      }
    }
    return isAdded
  }

  #addAll(records: readonly RecordInput[]): boolean {
    for (let i = 0; i < records.length; i++) if (!this.#add(records[i]!)) return false
    return true
  }

  #add(record: RecordInput): boolean {
    if (record === null || typeof record !== 'object' || record.value === undefined) {
      throw invalid('give { value, key?, headers?, timestamp? }; a value may be null, but not missing')
    }
    const { key, value, headers } = record
    const timestamp = record.timestamp ?? (this.#now ??= Date.now())
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
      throw invalid(`timestamp is a whole number of milliseconds since 1970, not ${timestamp}`)
    }
    if (key == null && this.#requireKeys) throw invalid('the log was opened with requireKeys: give a key')
    if (this.#count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp
    const delta = timestamp - this.#baseTimestamp
    const keySize = sizeOfContent(key, 'key')
    const valueSize = sizeOfContent(value, 'value')
    const list = headers === undefined ? noHeaders : listOf(headers)
    const headersSize = list.length === 0 ? 1 : sizeOfHeaders(list)
    const size =
      1 +
      sizeOfNumber(delta) +
      sizeOfNumber(this.#count) +
      sizeOfField(keySize) +
      sizeOfField(valueSize) +
      headersSize
    const end = this.#size + sizeOfNumber(size) + size
    if (end > this.#maxBytes || end > maxInt32) return false
    if (end > this.#buffer.length) this.#grow(end)
    const buffer = this.#buffer
    let at = writeNumber(buffer, this.#size, size)
    buffer[at++] = 0
    at = writeNumber(buffer, at, delta)
    at = writeNumber(buffer, at, this.#count)
    at = writeContent(buffer, at, key, keySize)
    at = writeContent(buffer, at, value, valueSize)
    if (list.length === 0) buffer[at++] = 0
    else at = writeHeaders(buffer, at, list)
    this.#size = at
    this.#count++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    return true
  }

  #grow(size: number): void {
    const larger = this.#pool.take(
      Math.min(Math.max(size, this.#buffer.length * 4), Math.max(this.#maxBytes, size)),
    )
    this.#buffer.copy(larger, 0, 0, this.#size)
    this.#pool.give(this.#buffer)
    this.#buffer = larger
  }

  /** The records alone, to be compressed. */
  get records(): Uint8Array {
    return this.#buffer.subarray(BATCH_HEADER_SIZE, this.#size)
  }

  /** Puts compressed records in the place of the plain ones. */
  replaceRecords(records: Uint8Array): void {
    const size = BATCH_HEADER_SIZE + records.length
    if (size > this.#buffer.length) this.#grow(size)
    this.#buffer.set(records, BATCH_HEADER_SIZE)
    this.#size = size
  }

  /** The batch, whole but for the CRC. Belongs to the encoder until `release`. */
  finish(compression: CompressionName): Uint8Array {
    const buffer = this.#buffer
    buffer.fill(0, 0, BATCH_OVERHEAD)
    buffer.writeInt32BE(this.#size - BATCH_OVERHEAD, BatchField.BATCH_LENGTH)
    buffer.writeInt32BE(-1, BatchField.PARTITION_LEADER_EPOCH)
    buffer[BatchField.MAGIC] = BATCH_MAGIC
    buffer.writeInt32BE(0, BatchField.CRC)
    buffer.writeInt16BE(compressionIds[compression], BatchField.ATTRIBUTES)
    buffer.writeInt32BE(this.#count - 1, BatchField.LAST_OFFSET_DELTA)
    writeTimestamp(buffer, BatchField.BASE_TIMESTAMP, this.#baseTimestamp)
    writeTimestamp(buffer, BatchField.MAX_TIMESTAMP, this.#maxTimestamp)
    // No producer: id, epoch and sequence are -1.
    buffer.fill(0xff, BatchField.PRODUCER_ID, BatchField.RECORD_COUNT)
    buffer.writeInt32BE(this.#count, BatchField.RECORD_COUNT)
    return buffer.subarray(0, this.#size)
  }

  release(): void {
    this.#pool.give(this.#buffer)
  }
}

const noHeaders: readonly HeaderInput[] = []

function invalid(what: string): LogError {
  return new LogError('INVALID_RECORD', `not a record: ${what}`)
}

function listOf(headers: NonNullable<RecordInput['headers']>): readonly HeaderInput[] {
  if (Array.isArray(headers)) return headers
  if (headers === null || typeof headers !== 'object') {
    throw invalid('headers are { name: value } or [{ key, value }]')
  }
  return Object.entries(headers as Record<string, Content | null>).map(([key, value]) => ({ key, value }))
}

/** −1 for null. */
function sizeOfContent(content: Content | null | undefined, what: string): number {
  if (content == null) return -1
  if (typeof content === 'string') return Buffer.byteLength(content)
  if (content instanceof Uint8Array) return content.length
  throw invalid(`its ${what} is a ${typeof content}: give a Buffer, a Uint8Array or a string`)
}

/** A length and what it counts. */
function sizeOfField(contentSize: number): number {
  return contentSize < 0 ? 1 : sizeOfNumber(contentSize) + contentSize
}

/** Bytes of the zigzag varint of a number that is no larger than 2^52. */
function sizeOfNumber(value: number): number {
  let zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  let size = 1
  while (zigzag >= 128) {
    zigzag = Math.floor(zigzag / 128)
    size++
  }
  return size
}

function writeNumber(buffer: Uint8Array, at: number, value: number): number {
  let zigzag = value >= 0 ? value * 2 : -value * 2 - 1
  while (zigzag > 0x7fff_ffff) {
    buffer[at++] = (zigzag % 128) | 0x80
    zigzag = Math.floor(zigzag / 128)
  }
  let rest = zigzag | 0
  while (rest > 127) {
    buffer[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[at++] = rest
  return at
}

function writeContent(buffer: Buffer, at: number, content: Content | null | undefined, size: number): number {
  if (size < 0) return writeNumber(buffer, at, -1)
  at = writeNumber(buffer, at, size)
  if (typeof content === 'string') buffer.write(content, at, size, 'utf8')
  else buffer.set(content!, at)
  return at + size
}

function sizeOfHeaders(headers: readonly HeaderInput[]): number {
  let size = sizeOfNumber(headers.length)
  for (const header of headers) {
    if (typeof header?.key !== 'string') throw invalid('a header needs a key, which is a string')
    size += sizeOfField(Buffer.byteLength(header.key)) + sizeOfField(sizeOfContent(header.value, 'header'))
  }
  return size
}

function writeHeaders(buffer: Buffer, at: number, headers: readonly HeaderInput[]): number {
  at = writeNumber(buffer, at, headers.length)
  for (const { key, value } of headers) {
    at = writeContent(buffer, at, key, Buffer.byteLength(key))
    at = writeContent(buffer, at, value, sizeOfContent(value, 'header'))
  }
  return at
}

function writeTimestamp(buffer: Buffer, at: number, timestamp: number): void {
  buffer.writeUInt32BE(Math.floor(timestamp / 0x1_0000_0000), at)
  buffer.writeUInt32BE(timestamp % 0x1_0000_0000, at + 4)
}
