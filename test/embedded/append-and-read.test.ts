/** What is appended is read back: records, offsets, order, batches, every compression. */
import test from 'ava'
import type { Log } from '../../lib/embedded/index.js'
import { encodeBatch, readBatches } from '../../lib/protocol/index.js'
import { collect, fill, open, rejects, temporaryFolder, values } from './opened-log.js'

/** How many batches the log is made of. */
async function batchCount(log: Log): Promise<number> {
  let count = 0
  for await (const { bytes } of log.readBatches()) count += [...readBatches(bytes)].length
  return count
}

test('a record comes back with its key, headers and timestamp', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const offsets = await log.append({
    key: 'user-1',
    value: Buffer.from([1, 2, 3]),
    headers: { trace: 'abc', empty: null },
    timestamp: 1_700_000_000_000,
  })
  t.deepEqual(offsets, { baseOffset: 0, lastOffset: 0 })
  t.deepEqual(await collect(log.read()), [
    {
      offset: 0,
      timestamp: 1_700_000_000_000,
      key: Buffer.from('user-1'),
      value: Buffer.from([1, 2, 3]),
      headers: [
        { key: 'trace', value: Buffer.from('abc') },
        { key: 'empty', value: null },
      ],
    },
  ])
})

test('records of any size and timestamps in any order come back as they were', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const sizes = [0, 1, 63, 64, 127, 128, 8_191, 8_192, 70_000, 300_000]
  const input = sizes.map((size, i) => ({
    value: Buffer.alloc(size, i),
    key: Buffer.alloc(sizes[sizes.length - 1 - i]! % 9_000, i),
    headers: [
      { key: 'same', value: Buffer.alloc(i) },
      { key: 'same', value: null },
    ],
    timestamp: [5, 2 ** 45, 0, 1_700_000_000_000, 1, 2 ** 33, 7, 2 ** 31, 3, 2][i]!,
  }))
  await log.append(input)
  const records = await collect(log.read())
  t.deepEqual(
    records,
    input.map((record, offset) => ({ ...record, offset })),
  )
})

test('a record without key and timestamp gets null and the time of the call', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const before = Date.now()
  await log.append([{ value: 'a' }, { value: null, key: 'gone' }])
  const [first, second] = await collect(log.read())
  t.is(first?.key, null)
  t.true(first!.timestamp >= before && first!.timestamp <= Date.now())
  t.is(second?.value, null)
})

test('calls resolve in order, each with its own offsets, whatever batches they share', async (t) => {
  const log = await open(t, await temporaryFolder(t), { maxBatchBytes: 1_000 })
  const order: number[] = []
  const calls = Array.from({ length: 200 }, async (_, i) => {
    const size = i % 3
    const offsets = await log.append(Array.from({ length: size + 1 }, (_, j) => ({ value: `${i}.${j}` })))
    order.push(i)
    return offsets
  })
  let next = 0
  for (const [i, { baseOffset, lastOffset }] of (await Promise.all(calls)).entries()) {
    t.deepEqual([baseOffset, lastOffset], [next, next + (i % 3)])
    next = lastOffset + 1
  }
  t.deepEqual(
    order,
    order.map((_, i) => i),
  )
  t.is(log.endOffset, next)
  const expected = Array.from({ length: 200 }, (_, i) =>
    Array.from({ length: (i % 3) + 1 }, (_, j) => `${i}.${j}`),
  ).flat()
  t.deepEqual(await values(log), expected)
})

test('single records of appenders that run side by side share batches', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let i = 0; i < 20; i++) await log.append({ value: 'v' })
    }),
  )
  t.is(log.endOffset, 320)
  t.true((await batchCount(log)) <= 40)
})

for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`batches compressed with ${compression} keep their records and order`, async (t) => {
    const log = await open(t, await temporaryFolder(t), { compression, maxBatchBytes: 4_096 })
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        log.append({ value: `${i} ${'same '.repeat(20)}`, key: `k${i}` }),
      ),
    )
    // In between, what does not get smaller stays as it is.
    await log.append({ value: 'x' })
    const records = await collect(log.read())
    t.is(records.length, 301)
    t.true(records.every(({ offset }, i) => offset === i))
    t.true(records.slice(0, 300).every(({ key }, i) => String(key) === `k${i}`))
    t.true(log.sizeInBytes < 20_000)
  })
}

