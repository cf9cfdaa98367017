import { existsSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { addon } from '../../lib/native/addon.js'
import { openLog } from '../../lib/native/index.js'
import { append, baseOffsets, batch, clean, crashed, open, settings, temporaryFolder } from './engine.js'

const all = { maxBytes: 1 << 20, minOneBatch: true, maxOffset: Number.MAX_SAFE_INTEGER }

test('offsets and leader epoch are set in place, in the order of submission', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const batches = Array.from({ length: 100 }, (_, i) => batch(1 + (i % 3)))
  const results = await Promise.all(batches.map((bytes) => append(log, bytes)))
  let next = 0
  for (const [i, result] of results.entries()) {
    t.is(result.baseOffset, next)
    t.is(result.lastOffset, next + (i % 3))
    t.is(Number(batches[i]!.readBigInt64BE(0)), next)
    t.is(batches[i]!.readInt32BE(12), 3)
    next = result.lastOffset + 1
  }
  t.is(log.logEndOffset, next)
  t.is(
    log.sizeInBytes,
    batches.reduce((sum, bytes) => sum + bytes.length, 0),
  )
})

test('a read gives whole batches below the bound, by range and as bytes', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  for (let i = 0; i < 10; i++) await append(log, batch(2))
  const result = await log.read(5, { ...all, maxOffset: 14 })
  t.is(result.firstBatchOffset, 4)
  t.is(result.byteLength, 5 * batch(2).length)
  t.is(result.range?.byteLength, result.byteLength)
  result.range?.release()
  t.deepEqual(baseOffsets(await log.readBytes(5, { ...all, maxOffset: 14 })), [4, 6, 8, 10, 12])
  t.deepEqual(baseOffsets(await log.readBytes(5, { ...all, maxOffset: 13 })), [4, 6, 8, 10])
  t.deepEqual(await log.read(14, { ...all, maxOffset: 14 }), {
    range: null,
    firstBatchOffset: -1,
    byteLength: 0,
  })
  t.throws(() => log.read(21, all), { code: 'OFFSET_OUT_OF_RANGE' })
  await t.throwsAsync(log.readBytes(21, all), { code: 'OFFSET_OUT_OF_RANGE' })
})

test('what is in memory is answered at once', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await append(log, batch(2))
  t.false(log.read(0, all) instanceof Promise)
})

// Serial: the setting is the whole process's.
test.serial('the portable paths give the same answers', async (t) => {
  const force = (addon as { forcePortable(force: boolean): void }).forcePortable
  force(true)
  t.teardown(() => force(false))
  const log = await open(t, await temporaryFolder(t))
  for (let i = 0; i < 10; i++) await append(log, batch(2))
  await log.roll()
  const answer = log.read(7, { ...all, maxOffset: 12 })
  t.true(answer instanceof Promise)
  t.is((await answer).byteLength, 3 * batch(2).length)
})

test('headers are packed as on disk', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const batches = [batch(1, 1000), batch(2, 2000), batch(3, 3000)]
  for (const bytes of batches) await append(log, bytes)
  const first = await log.scanHeaders(2, 6, 1)
  t.is(first.count, 1)
  t.is(first.nextOffset, 3)
  t.deepEqual(Buffer.from(first.headers), batches[1]!.subarray(0, 61))
  const rest = await log.scanHeaders(first.nextOffset, 6, 10)
  t.is(rest.count, 1)
  t.is(rest.nextOffset, 6)
})

test('batches are found by timestamp', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  for (const timestamp of [1000, 3000, 2000, 5000]) await append(log, batch(2, timestamp))
  t.is(await log.findBatchByTimestamp(500, 0), 0)
  t.is(await log.findBatchByTimestamp(1500, 0), 2)
  t.is(await log.findBatchByTimestamp(1500, 4), 4)
  t.is(await log.findBatchByTimestamp(5001, 0), -1)
})

test('a refused batch is typed, and takes those with it that were submitted on its strength', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const corrupt = batch(1)
  corrupt[65]! ^= 1
  const answers = await Promise.allSettled([append(log, corrupt), append(log, batch(1))])
  t.deepEqual(
    answers.map((answer) => (answer.status === 'rejected' ? answer.reason.code : 'appended')),
    ['CORRUPT_BATCH', 'PREVIOUS_REFUSED'],
  )
  t.is((await append(log, batch(1), { refusalsSeen: 1 })).baseOffset, 0)
  log.configure({ ...settings, maxMessageBytes: 60 })
  await t.throwsAsync(append(log, batch(1), { refusalsSeen: 1 }), { code: 'BATCH_TOO_LARGE' })
})

