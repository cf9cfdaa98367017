/** Several handles on one log in one process: in one thread, and in worker threads. */
import { once } from 'node:events'
import test from 'ava'
import { open, rejects, temporaryFolder, values } from './opened-log.js'
import { startWorker } from './program.js'

test('handles of one thread share the log, its order and its end', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await open(t, folder, { segmentBytes: 4_096 })
  const second = await open(t, folder)
  t.deepEqual(await first.append({ value: 'a' }), { baseOffset: 0, lastOffset: 0 })
  t.deepEqual(await second.append({ value: 'b' }), { baseOffset: 1, lastOffset: 1 })
  t.deepEqual(await values(first), ['a', 'b'])
  await second.trim(1)
  t.is(first.startOffset, 1)
  await first.truncate(1)
  t.is(second.endOffset, 1)
  await first.close()
  t.deepEqual(await second.append({ value: 'c' }), { baseOffset: 1, lastOffset: 1 })
  await second.close()
  const again = await open(t, folder)
  t.is(again.recovery.scannedBytes, 0)
  t.deepEqual([again.startOffset, ...(await values(again))], [1, 'c'])
})

test('options that contradict those of an open handle are refused, others are taken over', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await open(t, folder, { requireKeys: true, retentionBytes: 1 << 20 })
  const error = await rejects(t, open(t, folder, { requireKeys: false }), 'OPTIONS_CONFLICT')
  t.is(error.option, 'requireKeys')
  const second = await open(t, folder, { retentionBytes: 1 << 20, compression: 'gzip' })
  await rejects(t, second.append({ value: 'no key' }), 'INVALID_RECORD')
  await first.close()
  await second.close()
  await (await open(t, folder, { requireKeys: false })).append({ value: 'no key' })
})

for (const durability of ['fsync', 'os'] as const) {
  test(`worker threads append to one log, and the main thread follows (${durability})`, async (t) => {
    const folder = await temporaryFolder(t)
    const log = await open(t, folder, { durability, segmentBytes: 65_536 })
    const workers = ['a', 'b', 'c'].map((name) =>
      startWorker(
        t,
        `const log = await Log.open(${JSON.stringify(folder)}, { durability: '${durability}' })
         const offsets = []
         for (let i = 0; i < 100; i++) offsets.push((await log.append({ value: '${name}' + i })).baseOffset)
         await log.close()
         parentPort.postMessage(offsets)`,
      ),
    )
    const answers = workers.map((worker) => once(worker, 'message'))
    const seen: string[] = []
    for await (const { value } of log.follow()) if (seen.push(String(value)) === 300) break
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const [offsets] = (await answers[i]) as [number[]]
      t.deepEqual(
        seen.filter((value) => value.startsWith(name)),
        Array.from({ length: 100 }, (_, n) => `${name}${n}`),
      )
      t.deepEqual(
        offsets.map((offset) => seen[offset]),
        Array.from({ length: 100 }, (_, n) => `${name}${n}`),
      )
    }
  })
}

test('a worker that ends in the middle of its appends leaves the log to the others', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  for (let round = 0; round < 3; round++) {
    const worker = startWorker(
      t,
      `const log = await Log.open(${JSON.stringify(folder)})
       await log.append({ value: 'worker' })
       parentPort.postMessage('appended')
       for (;;) await Promise.all(Array.from({ length: 50 }, () => log.append({ value: 'x'.repeat(2000) })))`,
    )
    await once(worker, 'message')
    await worker.terminate()
    const { baseOffset } = await log.append({ value: `main ${round}` })
    t.deepEqual(await values(log, { from: baseOffset, to: baseOffset + 1 }), [`main ${round}`])
  }
  await log.close()
  t.is((await open(t, folder)).recovery.scannedBytes, 0)
})

test('after the last thread has ended without closing, the log is as after a crash', async (t) => {
  const folder = await temporaryFolder(t)
  const worker = startWorker(
    t,
    `const log = await Log.open(${JSON.stringify(folder)})
     await log.append({ value: 'kept' })
     parentPort.postMessage('appended')`,
  )
  await once(worker, 'message')
  await worker.terminate()
  const log = await open(t, folder)
  t.true(log.recovery.scannedBytes > 0)
  t.deepEqual(await values(log), ['kept'])
})
