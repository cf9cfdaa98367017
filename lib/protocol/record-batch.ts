/**
 * Record batches of magic 2, record by record: for coordinators, clients and tools. The way of the data through
 * the broker goes by headers alone.
 */
import type { BatchHeader } from './batch-header.js'
import { BATCH_HEADER_SIZE, BATCH_MAGIC, BATCH_OVERHEAD, BatchAttribute, BatchField } from './batch-layout.js'
import { readBatchHeader } from './batch-walk.js'
import { EncodeError } from './codec-errors.js'
import { type CompressionName, compress, compressionIds, decompress } from './compression.js'
import { CorruptBatchError } from './corrupt-batch-error.js'
import { crc32c } from './crc32c.js'
import { addInt64, type Int64, isInt64, toSafeInteger, writeInt64 } from './int64.js'
import { sizeOfVarint, sizeOfVarlong, VarintReader, writeVarint, writeVarlong } from './varint.js'

export interface RecordHeader {
  key: string
  value: Uint8Array | null
}

/** Keys and values are views of the bytes that they were decoded from. */
export interface LogRecord {
  offset: number
  timestamp: Int64
  key: Uint8Array | null
  value: Uint8Array | null
  headers: RecordHeader[]
}

export interface RecordInput {
  /** The record before it plus 1 where missing. */
  offset?: number
  timestamp: Int64
  key?: Uint8Array | null
  value?: Uint8Array | null
  headers?: readonly RecordHeader[]
}

export interface BatchInput {
  records: readonly RecordInput[]
  baseOffset?: number
  /** Where records behind the last one were removed. */
  lastOffset?: number
  partitionLeaderEpoch?: number
  timestampType?: 'CreateTime' | 'LogAppendTime'
  producerId?: Int64
  producerEpoch?: number
  baseSequence?: number
  isTransactional?: boolean
  isControl?: boolean
  /** Set when tombstones in the batch may be removed at that time (ms). */
  deleteHorizonMs?: Int64
}

/** length, attributes, two deltas, key and value length, header count: a byte each. */
const minRecordSize = 7

/**
 * The records of a batch. `records` are its records decompressed; without it, the batch must not be compressed.
 */
export function decodeRecords(header: BatchHeader, records?: Uint8Array): LogRecord[] {
  if (records === undefined) {
    if (header.compressionId !== 0) throw new TypeError('decodeRecords needs the decompressed records')
    records = header.records
  }
  const count = header.recordCount
  if (count < 0 || count * minRecordSize > records.length) {
    throw new CorruptBatchError(`${count} records in ${records.length} bytes`)
  }
  const baseOffset = toSafeInteger(header.baseOffset, 'baseOffset')
  const { baseTimestamp } = header
  const appendTime = header.timestampType === 'LogAppendTime' ? header.maxTimestamp : undefined
  const reader = new VarintReader(records)
  const result: LogRecord[] = []
  for (let i = 0; i < count; i++) {
    const size = reader.varint()
    if (size < 0 || size > reader.left)
      throw new CorruptBatchError(`a record of ${size} bytes, with ${reader.left} left`)
    const end = reader.position + size
    reader.byte()
    const timestamp = addInt64(baseTimestamp, reader.varlong())
    const offset = baseOffset + reader.varint()
    const key = reader.content()
    const value = reader.content()
    const headers = readHeaders(reader)
    if (reader.position !== end) throw new CorruptBatchError(`record ${offset} has another size than it says`)
    result.push({ offset, timestamp: appendTime ?? timestamp, key, value, headers })
  }
  if (reader.left !== 0) throw new CorruptBatchError(`${reader.left} bytes behind the last record`)
  return result
}

/** Checks the CRC, decompresses (to `maxBytes` at most) and decodes the batch at `start`. */
export async function decodeBatch(
  bytes: Uint8Array,
  start: number,
  maxBytes: number,
): Promise<{ header: BatchHeader; records: LogRecord[] }> {
  const header = readBatchHeader(bytes, start)
  if (!header.hasValidCrc()) throw new CorruptBatchError('the CRC does not match')
  const records =
    header.compressionId === 0
      ? header.records
      : await decompress(header.compression, header.records, maxBytes)
  return { header, records: decodeRecords(header, records) }
}

