import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { append, batch, clean, crashed, open, setFaults, temporaryFolder } from './engine.js'

const EIO = 5
const ENOSPC = 28
const ACTIVE = '00000000000000000000.log'

test('a copy of the files of a running log opens with all that was appended', async (t) => {
  const [folder, copy] = [await temporaryFolder(t), await temporaryFolder(t)]
  const log = await open(t, folder)
  for (let i = 0; i < 20; i++) await append(log, batch(3))
  await cp(folder, copy, { recursive: true })
  const recovered = await open(t, copy, crashed)
  t.is(recovered.logEndOffset, 60)
  t.is(recovered.flushedOffset, 60)
  t.is(recovered.recovery.scannedBytes, 20 * batch(3).length)
})

test('a torn tail is cut at the last whole batch', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  for (let i = 0; i < 4; i++) await append(log, batch(3))
  await log.close()
  await truncate(join(log.path, ACTIVE), 4 * batch(3).length - 1)
  const recovered = await open(t, folder, crashed)
  t.is(recovered.logEndOffset, 9)
  t.is(recovered.recovery.truncatedBytes, batch(3).length - 1)
  t.is((await append(recovered, batch(1))).baseOffset, 9)
})

test('a flipped byte past the recovery point is cut off', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  for (let i = 0; i < 4; i++) await append(log, batch(3))
  await log.close()
  const bytes = await readFile(join(log.path, ACTIVE))
  bytes[2 * batch(3).length + 70]! ^= 1
  await writeFile(join(log.path, ACTIVE), bytes)
  const recovered = await open(t, folder, { ...crashed, recoveryPoint: 3 })
  t.is(recovered.logEndOffset, 6)
})

// Serial: the faults are the whole process's.
test.serial('a failed fsync fails the log, and the next open cuts to what was flushed', async (t) => {
  const folder = await temporaryFolder(t)
  // From here on files are opened by way of the layer that can fail.
  setFaults(t, [])
  const log = await open(t, folder)
  const failure = new Promise((resolve) => (log.onFailure = resolve))
  await append(log, batch(2))
  t.is(await log.flush(), 2)
  await append(log, batch(2))
  setFaults(t, [{ operation: 'sync', path: folder, errno: EIO, times: 1 }])
  await t.throwsAsync(log.flush(), { code: 'IO' })
  t.like(await failure, { code: 'IO', errno: EIO, path: join(log.path, ACTIVE) })
  await t.throwsAsync(append(log, batch(1)), { code: 'LOG_FAILED' })
  t.is(log.flushedOffset, 2)
  await log.close()
  const again = await open(t, folder, clean)
  t.is(again.logEndOffset, 2)
  t.is((await append(again, batch(1))).baseOffset, 2)
})

test.serial('a full disk refuses all that is under way and keeps what is whole', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await append(log, batch(2))
  setFaults(t, [{ operation: 'write', path: folder, errno: ENOSPC }])
  const answers = await Promise.allSettled(Array.from({ length: 50 }, () => append(log, batch(2))))
  for (const answer of answers) {
    t.true(answer.status === 'rejected' && ['NO_SPACE', 'LOG_FAILED'].includes(answer.reason.code))
  }
  t.is(log.logEndOffset, 2)
  t.is(log.sizeInBytes, batch(2).length)
  setFaults(t, [])
  await log.close()
  t.is((await readFile(join(log.path, ACTIVE))).length, batch(2).length)
  t.is((await open(t, folder, clean)).logEndOffset, 2)
})

test('segments that are swapped in replace the old ones for good', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  for (let i = 0; i < 2; i++) {
    await append(log, batch(5))
    await log.roll()
  }
  const kept = batch(1)
  kept.writeBigInt64BE(7n, 0)
  await writeFile(join(log.path, `${ACTIVE}.cleaned`), kept)
  await log.replaceSegments([0], [0, 5])
  t.is(log.firstSegmentOffset, 0)
  t.is(log.sizeInBytes, kept.length)
  await log.close()
  t.deepEqual(
    (await readdir(log.path)).filter((name) => name.endsWith('.log')),
    [ACTIVE, '00000000000000000010.log'],
  )
  const again = await open(t, folder, clean)
  t.is((await again.scanHeaders(0, 10, 10)).count, 1)
})