test('encoded batches are taken with new offsets, in the order of the calls', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const batch = encodeBatch({
    baseOffset: 700,
    records: [
      { timestamp: 1, value: Buffer.from('b'), offset: 700 },
      { timestamp: 2, value: Buffer.from('c'), offset: 701 },
    ],
  })
  const [first, second, third] = await Promise.all([
    log.append({ value: 'a' }),
    log.appendBatch(Buffer.concat([batch, batch])),
    log.append({ value: 'd' }),
  ])
  t.deepEqual(
    [first, second, third],
    [
      { baseOffset: 0, lastOffset: 0 },
      { baseOffset: 1, lastOffset: 4 },
      { baseOffset: 5, lastOffset: 5 },
    ],
  )
  t.is(Buffer.from(batch).readBigInt64BE(0), 700n)
  t.deepEqual(await values(log), ['a', 'b', 'c', 'b', 'c', 'd'])
})

test('what readBatch gives can be appended elsewhere', async (t) => {
  const source = await open(t, await temporaryFolder(t), { compression: 'lz4' })
  const copy = await open(t, await temporaryFolder(t))
  await source.append(Array.from({ length: 50 }, (_, i) => ({ value: `v${i}`.repeat(5) })))
  const { bytes, baseOffset, nextOffset } = await source.readBatch({ from: 10 })
  t.deepEqual([baseOffset, nextOffset], [0, 50])
  await copy.appendBatch(bytes)
  t.deepEqual(await values(copy), await values(source))
})

test('a range is read from its first offset up to, and without, its last', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 1_024, readAheadBytes: 1_024 })
  await fill(log, 100)
  t.deepEqual(await values(log, { from: 40, to: 43 }), ['40', '41', '42'])
  t.deepEqual(await values(log, { from: 98, to: 1_000 }), ['98', '99'])
  t.deepEqual(await values(log, { from: 100 }), [])
  t.deepEqual(await values(log, { from: 50, to: 50 }), [])
  t.is((await values(log)).length, 100)
  t.deepEqual(await values(log, { from: 10, maxBytes: 5 }), ['10', '11', '12'])
  t.deepEqual(await values(log, { from: 10, maxBytes: 1 }), ['10'])
})

test('a range within one batch is cut to the record', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await log.append(Array.from({ length: 10 }, (_, i) => ({ value: String(i) })))
  t.deepEqual(await values(log, { from: 3, to: 6 }), ['3', '4', '5'])
})

test('whole batches are handed out as they lie on disk, and as ranges of the file', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 1_024 })
  await fill(log, 60)
  const offsets: number[] = []
  for (let from = 0; from < log.endOffset; ) {
    const { bytes, baseOffset, nextOffset } = await log.readBatch({ from, maxBytes: 300 })
    t.true(bytes.length <= 300)
    t.is(baseOffset, from)
    offsets.push(...[...readBatches(bytes)].map((header) => Number(header.baseOffset)))
    const file = await log.readRange(from, { maxBytes: 300 })
    t.is(file?.range.byteLength, bytes.length)
    t.is(file?.nextOffset, nextOffset)
    file?.range.release()
    from = nextOffset
  }
  t.deepEqual(
    offsets,
    Array.from({ length: 60 }, (_, i) => i),
  )
  t.deepEqual(await log.readBatch({ from: 60 }), { bytes: new Uint8Array(0), baseOffset: -1, nextOffset: 60 })
  t.is(await log.readRange(60), null)
})

test('the first record at or after a time is found', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 1_024 })
  await fill(log, 50)
  await log.append([10, 20, 30].map((add) => ({ value: 'batch', timestamp: 2_000 + add })))
  t.is(await log.offsetForTimestamp(0), 0)
  t.is(await log.offsetForTimestamp(1_025), 25)
  t.is(await log.offsetForTimestamp(2_015), 51)
  t.is(await log.offsetForTimestamp(2_031), null)
})

test('values are as good after the log has gone on as before', async (t) => {
  const log = await open(t, await temporaryFolder(t), { readAheadBytes: 1_024 })
  await fill(log, 200, (i) => `value ${i}`)
  const kept = (await collect(log.read())).map(({ value }) => value)
  await fill(log, 200)
  t.deepEqual(
    kept.map(String),
    Array.from({ length: 200 }, (_, i) => `value ${i}`),
  )
})

test('records that wait beyond maxPendingBytes are refused, and ready() says when there is room', async (t) => {
  const log = await open(t, await temporaryFolder(t), { maxPendingBytes: 20_000, maxBatchBytes: 4_096 })
  const value = Buffer.alloc(1_000)
  const accepted: Promise<unknown>[] = []
  let refused = 0
  for (let i = 0; i < 100; i++) {
    const append = log.append({ value })
    accepted.push(append.catch(() => refused++))
  }
  t.true(log.pendingBytes <= 20_000 + 1_100)
  await rejects(t, log.append({ value }), 'BACKPRESSURE', /maxPendingBytes/)
  await log.ready()
  t.true(log.pendingBytes <= 10_000)
  await log.append({ value })
  await Promise.all(accepted)
  t.true(refused > 0)
  t.is(log.endOffset, 101 - refused)
})
