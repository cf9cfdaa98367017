/** A log and several processes: one writes, others read; a writer that is killed; who is refused. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { Log } from '../../lib/embedded/index.js'
import { fill, open, rejects, temporaryFolder, values } from './opened-log.js'
import { Program } from './program.js'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5)
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => String(i + from))

test('a second writer is refused as long as the first lives, and no longer', async (t) => {
  const folder = await temporaryFolder(t)
  const writer = new Program(
    t,
    `const log = await Log.open(${JSON.stringify(folder)})
     await log.append({ value: 'first' })
     console.log('open')
     setInterval(() => {}, 1000)`,
  )
  t.is(await writer.line(), 'open')
  await rejects(t, open(t, folder), 'LOCKED', /readOnly/)
  await writer.kill()
  const log = await open(t, folder)
  t.deepEqual(await values(log), ['first'])
})

test('another process follows the log through rolls, trims, compaction and truncation', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024, requireKeys: true })
  for (let i = 0; i < 50; i++) await log.append({ key: 'k', value: String(i) })
  const reader = new Program(
    t,
    `const log = await Log.open(${JSON.stringify(folder)}, { readOnly: true })
     for await (const { offset, value } of log.follow()) console.log(offset + '=' + value)`,
  )
  for (const value of numbers(0, 50)) t.is(await reader.line(), `${value}=${value}`)
  for (let i = 50; i < 100; i++) {
    await log.append({ key: 'k', value: String(i) })
    t.is(await reader.line(), `${i}=${i}`)
  }
  await log.trim(90)
  await log.append({ key: 'k', value: '100' })
  t.is(await reader.line(), '100=100')
  await log.compact()
  await log.append({ key: 'k', value: '101' })
  t.is(await reader.line(), '101=101')
})

test('a reader sees what is there, where it starts and how it is cut', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024 })
  await fill(log, 100)
  await log.trim(10)
  const reader = await open(t, folder, { readOnly: true })
  t.deepEqual([reader.startOffset, reader.endOffset], [10, 100])
  t.deepEqual(await values(reader), numbers(10, 100))
  t.is(await reader.offsetForTimestamp(1_050), 50)
  const range = await reader.readRange(20, { maxBytes: 300 })
  t.is(range?.baseOffset, 20)
  range?.range.release()
  await log.truncate(60)
  await until(() => reader.endOffset === 60)
  t.deepEqual(await values(reader), numbers(10, 60))
  await log.trim(40)
  await until(() => reader.startOffset === 40)
  await rejects(t, () => reader.read({ from: 39 }), 'OFFSET_OUT_OF_RANGE')
  await log.append({ value: 'anew' })
  await until(() => reader.endOffset === 61)
  t.deepEqual(await values(reader), [...numbers(40, 60), 'anew'])
})

test('a reader that has read beyond a cut is told', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 10)
  const reader = await open(t, folder, { readOnly: true })
  const waiting = reader.follow({ from: 10 }).next()
  await log.truncate(5)
  await rejects(t, waiting, 'OFFSET_OUT_OF_RANGE', /cut to offset 5/)
})

test('a reader changes nothing and writes nothing', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 3)
  await log.close()
  const reader = await open(t, folder, { readOnly: true })
  t.deepEqual(await values(reader), ['0', '1', '2'])
  const changes: ((log: Log) => Promise<unknown>)[] = [
    (log) => log.append({ value: 'x' }),
    (log) => log.appendBatch(new Uint8Array(70)),
    (log) => log.truncate(0),
    (log) => log.trim(1),
    (log) => log.flush(),
    (log) => log.compact(),
    (log) => log.ready(),
  ]
  for (const change of changes) await rejects(t, change(reader), 'READ_ONLY', /readOnly/)
  await rejects(t, open(t, `${folder}/nowhere`, { readOnly: true }), 'NOT_FOUND')
  const again = await open(t, folder)
  t.is(again.recovery.scannedBytes, 0)
})

test('a reader that is closed leaves nothing open, and the files to their writer', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder, { segmentBytes: 1_024 })
  for (let i = 0; i < 20; i++) await log.append({ value: Buffer.alloc(300) })
  const contents = async () => {
    const names = (await readdir(folder)).filter((name) => /\.(log|index|timeindex)$/.test(name)).sort()
    return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))]))
  }
  const before = await contents()
  const openFiles = async () => {
    const links = (await readdir('/proc/self/fd')).map((fd) =>
      readlink(`/proc/self/fd/${fd}`).catch(() => ''),
    )
    return (await Promise.all(links)).filter((link) => link.startsWith(folder)).length
  }
  const ofWriter = await openFiles()
  for (let i = 0; i < 3; i++) {
    const reader = await open(t, folder, { readOnly: true })
    t.is((await values(reader)).length, 20)
    const reading = reader.read()
    await reading.next()
    await reader.close()
    await rejects(t, reader.readBatch(), 'CLOSED')
  }
  t.is(await openFiles(), ofWriter)
  t.deepEqual(await contents(), before)
})

test('a reader may come before the first record', async (t) => {
  const folder = await temporaryFolder(t)
  const reader = await open(t, folder, { readOnly: true })
  t.deepEqual([reader.startOffset, reader.endOffset], [0, 0])
  const first = reader.follow().next()
  const log = await open(t, folder)
  await log.append({ value: 'first' })
  t.is(String((await first).value?.value), 'first')
})

for (const durability of ['fsync', 'os'] as const) {
  test(`all that a killed writer had acknowledged is there, in whole calls (${durability})`, async (t) => {
    const folder = await temporaryFolder(t)
    for (let round = 0; round < 3; round++) {
      const writer = new Program(
        t,
        `const log = await Log.open(${JSON.stringify(folder)}, { segmentBytes: 65536, durability: '${durability}' })
         let next = log.endOffset
         for (;;) {
           await Promise.all(Array.from({ length: 20 }, async (_, i) => {
             const { baseOffset } = await log.append([1, 2, 3].map((n) => ({ value: 'x'.repeat(500), key: String(n) })))
             next = Math.max(next, baseOffset + 3)
           }))
           console.log(next)
         }`,
      )
      let acknowledged = 0
      for (let i = 0; i < 20; i++) acknowledged = Number(await writer.line())
      await writer.kill()
      const beside = await open(t, folder, { readOnly: true })
      t.true(beside.endOffset >= acknowledged)
      const log = await open(t, folder)
      t.true(log.endOffset >= acknowledged)
      let next = 0
      for await (const { offset, key, value } of log.read()) {
        t.is(offset, next++)
        if (String(key) !== String((offset % 3) + 1) || value?.length !== 500) t.fail(`record ${offset}`)
      }
      t.is(next % 3, 0)
      t.is(next, log.endOffset)
      await log.close()
    }
  })
}

test('after a kill only what lies past the checkpoint is scanned', async (t) => {
  const folder = await temporaryFolder(t)
  const writer = new Program(
    t,
    `const log = await Log.open(${JSON.stringify(folder)}, { segmentBytes: 65536, maintenanceIntervalMs: 10 })
     for (let i = 0; i < 100; i++) await log.append({ value: Buffer.alloc(10000) })
     const { readFile } = await import('node:fs/promises')
     const path = ${JSON.stringify(folder)} + '/recovery-point-offset-checkpoint'
     while (!(await readFile(path, 'utf8')).includes('log 0 100')) await new Promise((go) => setTimeout(go, 5))
     for (let i = 0; i < 3; i++) await log.append({ value: Buffer.alloc(10000) })
     console.log('done')
     process.kill(process.pid, 'SIGKILL')`,
  )
  t.is(await writer.line(), 'done')
  await writer.kill()
  const log = await open(t, folder)
  t.is(log.endOffset, 103)
  t.true(log.recovery.scannedBytes < 100_000)
})
