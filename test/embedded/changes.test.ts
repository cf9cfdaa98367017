/** What is done to a log as a whole: truncation, trimming, retention, compaction, rolls. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { Log } from '../../lib/embedded/index.js'
import { collect, fill, open, rejects, setFaults, temporaryFolder, values } from './opened-log.js'

const EIO = 5

async function segmentCount(folder: string): Promise<number> {
  return (await readdir(folder)).filter((name) => name.endsWith('.log')).length
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(i + from))

test('truncate removes the end, and its offsets are given out again', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024 })
  await fill(log, 100)
  await log.truncate(30)
  t.is(log.endOffset, 30)
  t.deepEqual(await log.append({ value: 'anew' }), { baseOffset: 30, lastOffset: 30 })
  t.deepEqual(await values(log), [...numbers(0, 30), 'anew'])
  await log.truncate(0)
  t.is(log.endOffset, 0)
  await log.append({ value: 'first' })
  await log.close()
  t.deepEqual(await values(await open(t, folder)), ['first'])
})

test('truncate within a batch keeps the records below the cut', async (t) => {
  for (const compression of ['none', 'zstd'] as const) {
    const folder = await temporaryFolder(t)
    const log = await open(t, folder, { compression })
    await fill(log, 5)
    await log.append(
      numbers(5, 50).map((value) => ({ value, key: 'k', headers: { h: value }, timestamp: 7 })),
    )
    await log.truncate(20)
    t.deepEqual(await values(log), numbers(0, 20))
    t.is((await log.append({ value: 'x' })).baseOffset, 20)
    await log.close()
    const reopened = await open(t, folder)
    t.deepEqual(await values(reopened), [...numbers(0, 20), 'x'])
    const [last] = await collect(reopened.read({ from: 19, to: 20 }))
    t.deepEqual([last?.timestamp, String(last?.headers[0]?.value)], [7, '19'])
  }
})

test.serial(
  'a truncation within a batch that was broken off is finished, or given up where others went on',
  async (t) => {
    const filled = async () => {
      const folder = await temporaryFolder(t)
      const log = await open(t, folder)
      await log.append(numbers(0, 50).map((value) => ({ value, timestamp: 7 })))
      return { folder, log, plan: join(folder, 'truncation') }
    }
    const broken = await filled()
    setFaults([{ operation: 'truncate', path: broken.folder, errno: EIO }])
    await t.throwsAsync(broken.log.truncate(20))
    setFaults([])
    await broken.log.close().catch(() => {})
    const plan = await readFile(broken.plan)
    t.deepEqual(await values(await open(t, broken.folder)), numbers(0, 20))
    await t.throwsAsync(readFile(broken.plan), { code: 'ENOENT' })

    for (const [what, change, kept] of [
      ['nothing came behind it', async () => {}, numbers(0, 20)],
      ['others appended', (log: Log) => fill(log, 3), [...numbers(0, 50), ...numbers(0, 3)]],
      ['it was done', (log: Log) => log.truncate(20), numbers(0, 20)],
      [
        'it was done, and others appended as much as had gone',
        async (log: Log) => {
          await log.truncate(20)
          await fill(log, 30)
        },
        [...numbers(0, 20), ...numbers(0, 30)],
      ],
    ] as [string, (log: Log) => Promise<void>, string[]][]) {
      const { folder, log, plan: path } = await filled()
      await change(log)
      await log.close()
      await writeFile(path, plan)
      t.deepEqual(await values(await open(t, folder)), kept, what)
      await t.throwsAsync(readFile(path), { code: 'ENOENT' })
    }
  },
)

test('trim raises the start for good and deletes the segments below', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024 })
  await fill(log, 100)
  const before = await segmentCount(folder)
  await log.trim(77)
  t.is(log.startOffset, 77)
  t.true((await segmentCount(folder)) < before)
  t.deepEqual(await values(log), numbers(77, 100))
  await rejects(t, () => log.read({ from: 76 }), 'OFFSET_OUT_OF_RANGE', /from 77/)
  await log.close()
  const reopened = await open(t, folder)
  t.is(reopened.startOffset, 77)
  await reopened.trim(100)
  t.deepEqual(await values(reopened), [])
  t.deepEqual(await reopened.append({ value: 'x' }), { baseOffset: 100, lastOffset: 100 })
  t.deepEqual(await values(reopened), ['x'])
})

test('retention by size deletes the oldest segments by itself', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024, retentionBytes: 4_096 })
  await fill(log, 300)
  await until(() => log.startOffset > 0 && log.sizeInBytes <= 4_096 + 2 * 1_024)
  const found = await values(log)
  t.is(found.at(-1), '299')
  t.true(log.sizeInBytes >= 4_096)
  t.is(log.maintenanceFailure, undefined)
})

test('retention by age deletes what is too old, the active segment too', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, {
    segmentBytes: 1_024,
    retentionMs: 3_600_000,
    maintenanceIntervalMs: 10,
  })
  await fill(log, 100)
  await until(async () => log.startOffset === 100 && (await segmentCount(folder)) === 1)
  await log.append({ value: 'young' })
  t.deepEqual(await values(log), ['young'])
})

test('a segment ends when its first record is older than segmentMs', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentMs: 1_000 })
  await log.append({ value: 'a', timestamp: 1_000 })
  await log.append({ value: 'b', timestamp: 2_000 })
  t.is(await segmentCount(folder), 1)
  await log.append({ value: 'c', timestamp: 2_001 })
  t.is(await segmentCount(folder), 2)
  t.deepEqual(await values(log), ['a', 'b', 'c'])
})

async function contents(log: Log): Promise<string[]> {
  return (await collect(log.read())).map(({ key, value, offset }) => `${key}=${value}@${offset}`)
}

test('compact keeps the last record of each key at its offset', async (t) => {
  const folder = await temporaryFolder(t)
  for (const compression of ['none', 'lz4'] as const) {
    const path = `${folder}/${compression}`
    const log = await open(t, path, { requireKeys: true, segmentBytes: 1_024, compression })
    for (let i = 0; i < 100; i++) await log.append({ key: `k${i % 5}`, value: `${i}` })
    await log.append({ key: 'k0', value: null })
    const size = log.sizeInBytes
    const { recordsKept } = await log.compact()
    t.is(recordsKept, 5)
    t.true(log.sizeInBytes < size / 4)
    t.deepEqual(await contents(log), ['k1=96@96', 'k2=97@97', 'k3=98@98', 'k4=99@99', 'k0=null@100'])
    t.is((await log.append({ key: 'k1', value: 'new' })).baseOffset, 101)
    await log.compact({ deleteRetentionMs: 0 })
    await log.close()
    const reopened = await open(t, path, { requireKeys: true })
    t.deepEqual((await contents(reopened)).slice(0, 3), ['k2=97@97', 'k3=98@98', 'k4=99@99'])
    t.deepEqual(await contents(reopened), await contents(reopened))
    t.is(reopened.endOffset, 102)
  }
})

test('compact is refused where records may have no key', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await rejects(t, log.compact(), 'INVALID_OPTION', /requireKeys/)
  const keyed = await open(t, await temporaryFolder(t), { requireKeys: true })
  await rejects(t, keyed.append({ value: 'v' }), 'INVALID_RECORD', /key/)
})

test('changes and appends beside each other leave a log in order', async (t) => {
  const log = await open(t, await temporaryFolder(t), { segmentBytes: 2_048 })
  await fill(log, 50)
  const appends = Array.from({ length: 50 }, (_, i) => log.append({ value: `late ${i}` }))
  await Promise.all([log.trim(10), log.truncate(20), log.flush(), ...appends])
  const records = await collect(log.read())
  t.is(records[0]?.offset, 10)
  t.true(records.every(({ offset }, i) => offset === i + 10))
  t.is(records.at(-1)?.offset, log.endOffset - 1)
})
