/**
 * Record batches that Apache Kafka's client library made (java/record-batches.sh): each must decode to its
 * records; uncompressed ones must come out of our encoder byte for byte, compressed ones survive our own codecs.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import {
  type BatchHeader,
  type BatchInput,
  type CompressionName,
  controlTypeOf,
  decodeBatch,
  encodeBatch,
  encodeCompressedBatch,
  encodeEndTransactionMarker,
  type LogRecord,
  readBatches,
  readBatchHeader,
} from '../../lib/protocol/index.js'

type GoldenRecord = [number, string | null, string | null, [string, string | null][]]
interface GoldenBatch {
  batch: string
  codec: CompressionName
  bytes: string
}

const sets = new Map<string, GoldenRecord[]>()
const batches: GoldenBatch[] = []
const file = new URL('../../../test/golden/record-batches.ndjson.gz', import.meta.url)
for (const line of gunzipSync(readFileSync(file)).toString('utf8').trim().split('\n')) {
  const entry = JSON.parse(line)
  if ('set' in entry) sets.set(entry.set, entry.records)
  else batches.push(entry)
}

const maxBytes = 1_000_000

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

function toGolden(record: LogRecord): GoldenRecord {
  const headers = record.headers.map(({ key, value }): [string, string | null] => [key, base64(value)])
  return [Number(record.timestamp), base64(record.key), base64(record.value), headers]
}

/** What our encoder needs to make the same batch. */
function inputOf(header: BatchHeader, records: LogRecord[]): BatchInput {
  return {
    records,
    baseOffset: Number(header.baseOffset),
    partitionLeaderEpoch: header.partitionLeaderEpoch,
    timestampType: header.timestampType,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
  }
}

test('the golden file has batches of every codec', (t) => {
  t.deepEqual([...new Set(batches.map((b) => b.codec))].sort(), ['gzip', 'lz4', 'none', 'snappy', 'zstd'])
})

for (const [i, golden] of batches.entries()) {
  const bytes = Buffer.from(golden.bytes, 'base64')
  test(`batch ${i}, ${golden.batch} with ${golden.codec}, decodes and encodes`, async (t) => {
    const { header, records } = await decodeBatch(bytes, 0, maxBytes)
    t.is(header.compression, golden.codec)
    t.is(header.sizeInBytes, bytes.length)
    t.is(header.baseOffset, 1000)
    t.is(header.partitionLeaderEpoch, 9)
    t.is(header.lastOffsetDelta, records.length - 1)
    t.deepEqual(
      records.map((r) => r.offset),
      records.map((_, k) => 1000 + k),
    )
    if (header.isControl) {
      t.is(controlTypeOf(records[0]!.key!) as string, golden.batch)
      const marker = encodeEndTransactionMarker(golden.batch as 'COMMIT' | 'ABORT', 21, {
        timestamp: 1700000000000,
        ...{ baseOffset: 1000, partitionLeaderEpoch: 9, producerId: 77, producerEpoch: 3 },
      })
      t.deepEqual(Buffer.from(marker), bytes)
      return
    }
    const expected = sets.get(golden.batch)!
    const logAppend = header.timestampType === 'LogAppendTime'
    t.deepEqual(
      records.map(toGolden),
      logAppend ? expected.map((record) => [1700000500000, ...record.slice(1)] as GoldenRecord) : expected,
    )
    if (golden.codec === 'none') {
      // Of a LogAppendTime batch the deltas are those of the times before, which decoding does not give back.
      if (!logAppend) t.deepEqual(Buffer.from(encodeBatch(inputOf(header, records))), bytes)
    } else {
      const again = await encodeCompressedBatch(inputOf(header, records), golden.codec)
      const decoded = await decodeBatch(again, 0, maxBytes)
      t.is(decoded.header.compression, golden.codec)
      t.deepEqual(decoded.records.map(toGolden), expected)
    }
  })
}

test('batches behind one another are read one by one, and a cut one at the end is left out', (t) => {
  const whole = batches.slice(0, 3).map((b) => Buffer.from(b.bytes, 'base64'))
  const cut = Buffer.concat([...whole, whole[0]!.subarray(0, 70)])
  const sizes = [...readBatches(cut)].map((header) => header.sizeInBytes)
  t.deepEqual(
    sizes,
    whole.map((b) => b.length),
  )
})

test('every byte that the CRC covers is guarded by it', async (t) => {
  const bytes = Buffer.from(batches[0]!.bytes, 'base64')
  for (let at = 21; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 0x40
    await t.throwsAsync(decodeBatch(damaged, 0, maxBytes), { name: 'CorruptBatchError', message: /CRC/ })
  }
  const moved = Buffer.from(bytes)
  moved.writeBigInt64BE(5n, 0)
  t.true(readBatchHeader(moved).hasValidCrc())
})