function readHeaders(reader: VarintReader): RecordHeader[] {
  const count = reader.varint()
  if (count < 0 || count * 2 > reader.left)
    throw new CorruptBatchError(`${count} headers, with ${reader.left} bytes left`)
  const headers: RecordHeader[] = []
  for (let i = 0; i < count; i++) {
    const key = reader.content()
    if (key === null) throw new CorruptBatchError('a header without a key')
    headers.push({
      key: Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8'),
      value: reader.content(),
    })
  }
  return headers
}

/** A batch without compression. */
export function encodeBatch(batch: BatchInput): Uint8Array {
  const { bytes, size } = encodeRecords(batch)
  return writeHeader(batch, bytes, size, 0)
}

/** A batch whose records are compressed; `level` as in `compression.*.level`. */
export async function encodeCompressedBatch(
  batch: BatchInput,
  compression: CompressionName,
  level?: number,
): Promise<Uint8Array> {
  if (compression === 'none') return encodeBatch(batch)
  const { bytes, size } = encodeRecords(batch)
  const compressed = await compress(compression, bytes.subarray(BATCH_HEADER_SIZE, size), level)
  const result = new Uint8Array(BATCH_HEADER_SIZE + compressed.length)
  result.set(compressed, BATCH_HEADER_SIZE)
  return writeHeader(batch, result, result.length, compressionIds[compression])
}

export type ControlType = 'ABORT' | 'COMMIT'

/** The batch that ends a transaction: one control record with the coordinator's epoch. */
export function encodeEndTransactionMarker(
  type: ControlType,
  coordinatorEpoch: number,
  batch: Omit<BatchInput, 'records' | 'isControl' | 'isTransactional'> & { timestamp: Int64 },
): Uint8Array {
  const key = Buffer.alloc(4)
  key.writeInt16BE(type === 'COMMIT' ? 1 : 0, 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(coordinatorEpoch, 2)
  const { timestamp, ...rest } = batch
  return encodeBatch({
    ...rest,
    isControl: true,
    isTransactional: true,
    records: [{ timestamp, key, value }],
  })
}

/** What a control record's key says, or null for a type that ends no transaction. */
export function controlTypeOf(key: Uint8Array): ControlType | null {
  if (key.length < 4) throw new CorruptBatchError(`a control record with a key of ${key.length} bytes`)
  const type = (key[2]! << 8) | key[3]!
  return type === 0 ? 'ABORT' : type === 1 ? 'COMMIT' : null
}

function baseTimestampOf(batch: BatchInput): Int64 {
  return batch.deleteHorizonMs ?? batch.records[0]?.timestamp ?? -1
}

function offsetDeltas(batch: BatchInput): number[] {
  const base = batch.baseOffset ?? batch.records[0]?.offset ?? 0
  let next = base
  return batch.records.map((record, i) => {
    const offset = record.offset ?? next
    if (!Number.isSafeInteger(offset) || offset < next || offset - base > 0x7fffffff) {
      throw new EncodeError(`records[${i}].offset: ${offset} after ${next - 1} in a batch from ${base} on`)
    }
    next = offset + 1
    return offset - base
  })
}

/** The records behind the bytes kept for the header. */
function encodeRecords(batch: BatchInput): { bytes: Uint8Array; size: number } {
  const deltas = offsetDeltas(batch)
  const baseTimestamp = baseTimestampOf(batch)
  const sizes = batch.records.map((record, i) => {
    if (!isInt64(record.timestamp)) throw new EncodeError(`records[${i}].timestamp: no int64`)
    return recordSize(record, deltas[i]!, subtract(record.timestamp, baseTimestamp))
  })
  const total = sizes.reduce((sum, size) => sum + sizeOfVarint(size) + size, BATCH_HEADER_SIZE)
  if (total > 0x7fffffff) throw new EncodeError(`a batch of ${total} bytes`)
  const bytes = new Uint8Array(total)
  let at = BATCH_HEADER_SIZE
  for (const [i, record] of batch.records.entries()) {
    at = writeVarint(bytes, at, sizes[i]!)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, subtract(record.timestamp, baseTimestamp))
    at = writeVarint(bytes, at, deltas[i]!)
    at = writeContent(bytes, at, record.key ?? null)
    at = writeContent(bytes, at, record.value ?? null)
    at = writeVarint(bytes, at, record.headers?.length ?? 0)
    for (const header of record.headers ?? []) {
      at = writeContent(bytes, at, Buffer.from(header.key, 'utf8'))
      at = writeContent(bytes, at, header.value)
    }
  }
  return { bytes, size: at }
}

