import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { CompressionName } from '../../lib/protocol/index.js'
import { Random } from '../support/random.js'
import { CompactedLog, type Kept, openCleaner, temporaryFolder } from './compacted-log.js'

test('the last value of each key stays, with its offset and timestamp', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  await log.write([
    ['ann', '1'],
    ['bob', '1'],
    ['ann', '2'],
  ])
  await log.write(
    [
      ['cid', '1'],
      ['bob', '2'],
    ],
    { timestamp: 2_000 },
  )
  await log.roll()
  const cleaner = await openCleaner(t, folder, [log])
  t.truthy(await cleaner.cleanOne())
  t.deepEqual(await log.contents(), ['ann=2@2', 'cid=1@3', 'bob=2@4'])
  t.deepEqual(
    (await log.records()).map(({ timestamp }) => timestamp),
    [1_000, 2_000, 2_000],
  )
  t.is(log.native.logEndOffset, 5)
  t.is(cleaner.cleanedUpTo('users', 0), 5)
  t.is(await cleaner.cleanOne(), undefined, 'nothing is dirty any more')
})

test('the active segment is neither changed nor does it count', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  await log.write([['ann', '1']])
  await log.roll()
  await log.write([['ann', '2']])
  await log.write([['ann', '3']])
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann=1@0', 'ann=2@1', 'ann=3@2'])
})

test('nothing of a segment that reaches the high watermark is cleaned', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  for (const value of ['1', '2', '3']) {
    await log.write([
      ['ann', value],
      ['ann', `${value}b`],
    ])
    await log.roll()
  }
  log.stableOffset = 5
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann=2b@3', 'ann=3@4', 'ann=3b@5'])
})

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
  test(`batches keep their compression: ${compression}`, async (t) => {
    const folder = await temporaryFolder(t)
    const log = await CompactedLog.open(t, folder)
    const value = 'v'.repeat(200)
    await log.write(
      [
        ['ann', '1'],
        ['bob', value],
        ['ann', '2'],
      ],
      { compression },
    )
    await log.roll()
    const cleaner = await openCleaner(t, folder, [log])
    await cleaner.cleanOne()
    t.deepEqual(await log.contents(), [`bob=${value}@1`, 'ann=2@2'])
    const [batch] = await log.batches()
    t.is(batch!.header.compression, compression)
    t.is(batch!.header.recordCount, 2)
    t.is(batch!.header.lastOffsetDelta, 2)
    t.true(batch!.header.hasValidCrc())
  })
}

test('a tombstone stays for delete.retention.ms after the cleaning that met it first', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder, { deleteRetentionMs: 500 })
  const clock = { nowMs: 10_000 }
  const cleaner = await openCleaner(t, folder, [log], {}, clock)
  const cleanAfter = async (key: string): Promise<string[]> => {
    await log.write([[key, '1']])
    await log.roll()
    t.truthy(await cleaner.cleanOne())
    return log.contents()
  }
  await log.write(
    [
      ['ann', '1'],
      ['ann', null],
      ['bob', '1'],
    ],
    { timestamp: 7_000 },
  )
  t.deepEqual(await cleanAfter('x'), ['ann@1', 'bob=1@2', 'x=1@3'])
  const [batch] = await log.batches()
  t.is(batch!.header.attributes & 0x40, 0x40)
  t.is(batch!.header.baseTimestamp, 10_500)
  t.deepEqual(
    batch!.records.map(({ timestamp }) => timestamp),
    [7_000, 7_000],
  )
  clock.nowMs = 10_499
  t.deepEqual(await cleanAfter('y'), ['ann@1', 'bob=1@2', 'x=1@3', 'y=1@4'])
  clock.nowMs = 10_500
  t.deepEqual(await cleanAfter('z'), ['bob=1@2', 'x=1@3', 'y=1@4', 'z=1@5'])
})

