import test from 'ava'
import {
  BATCH_HEADER_SIZE,
  BatchField,
  batchFit,
  CorruptBatchError,
  encodeBatch,
  readBatches,
  readScannedHeaders,
} from '../../lib/protocol/index.js'

const batch = (baseOffset: number) =>
  encodeBatch({ baseOffset, records: [{ timestamp: 0, key: null, value: Buffer.from('value') }] })
const run = Buffer.concat([batch(10), batch(11), batch(12)])
const second = batch(10).length
const corrupt = { instanceOf: CorruptBatchError }

const offsetsIn = (bytes: Uint8Array, mode?: 'tolerant' | 'strict') =>
  [...readBatches(bytes, mode)].map(({ baseOffset }) => baseOffset)

function changed(change: (bytes: Buffer) => unknown): Buffer {
  const bytes = Buffer.from(run)
  change(bytes)
  return bytes
}

test('whole batches are read one after the other in either mode', (t) => {
  t.deepEqual(offsetsIn(run, 'strict'), [10, 11, 12])
  t.deepEqual(offsetsIn(run, 'tolerant'), [10, 11, 12])
  t.deepEqual(offsetsIn(Buffer.alloc(0), 'strict'), [])
})

test('a batch that the end cuts, anywhere, is left out or refused', (t) => {
  for (let end = second + 1; end < 2 * second; end++) {
    t.deepEqual(offsetsIn(run.subarray(0, end)), [10])
    t.throws(() => offsetsIn(run.subarray(0, end), 'strict'), corrupt)
  }
})

test('what is no batch is refused in either mode', (t) => {
  const damages = [
    changed((bytes) => bytes.writeInt8(1, second + BatchField.MAGIC)),
    changed((bytes) => bytes.writeInt32BE(0, second + BatchField.BATCH_LENGTH)),
    changed((bytes) => bytes.writeInt32BE(-(2 ** 31), second + BatchField.BATCH_LENGTH)),
  ]
  for (const bytes of damages) {
    t.throws(() => offsetsIn(bytes, 'tolerant'), corrupt)
    t.throws(() => offsetsIn(bytes, 'strict'), corrupt)
  }
})

test('a header alone is judged by the bytes that are there for its batch', (t) => {
  const header = run.subarray(0, BATCH_HEADER_SIZE)
  t.is(batchFit(header, 0), 'cut')
  t.is(batchFit(header, 0, second), 'whole')
  t.is(batchFit(header.subarray(1), 0), 'cut header')
})

test('scanned headers are read without their records', (t) => {
  const headers = Buffer.concat(
    [...readBatches(run)].map(({ batch }) => batch.subarray(0, BATCH_HEADER_SIZE)),
  )
  t.deepEqual(
    [...readScannedHeaders(headers)].map(({ baseOffset }) => baseOffset),
    [10, 11, 12],
  )
})