test('onFlush follows the appends that asked for it', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const flushed = new Promise<number>((resolve) => (log.onFlush = resolve))
  await append(log, batch(4), { flush: 'asked' })
  t.is(await flushed, 4)
  t.is(log.flushedOffset, 4)
  await append(log, batch(1))
  t.is(await log.flush(), 5)
})

test('onRoll comes after the appends below it and before those above', async (t) => {
  const log = await open(t, await temporaryFolder(t), { ...crashed, segmentBytes: 400 })
  const seen: string[] = []
  log.onRoll = (baseOffset) => seen.push(`roll ${baseOffset}`)
  const appends = Array.from({ length: 12 }, () =>
    append(log, batch(4)).then((result) => seen.push(`append ${result.baseOffset}`)),
  )
  await Promise.all(appends)
  const rolls = seen.filter((line) => line.startsWith('roll'))
  t.is(rolls.length, log.segments().length - 1)
  for (const segment of log.segments().slice(1)) {
    const rolled = seen.indexOf(`roll ${segment.baseOffset}`)
    t.true(rolled >= 0 && rolled < seen.indexOf(`append ${segment.baseOffset}`))
  }
})

test('a listener that throws is an uncaught exception and takes no completion with it', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = new Promise((resolve) => process.once('uncaughtException', resolve))
  log.onRoll = () => {
    throw new Error('from the listener')
  }
  await append(log, batch(1))
  t.is(await log.roll(), 1)
  t.is(((await caught) as Error).message, 'from the listener')
  for (const listener of listeners) process.on('uncaughtException', listener)
})

test('segments are sealed, deleted and described', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await append(log, batch(5, 2000))
  t.is(await log.roll(), 5)
  t.is(await log.roll(), 5)
  await append(log, batch(5, 1000))
  const [sealed, active] = log.segments()
  t.like(sealed, { baseOffset: 0, maxTimestampMs: 2000, maxTimestampOffset: 4, active: false })
  t.like(active, { baseOffset: 5, maxTimestampMs: 1000, maxTimestampOffset: 9, active: true })
  const held = await log.read(0, all)
  t.is(await log.deleteSegmentsBefore(4), 0)
  t.is(await log.deleteSegmentsBefore(5), 1)
  t.is(log.firstSegmentOffset, 5)
  t.is(held.range?.byteLength, batch(5).length)
  held.range?.release()
  t.deepEqual(
    (await readdir(log.path)).filter((name) => name.startsWith('00000000000000000000')),
    [],
  )
})

test('a log is truncated, started anew and opened again', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  for (let i = 0; i < 5; i++) await append(log, batch(2))
  await log.truncate(7)
  t.is(log.logEndOffset, 6)
  t.deepEqual(baseOffsets(await log.readBytes(0, all)), [0, 2, 4])
  await log.reset(50)
  t.is((await append(log, batch(1))).baseOffset, 50)
  await log.close()
  const again = await open(t, folder, { ...clean, logStartOffset: 50 })
  t.is(again.logEndOffset, 51)
  t.deepEqual(again.recovery, { scannedBytes: 0, truncatedBytes: 0, rebuiltIndexes: 0 })
})

test('a closed log answers CLOSED, a removed one leaves no folder', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await append(log, batch(1))
  await log.close()
  await t.throwsAsync(append(log, batch(1)), { code: 'CLOSED' })
  t.throws(() => log.read(0, all), { code: 'CLOSED' })
  const again = await open(t, folder, clean)
  const last = append(again, batch(1))
  await again.remove()
  t.is((await last).baseOffset, 1)
  t.false(existsSync(again.path))
})

test('a folder with the longest name is removed too', async (t) => {
  const path = join(await temporaryFolder(t), 'n'.repeat(255))
  const log = await openLog(path, crashed)
  await log.remove()
  t.false(existsSync(path))
})

test('ranges that nobody released are collected with their descriptors', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  for (let i = 0; i < 20; i++) {
    await append(log, batch(1))
    await log.roll()
    await log.read(i, all)
    await log.deleteSegmentsBefore(i + 1)
  }
  const deleted = async () => {
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return links.filter((link) => link.startsWith(log.path) && link.endsWith('(deleted)')).length
  }
  t.true((await deleted()) > 0)
  while ((await deleted()) > 0) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
})