test('the last batch of an active producer stays, emptied, with its sequence and offsets', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  const producer = { producerId: 7, producerEpoch: 2 }
  await log.write([['ann', '1']], { ...producer, baseSequence: 0 })
  await log.write(
    [
      ['ann', '2'],
      ['ann', '3'],
    ],
    { ...producer, baseSequence: 1, compression: 'gzip' },
  )
  await log.write([['ann', '4']])
  await log.roll()
  log.producers = [{ producerId: 7, lastOffset: 2 }]
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann=4@3'])
  const [emptied] = await log.batches()
  const { header } = emptied!
  t.deepEqual(
    [
      header.baseOffset,
      header.lastOffsetDelta,
      header.recordCount,
      header.baseSequence,
      header.producerEpoch,
    ],
    [1, 1, 0, 1, 2],
  )
  t.is(header.producerId, 7)
  t.true(header.hasValidCrc())

  log.producers = []
  await log.write([['bob', '1']])
  await log.roll()
  await cleaner.cleanOne()
  t.deepEqual(
    (await log.batches()).map(({ header }) => header.baseOffset),
    [3, 4],
    'gone with its producer',
  )
})

test('the end of the round stays, emptied, so that its offsets are not lost', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder, { deleteRetentionMs: 0 })
  const cleaner = await openCleaner(t, folder, [log])
  await log.write([['ann', '1']])
  await log.write([['ann', null]])
  await log.roll()
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann@1'])
  log.config = { ...log.config, minCleanableDirtyRatio: -1 }
  await log.write([['bob', '1']])
  await log.roll()
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['bob=1@2'])
})

test('small neighbours become one segment; what is left of a group may be empty', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  for (let i = 0; i < 6; i++) {
    await log.write([['ann', String(i)]])
    await log.roll()
  }
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.deepEqual(
    log.native.segments().map(({ baseOffset }) => baseOffset),
    [0, 6],
  )
  t.deepEqual(await log.contents(), ['ann=5@5'])
  const bytes = await log.native.readBytes(0, { maxBytes: 1_000, minOneBatch: true, maxOffset: 6 })
  t.is(Buffer.from(bytes).readBigInt64BE(0), 5n, 'a reader that stands in the gap goes on behind it')
  await log.reopen()
  t.deepEqual(await log.contents(), ['ann=5@5'])
  t.is(log.native.logEndOffset, 6)
})

test('segments that do not fit together stay apart', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder, { segmentBytes: 1_000 })
  for (let i = 0; i < 5; i++) await log.write([[`k${i}`, 'v'.repeat(600)]])
  for (let i = 0; i < 3; i++) {
    await log.write([['ann', String(i)]])
    await log.roll()
  }
  const before = log.native.segments().length
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.true(log.native.segments().length < before)
  for (const { sizeInBytes } of log.native.segments()) t.true(sizeInBytes <= 1_000)
  t.deepEqual(
    (await log.records()).map(({ key }) => key),
    ['k0', 'k1', 'k2', 'k3', 'k4', 'ann'],
  )
})

test('a key map that is too small for all keys cleans in rounds', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
  for (const round of ['a', 'b', 'c']) {
    await log.write(keys.map((key) => [key, round] as const))
    await log.roll()
  }
  const cleaner = await openCleaner(t, folder, [log], { dedupeBufferSize: 24 * 40 })
  let rounds = 0
  while (await cleaner.cleanOne()) rounds++
  t.true(rounds > 1, `${rounds} rounds`)
  t.is(cleaner.cleanedUpTo('users', 0), 300)
  // A round removes older values of the keys that it held, so every key's last value is there in the end.
  const last = new Map((await log.records()).map(({ key, value }) => [key, value]))
  t.deepEqual([...last.entries()].sort(), keys.map((key) => [key, 'c'] as [string, string]).sort())
})

test('what is younger than min.compaction.lag.ms is left alone', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder, { minCompactionLagMs: 5_000 })
  await log.write([
    ['ann', '1'],
    ['ann', '2'],
  ])
  await log.roll()
  await log.write([['ann', '3']], { timestamp: 6_000 })
  await log.roll()
  const cleaner = await openCleaner(t, folder, [log], {}, { nowMs: 10_000 })
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann=2@1', 'ann=3@2'])
})

test('a log is due by its dirty share, or by max.compaction.lag.ms', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  const clock = { nowMs: 10_000 }
  const cleaner = await openCleaner(t, folder, [log], {}, clock)
  await log.write(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'value'] as const))
  await log.roll()
  t.truthy(await cleaner.cleanOne())
  await log.write([['k0', 'new']], { timestamp: 9_000 })
  await log.roll()
  log.config = { ...log.config, minCleanableDirtyRatio: 0.5, maxCompactionLagMs: 2_000 }
  t.is(await cleaner.cleanOne(), undefined)
  clock.nowMs = 11_000
  t.is(await cleaner.cleanOne(), undefined)
  clock.nowMs = 11_001
  t.truthy(await cleaner.cleanOne())
})

