import test from 'ava'
import {
  BATCH_HEADER_SIZE,
  CorruptBatchError,
  crc32c,
  decodeBatch,
  decodeRecords,
  EncodeError,
  encodeBatch,
  encodeCompressedBatch,
  type Int64,
  KafkaError,
  type RecordInput,
  readBatches,
  readBatchHeader,
  sizeOfVarint,
  sizeOfVarlong,
  VarintReader,
  writeVarint,
  writeVarlong,
} from '../../lib/protocol/index.js'

const corrupt = { instanceOf: CorruptBatchError }
const utf8 = (text: string) => Buffer.from(text)
const plain = (timestamp: Int64, value = 'v'): RecordInput => ({ timestamp, value: utf8(value) })
const decoded = (batch: Uint8Array) => decodeRecords(readBatchHeader(batch))

/** The batch with its CRC made to fit again. */
function resealed(batch: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = Uint8Array.from(batch)
  const view = new DataView(bytes.buffer)
  change(view, bytes)
  view.setUint32(17, crc32c(bytes, 21))
  return bytes
}

test('CRC-32C has the values that its inventors give', (t) => {
  t.is(crc32c(utf8('123456789')), 0xe3069283)
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.is(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43)
  t.is(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  t.is(crc32c(utf8('56789'), 0, 5, crc32c(utf8('1234'))), 0xe3069283)
})

test('varints and varlongs survive at every limit, in the size that is told beforehand', (t) => {
  const bytes = new Uint8Array(10)
  for (const value of [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2 ** 20, 2 ** 27, 2 ** 31 - 1, -(2 ** 31)]) {
    t.is(writeVarint(bytes, 0, value), sizeOfVarint(value))
    t.is(new VarintReader(bytes).varint(), value)
  }
  const longs: Int64[] = [
    0,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 48,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ]
  for (const value of longs) {
    t.is(writeVarlong(bytes, 0, value), sizeOfVarlong(value))
    t.is(new VarintReader(bytes).varlong(), value)
  }
  t.throws(() => new VarintReader(new Uint8Array(11).fill(255)).varint(), corrupt)
  t.throws(() => new VarintReader(new Uint8Array(11).fill(255)).varlong(), corrupt)
  t.throws(() => new VarintReader(Uint8Array.of(128)).varint(), corrupt)
})

test('a header shows every field', (t) => {
  const header = readBatchHeader(
    encodeBatch({
      records: [plain(5000), plain(4000), plain(9000)],
      baseOffset: 2 ** 40,
      partitionLeaderEpoch: 3,
      producerId: 2n ** 60n,
      producerEpoch: 12,
      baseSequence: 2 ** 31 - 1,
      isTransactional: true,
    }),
  )
  t.is(header.baseOffset, 2 ** 40)
  t.is(header.partitionLeaderEpoch, 3)
  t.is(header.magic, 2)
  t.is(header.lastOffsetDelta, 2)
  t.is(header.baseTimestamp, 5000)
  t.is(header.maxTimestamp, 9000)
  t.is(header.producerId, 2n ** 60n)
  t.is(header.producerEpoch, 12)
  t.is(header.baseSequence, 2 ** 31 - 1)
  t.is(header.recordCount, 3)
  t.is(header.compression, 'none')
  t.is(header.timestampType, 'CreateTime')
  t.true(header.isTransactional)
  t.false(header.isControl)
  t.false(header.hasDeleteHorizon)
  t.true(header.hasValidCrc())
  t.is(header.records.buffer, header.bytes.buffer as ArrayBuffer)
  t.is(header.batch.length, header.sizeInBytes)
})

test('offsets may have gaps, and the last ones may be gone', (t) => {
  const batch = encodeBatch({
    records: [
      { offset: 12, ...plain(1) },
      { offset: 15, ...plain(2) },
    ],
    baseOffset: 10,
    lastOffset: 19,
  })
  t.deepEqual(
    decoded(batch).map((record) => record.offset),
    [12, 15],
  )
  t.is(readBatchHeader(batch).lastOffsetDelta, 9)
  const empty = readBatchHeader(encodeBatch({ records: [], baseOffset: 10, lastOffset: 19, producerId: 4 }))
  t.is(empty.recordCount, 0)
  t.is(empty.sizeInBytes, BATCH_HEADER_SIZE)
  t.deepEqual(decodeRecords(empty), [])
})

test('offsets that fall back or lie too far apart are refused', (t) => {
  const at = (...offsets: number[]) => ({ records: offsets.map((offset) => ({ offset, ...plain(1) })) })
  t.throws(() => encodeBatch(at(5, 5)), { instanceOf: EncodeError, message: /records\[1\]\.offset/ })
  t.throws(() => encodeBatch(at(0, 2 ** 31)), { instanceOf: EncodeError })
  t.throws(() => encodeBatch({ ...at(5, 9), lastOffset: 8 }), {
    instanceOf: EncodeError,
    message: /lastOffset/,
  })
  t.throws(() => encodeBatch({ records: [plain(0.5)] }), { instanceOf: EncodeError, message: /timestamp/ })
})

test('timestamps far apart and at the limits of int64 survive', (t) => {
  const timestamps: Int64[] = [0, -1, 2 ** 52, -(2 ** 52), 2n ** 63n - 1n, -(2n ** 63n)]
  const records = decoded(encodeBatch({ records: timestamps.map((timestamp) => plain(timestamp)) }))
  t.deepEqual(
    records.map((record) => record.timestamp),
    timestamps,
  )
})

test('under LogAppendTime every record has the time of the batch', (t) => {
  const batch = encodeBatch({ records: [plain(5), plain(9), plain(7)], timestampType: 'LogAppendTime' })
  t.deepEqual(
    decoded(batch).map((record) => record.timestamp),
    [9, 9, 9],
  )
})

test('a delete horizon takes the place of the base timestamp, and record times stay', (t) => {
  const header = readBatchHeader(encodeBatch({ records: [plain(5), plain(9)], deleteHorizonMs: 1_000_000 }))
  t.true(header.hasDeleteHorizon)
  t.is(header.baseTimestamp, 1_000_000)
  t.deepEqual(
    decodeRecords(header).map((record) => record.timestamp),
    [5, 9],
  )
})

test('batches that do not hold what they say are refused', (t) => {
  const batch = encodeBatch({ records: [{ ...plain(1), headers: [{ key: 'h', value: null }] }, plain(2)] })
  const damaged = (change: (view: DataView, bytes: Uint8Array) => void) => decoded(resealed(batch, change))
  t.notThrows(() => damaged(() => {}))
  const changes: Record<string, (view: DataView, bytes: Uint8Array) => void> = {
    'magic 1': (view) => view.setInt8(16, 1),
    'a length below the header': (view) => view.setInt32(8, 48),
    'a negative length': (view) => view.setInt32(8, -1),
    'a length beyond the bytes': (view) => view.setInt32(8, 2 ** 31 - 1),
    'more records': (view) => view.setInt32(57, 3),
    'fewer records': (view) => view.setInt32(57, 1),
    'a negative count': (view) => view.setInt32(57, -1),
    'an absurd count': (view) => view.setInt32(57, 2 ** 31 - 1),
    'a longer record': (_, bytes) => (bytes[BATCH_HEADER_SIZE]! += 2),
    'a shorter record': (_, bytes) => (bytes[BATCH_HEADER_SIZE]! -= 2),
    'a record of negative size': (_, bytes) => (bytes[BATCH_HEADER_SIZE] = 1),
    'an absurd key': (_, bytes) => bytes.set([254, 255, 255, 255, 15], BATCH_HEADER_SIZE + 4),
  }
  for (const [name, change] of Object.entries(changes)) t.throws(() => damaged(change), corrupt, name)
  t.throws(() => [...readBatches(resealed(batch, (view) => view.setInt8(16, 0)))], corrupt)
  t.throws(() => [...readBatches(resealed(batch, (view) => view.setInt32(8, 0)))], corrupt)
})

test('random damage behind a fitting CRC gives records or a typed error', async (t) => {
  const records = Array.from({ length: 20 }, (_, i) => ({
    ...plain(i * 1000),
    headers: [{ key: `h${i}`, value: utf8('x') }],
  }))
  let state = 7
  const random = (below: number) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % below
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const batch = await encodeCompressedBatch({ records }, codec)
    for (let i = 0; i < 200; i++) {
      const bytes = resealed(batch, (_, inner) => {
        for (let k = random(3); k >= 0; k--) inner[21 + random(inner.length - 21)] = random(256)
      })
      try {
        await decodeBatch(bytes, 0, 100_000)
      } catch (error) {
        t.true(error instanceof KafkaError, `${codec}, ${i}: ${(error as Error).stack}`)
      }
    }
  }
})
