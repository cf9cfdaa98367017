/** Node programs beside the test: other processes and worker threads that use the log. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'

const log = new URL('../../lib/embedded/index.js', import.meta.url).href

function script(body: string): string {
  return `const { Log } = await import(${JSON.stringify(log)})\n${body}`
}

/** A process that runs `body` with `Log` at hand; killed with the test. */
export class Program {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #closed: Promise<unknown>

  constructor(t: ExecutionContext, body: string) {
    this.child = spawn(process.execPath, ['--input-type=module', '-e', script(body)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#closed = once(this.child, 'close')
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    t.teardown(() => this.kill())
  }

  /** The next line that it writes; undefined at its end. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next()
    return done ? undefined : value
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#closed
  }
}

/** A worker thread that runs `body` with `Log` and `parentPort` at hand; ended with the test. */
export function startWorker(t: ExecutionContext, body: string): Worker {
  const source = script(`const { parentPort } = await import('node:worker_threads')\n${body}`)
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  t.teardown(() => worker.terminate())
  return worker
}