test('the log with the largest dirty share goes first', async (t) => {
  const folder = await temporaryFolder(t)
  const half = await CompactedLog.open(t, folder, {}, 0)
  const cleaner = await openCleaner(t, folder, [half])
  await half.write([['ann', '1']])
  await half.roll()
  await cleaner.cleanOne()
  await half.write([['ann', '2']])
  await half.roll()
  const dirty = await CompactedLog.open(t, folder, {}, 1)
  await dirty.write([['ann', '1']])
  await dirty.roll()
  const both = await openCleaner(t, folder, [half, dirty])
  await both.cleanOne()
  t.deepEqual([both.cleanedUpTo('users', 0), both.cleanedUpTo('users', 1)], [1, 1])
  await both.cleanOne()
  t.deepEqual([both.cleanedUpTo('users', 0), both.cleanedUpTo('users', 1)], [2, 1])
})

test('a partition that cannot be cleaned is shown, and the others go on', async (t) => {
  const folder = await temporaryFolder(t)
  const bad = await CompactedLog.open(t, folder, {}, 0)
  const good = await CompactedLog.open(t, folder, {}, 1)
  await bad.write([['ann', '1']])
  await bad.write([['ann', '2']])
  await good.write([
    ['ann', '1'],
    ['ann', '2'],
  ])
  for (const log of [bad, good]) await log.roll()
  const path = join(bad.native.path, '00000000000000000000.log')
  const bytes = await readFile(path)
  bytes[70]! ^= 1
  await writeFile(path, bytes)
  const cleaner = await openCleaner(t, folder, [bad, good])
  for (let i = 0; i < 3; i++) await cleaner.cleanOne()
  t.deepEqual(
    cleaner.uncleanable.map(({ partition, error }) => [partition, (error as { code?: string }).code]),
    [[0, 'CORRUPT_LOG']],
  )
  t.is(bad.native.segments().length, 2)
  t.deepEqual(await good.contents(), ['ann=2@1'])
})

test('what an aborted transaction wrote goes and hides nothing; what a committed one wrote counts', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  const transaction = (producerId: number, baseSequence = 0) => ({
    isTransactional: true,
    producerId,
    producerEpoch: 0,
    baseSequence,
  })
  await log.write([['ann', 'before']])
  await log.write([['bob', 'before']])
  await log.write([['ann', 'aborted']], transaction(1))
  await log.write([['bob', 'committed']], transaction(2))
  await log.roll()
  await log.write([['eve', 'aborted']], { ...transaction(1, 1), compression: 'lz4' })
  await log.end('ABORT', 1)
  await log.end('COMMIT', 2)
  await log.write([['dan', 'later']], transaction(1, 2))
  await log.end('COMMIT', 1)
  await log.roll()
  log.aborted = [{ producerId: 1, firstOffset: 2, lastOffset: 5 }]
  const cleaner = await openCleaner(t, folder, [log])
  await cleaner.cleanOne()
  t.deepEqual(await log.contents(), ['ann=before@0', 'bob=committed@3', 'dan=later@7'])
  t.deepEqual(cleaner.uncleanable, [])
})

test('how far a log was cleaned is kept, and forgotten with its partition', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  await log.write([['ann', '1']])
  await log.roll()
  const first = await openCleaner(t, folder, [log])
  await first.cleanOne()
  t.is(await readFile(join(folder, 'cleaner-offset-checkpoint'), 'utf8'), '0\n1\nusers 0 1\n')
  const second = await openCleaner(t, folder, [log])
  t.is(await second.cleanOne(), undefined)
  await second.forget('users', 0)
  t.is(await readFile(join(folder, 'cleaner-offset-checkpoint'), 'utf8'), '0\n0\n')
})

