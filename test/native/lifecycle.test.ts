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

async function run(source: string): Promise<{ code: number | null; signal: string | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { timeout: 180_000 })
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
       await log.append(batch(60), { ...leader, flush: true })`,
    ),
  )
  t.deepEqual(ended, { code: 0, signal: null, output: '60\n' })
})
