/** The engine's threads and the ends of those who use them: the process, a worker, an exit in the middle. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { open, temporaryFolder } from './engine.js'

const engine = new URL('./engine.js', import.meta.url).href

/** A script that opens a log in `folder`; `body` goes on from there. */
function script(folder: string, body: string): string {
  return `
    const { batch, crashed, leader } = await import(${JSON.stringify(engine)})
    const { openLog } = await import(${JSON.stringify(new URL('../../lib/native/index.js', import.meta.url).href)})
    const log = await openLog(${JSON.stringify(`${folder}/orders-0`)}, crashed)
    const append = () => log.append(batch(60), leader)
    ${body}`
}

async function run(
  source: string,
  ...flags: string[]
): Promise<{ code: number | null; signal: string | null; output: string }> {
  const args = [...flags, '--input-type=module', '-e', source]
  const child = spawn(process.execPath, args, { timeout: 180_000 })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (output += data))
  const [code, signal] = await once(child, 'close')
  return { code, signal, output }
}

test('the process ends by itself with a log open, after what is under way', async (t) => {
  const folder = await temporaryFolder(t)
  const ended = await run(
    script(folder, `for (let i = 0; i < 500; i++) append().then(() => i === 499 && console.log('last'))`),
  )
  t.deepEqual(ended, { code: 0, signal: null, output: 'last\n' })
  t.is((await open(t, folder)).logEndOffset, 500 * 60)
})

test('process.exit neither hangs nor aborts while appends and flushes are in flight', async (t) => {
  for (let i = 0; i < 5; i++) {
    const folder = await temporaryFolder(t)
    const ended = await run(
      script(
        folder,
        `for (let i = 0; i < 2000; i++) { append(); if (i % 100 === 0) log.flush() }
         setTimeout(() => process.exit(7), ${i})`,
      ),
    )
    t.deepEqual(ended, { code: 7, signal: null, output: '' })
    t.is((await open(t, folder)).logEndOffset % 60, 0)
  }
})

test('a worker appends beside the main thread, and ends in the middle without harm', async (t) => {
  const folder = await temporaryFolder(t)
  const own = await open(t, `${folder}-main`)
  t.teardown(() => own.remove().catch(() => undefined))
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(
      new URL(
        `data:text/javascript,${encodeURIComponent(
          script(
            folder,
            `const { parentPort } = await import('node:worker_threads')
             await append()
             parentPort.postMessage('appended')
             for (;;) { await Promise.all(Array.from({ length: 200 }, append)); await log.flush() }`,
          ),
        )}`,
      ),
    )
    t.deepEqual(await once(worker, 'message'), ['appended'])
    t.is(await worker.terminate(), 1)
  }
  const recovered = await open(t, folder)
  t.true(recovered.logEndOffset >= 5 * 60)
  t.is(recovered.logEndOffset % 60, 0)
})

/** Appends, reads and flushes without end, from when it has said that it began. */
const busy = `
  const { parentPort } = await import('node:worker_threads')
  await append()
  parentPort?.postMessage('busy')
  const all = { maxBytes: 1 << 16, minOneBatch: true, maxOffset: Number.MAX_SAFE_INTEGER }
  for (let i = 0; ; i++) {
    const reads = Array.from({ length: 20 }, async () => {
      const { range } = await log.read(0, all)
      if (i % 2 === 0) range.release()
    })
    await Promise.all([...Array.from({ length: 50 }, append), ...reads, log.readBytes(0, all), log.flush()])
  }`

test('several workers are terminated at once in the middle of appends, reads and flushes', async (t) => {
  const folders = await Promise.all(Array.from({ length: 4 }, () => temporaryFolder(t)))
  for (let round = 0; round < 3; round++) {
    const workers = folders.map(
      (folder) => new Worker(new URL(`data:text/javascript,${encodeURIComponent(script(folder, busy))}`)),
    )
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    t.deepEqual(await Promise.all(workers.map((worker) => worker.terminate())), [1, 1, 1, 1])
  }
  for (const folder of folders) {
    const log = await open(t, folder)
    t.true(log.logEndOffset >= 3 * 60)
    t.is(log.logEndOffset % 60, 0)
  }
})

test('process.exit ends workers in the middle of what they do', async (t) => {
  const folders = await Promise.all(Array.from({ length: 3 }, () => temporaryFolder(t)))
  const sources = folders.map((folder) => script(folder, busy))
  const ended = await run(`
    const { Worker } = await import('node:worker_threads')
    const { once } = await import('node:events')
    const started = ${JSON.stringify(sources)}.map((source) =>
      once(new Worker(new URL('data:text/javascript,' + encodeURIComponent(source))), 'message'))
    await Promise.all(started)
    process.exit(7)`)
  t.deepEqual(ended, { code: 7, signal: null, output: '' })
  for (const folder of folders) t.is((await open(t, folder)).logEndOffset % 60, 0)
})

test('logs, ranges and promises are collected, and descriptors are closed', async (t) => {
  const folder = await temporaryFolder(t)
  const rounds = 150
  const ended = await run(
    script(
      folder,
      `const { readdir } = await import('node:fs/promises')
       const collected = { log: 0, range: 0, promise: 0 }
       const registry = new FinalizationRegistry((kind) => collected[kind]++)
       const all = { maxBytes: 1 << 16, minOneBatch: true, maxOffset: Number.MAX_SAFE_INTEGER }
       async function use(i) {
         const one = await openLog(${JSON.stringify(folder)} + '/many-' + i, crashed)
         const appended = one.append(batch(60), { ...leader, flush: 'asked' })
         registry.register(appended, 'promise')
         await appended
         const { range } = await one.read(0, all)
         registry.register(range, 'range')
         registry.register(one, 'log')
         if (i % 2 === 0) range.release()
         await one.close()
       }
       const descriptors = async () => (await readdir('/proc/self/fd')).length
       await use(0)
       const before = await descriptors()
       for (let i = 1; i <= ${rounds}; i++) await use(i)
       // A conservative look at the stack may find the last of them.
       const isDone = async () =>
         Object.values(collected).every((count) => count >= ${rounds} - 5) && (await descriptors()) <= before + 5
       while (!(await isDone())) {
         gc()
         await new Promise(setImmediate)
       }
       console.log('collected')`,
    ),
    '--expose-gc',
  )
  t.deepEqual(ended, { code: 0, signal: null, output: 'collected\n' })
})

test('an idle engine keeps nobody alive', async (t) => {
  const folder = await temporaryFolder(t)
  const ended = await run(script(folder, `await append(); await log.flush(); console.log(log.flushedOffset)`))
  t.deepEqual(ended, { code: 0, signal: null, output: '60\n' })
})

test('the process does not end before a flush that was asked for', async (t) => {
  const folder = await temporaryFolder(t)
  const ended = await run(
    script(
      folder,
      `log.onFlush = (offset) => console.log(offset)
       await log.append(batch(60), { ...leader, flush: 'asked' })`,
    ),
  )
  t.deepEqual(ended, { code: 0, signal: null, output: '60\n' })
})
