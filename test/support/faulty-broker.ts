/**
 * A broker in a process of its own whose disk fails on demand: the engine's faults hold for a whole process, which
 * tests share.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { pino } from 'pino'
import { createBroker } from '../../lib/index.js'
import { addon } from '../../lib/native/addon.js'

export interface DiskFault {
  operation: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink' | 'syncFolder'
  /** Part of the path. */
  path: string
  errno: number
}

type Order = { faults: DiskFault[] } | 'close'

export class FaultyBroker {
  readonly bootstrap: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown[]>

  private constructor(child: ChildProcess, bootstrap: string, exited: Promise<unknown[]>) {
    this.#child = child
    this.bootstrap = bootstrap
    this.#exited = exited
  }

  static async start(
    dataDir: string,
    faults: DiskFault[] = [],
    properties: Record<string, string> = {},
  ): Promise<FaultyBroker> {
    const child = fork(import.meta.filename, [dataDir, JSON.stringify(faults), JSON.stringify(properties)])
    const exited = once(child, 'exit')
    const ended = exited.then(([code]) => {
      throw new Error(`the broker ended with ${code}`)
    })
    const [bootstrap] = await Promise.race([once(child, 'message'), ended])
    ended.catch(() => {})
    return new FaultyBroker(child, bootstrap as string, exited)
  }

  /** In place of those that there were. Resolves when they hold. */
  async fail(...faults: DiskFault[]): Promise<void> {
    const holds = once(this.#child, 'message')
    this.#order({ faults })
    await holds
  }

  /** A clean stop, as far as the disk lets it be one. */
  async close(): Promise<void> {
    this.#order('close')
    const [code] = await this.#exited
    if (code !== 0) throw new Error(`the broker ended with ${code}`)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #order(order: Order): void {
    this.#child.send(order)
  }
}

function setFaults(faults: DiskFault[]): void {
  ;(addon as { setFaults(faults: DiskFault[]): void }).setFaults(faults)
}

async function main([dataDir, faults, properties]: string[]): Promise<void> {
  // Installed before anything is opened: files stay with the file system that opened them.
  setFaults(JSON.parse(faults!))
  const broker = await createBroker({
    port: 0,
    dataDir: dataDir!,
    properties: JSON.parse(properties!),
    log: pino({ level: 'silent' }),
  })
  process.on('message', async (order: Order) => {
    if (order === 'close') {
      await broker.close()
      process.disconnect()
    } else {
      setFaults(order.faults)
      process.send!('failing')
    }
  })
  process.send!(broker.bootstrap)
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