function recordSize(record: RecordInput, offsetDelta: number, timestampDelta: Int64): number {
  let size = 1 + sizeOfVarlong(timestampDelta) + sizeOfVarint(offsetDelta)
  size += contentSize(record.key ?? null) + contentSize(record.value ?? null)
  size += sizeOfVarint(record.headers?.length ?? 0)
  for (const header of record.headers ?? []) {
    const keySize = Buffer.byteLength(header.key)
    size += sizeOfVarint(keySize) + keySize + contentSize(header.value)
  }
  return size
}

function contentSize(content: Uint8Array | null): number {
  return content === null ? 1 : sizeOfVarint(content.length) + content.length
}

function writeContent(bytes: Uint8Array, at: number, content: Uint8Array | null): number {
  if (content === null) return writeVarint(bytes, at, -1)
  at = writeVarint(bytes, at, content.length)
  bytes.set(content, at)
  return at + content.length
}

function subtract(a: Int64, b: Int64): Int64 {
  return addInt64(a, typeof b === 'number' ? -b : BigInt.asIntN(64, -b))
}

function writeHeader(batch: BatchInput, bytes: Uint8Array, size: number, compressionId: number): Uint8Array {
  const { records, baseOffset = records[0]?.offset ?? 0, producerId = -1 } = batch
  const lastDelta = offsetDeltas(batch).at(-1) ?? 0
  const lastOffsetDelta = batch.lastOffset === undefined ? lastDelta : batch.lastOffset - baseOffset
  if (!(lastOffsetDelta >= lastDelta && lastOffsetDelta <= 0x7fffffff)) {
    throw new EncodeError(`lastOffset: ${batch.lastOffset} in a batch from ${baseOffset} on`)
  }
  let maxTimestamp: Int64 = -1
  for (const { timestamp } of records) if (timestamp > maxTimestamp) maxTimestamp = timestamp
  const attributes =
    compressionId |
    (batch.timestampType === 'LogAppendTime' ? BatchAttribute.LOG_APPEND_TIME : 0) |
    (batch.isTransactional ? BatchAttribute.TRANSACTIONAL : 0) |
    (batch.isControl ? BatchAttribute.CONTROL : 0) |
    (batch.deleteHorizonMs === undefined ? 0 : BatchAttribute.DELETE_HORIZON)
  const view = new DataView(bytes.buffer, bytes.byteOffset, size)
  writeInt64(bytes, BatchField.BASE_OFFSET, baseOffset)
  view.setInt32(BatchField.BATCH_LENGTH, size - BATCH_OVERHEAD)
  view.setInt32(BatchField.PARTITION_LEADER_EPOCH, batch.partitionLeaderEpoch ?? -1)
  view.setInt8(BatchField.MAGIC, BATCH_MAGIC)
  view.setInt16(BatchField.ATTRIBUTES, attributes)
  view.setInt32(BatchField.LAST_OFFSET_DELTA, lastOffsetDelta)
  writeInt64(bytes, BatchField.BASE_TIMESTAMP, baseTimestampOf(batch))
  writeInt64(bytes, BatchField.MAX_TIMESTAMP, maxTimestamp)
  writeInt64(bytes, BatchField.PRODUCER_ID, producerId)
  view.setInt16(BatchField.PRODUCER_EPOCH, batch.producerEpoch ?? -1)
  view.setInt32(BatchField.BASE_SEQUENCE, batch.baseSequence ?? -1)
  view.setInt32(BatchField.RECORD_COUNT, records.length)
  view.setUint32(BatchField.CRC, crc32c(bytes, BatchField.ATTRIBUTES, size))
  return bytes
}
