import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import test from 'ava'

const module = new URL('../../lib/cli/stop-signal.js', import.meta.url).href

/** A process that is asked to stop and takes its time; it says `survived` after each signal that did not end it. */
const program = (sameSignalMs?: number) => `
  const { StopSignal } = await import(${JSON.stringify(module)})
  const stop = new StopSignal(${sameSignalMs ?? ''})
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => console.log('survived'))
  setInterval(() => {}, 1000)
  stop.received.then((signal) => console.log('asked by ' + signal))
  console.log('running')
`

function start(sameSignalMs?: number) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program(sameSignalMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    ended: once(child, 'exit'),
    line: async () => (await lines.next()).value as string | undefined,
  }
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const) {
  test(`the first ${signal} asks, a later one ends the process at once`, async (t) => {
    const { child, ended, line } = start()
    t.is(await line(), 'running')
    child.kill(signal)
    t.is(await line(), 'survived')
    t.is(await line(), `asked by ${signal}`)
    const again = setInterval(() => child.kill(signal), 50)
    t.is((await ended)[0], code)
    clearInterval(again)
  })
}

test('a signal that comes twice at once, as through npm, is one', async (t) => {
  const { child, ended, line } = start(600_000)
  t.is(await line(), 'running')
  child.kill('SIGINT')
  t.is(await line(), 'survived')
  child.kill('SIGINT')
  t.is(await line(), 'asked by SIGINT')
  t.is(await line(), 'survived')
  child.kill('SIGKILL')
  await ended
})