test('a paused partition is not cleaned; a cleaning under way stops', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  await log.write([
    ['ann', '1'],
    ['ann', '2'],
  ])
  await log.roll()
  // At this rate it would take minutes.
  const cleaner = await openCleaner(t, folder, [log], { ioMaxBytesPerSecond: 1 })
  const cleaning = cleaner.cleanOne()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const resume = await cleaner.pause('users', 0)
  t.is(await cleaning, undefined)
  t.deepEqual(await log.contents(), ['ann=1@0', 'ann=2@1'])
  t.is(await cleaner.cleanOne(), undefined)
  t.deepEqual(cleaner.uncleanable, [])
  resume()
  const unhurried = await openCleaner(t, folder, [log])
  t.truthy(await unhurried.cleanOne())
})

test('the throttle keeps reads and writes to the rate', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  await log.write([['ann', 'v'.repeat(50_000)]])
  await log.roll()
  const cleaner = await openCleaner(t, folder, [log], { ioMaxBytesPerSecond: 500_000 })
  const start = performance.now()
  await cleaner.cleanOne()
  // 50 kB read twice and written once.
  t.true(performance.now() - start > 250)
})

test('started, it cleans by itself until it is closed', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await CompactedLog.open(t, folder)
  const cleaner = await openCleaner(t, folder, [log])
  cleaner.start()
  await log.write([
    ['ann', '1'],
    ['ann', '2'],
  ])
  await log.roll()
  while (cleaner.cleanedUpTo('users', 0) === undefined) await new Promise((r) => setTimeout(r, 5))
  t.deepEqual(await log.contents(), ['ann=2@1'])
  await cleaner.close()
})

for (let run = 0; run < 5; run++) {
  test(`random records, cleaned again and again: run ${run}`, async (t) => {
    const random = new Random()
    t.log(`seed ${random.seed}`)
    const folder = await temporaryFolder(t)
    const log = await CompactedLog.open(t, folder, { segmentBytes: 4_096, deleteRetentionMs: 300 })
    const clock = { nowMs: 10_000 }
    const cleaner = await openCleaner(t, folder, [log], { dedupeBufferSize: 24 * 60 }, clock)
    const written: Kept[] = []
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 30; i++) {
        const compression = random.pick<CompressionName>(['none', 'none', 'gzip', 'lz4', 'snappy', 'zstd'])
        const timestamp = clock.nowMs - random.below(5_000)
        const records = Array.from({ length: 1 + random.below(8) }, () => {
          const value = random.chance(0.15) ? null : 'v'.repeat(random.below(60))
          return [`key-${random.below(40)}`, value] as const
        })
        let offset = log.native.logEndOffset
        await log.write(records, { timestamp, compression })
        for (const [key, value] of records) written.push({ offset: offset++, key, value, timestamp })
      }
      clock.nowMs += random.below(400)
      while (await cleaner.cleanOne()) {}
      t.deepEqual(cleaner.uncleanable, [])
      if (random.chance(0.3)) await log.reopen()
      await check(round)
    }

    async function check(round: number): Promise<void> {
      const kept = await log.records()
      const byOffset = new Map(written.map((record) => [record.offset, record]))
      for (const record of kept) t.deepEqual(record, byOffset.get(record.offset)!, `round ${round}`)
      const offsets = kept.map(({ offset }) => offset)
      t.deepEqual(
        offsets,
        [...new Set(offsets)].sort((a, b) => a - b),
      )
      const present = new Set(offsets)
      const last = new Map(written.map((record) => [record.key, record]))
      for (const { value, offset } of last.values()) {
        if (value !== null) t.true(present.has(offset), `round ${round}: ${offset} is gone`)
      }
      const end = cleaner.cleanedUpTo('users', 0)!
      const lastCleaned = new Map<string, number>()
      for (const { key, offset } of written) if (offset < end) lastCleaned.set(key, offset)
      const superseded = kept.filter(({ key, offset }) => offset < end && lastCleaned.get(key)! > offset)
      t.deepEqual(superseded, [], `round ${round}`)
      // Whoever reads all that is left comes to the same table.
      const table = (records: readonly Kept[]) => {
        const values = new Map<string, string>()
        for (const { key, value } of records) value === null ? values.delete(key) : values.set(key, value)
        return [...values.entries()].sort()
      }
      t.deepEqual(table(kept), table(written), `round ${round}`)
      const active = log.native.segments().at(-1)!.baseOffset
      t.is(
        kept.filter(({ offset }) => offset >= active).length,
        written.filter(({ offset }) => offset >= active).length,
      )
    }
  })
}
