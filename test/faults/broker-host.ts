/**
 * A broker in a process of its own, for tests that end it in every way there is. It can record what it does to its
 * disk, and have a slow one.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { pino } from 'pino'
import { createBroker } from '../../lib/index.js'
import { addon } from '../../lib/native/addon.js'
import { recordFiles } from '../../lib/native/file-recording.js'

export interface BrokerHostOptions {
  readonly dataDir: string
  readonly properties: Readonly<Record<string, string>>
  /** Where its log goes. */
  readonly logFile: string
  /** Where to write down what it does to the disk. */
  readonly journal?: string
}

/** How a disk is ill: syncs of its files take longer, or those below `path` fail. */
export interface DiskIllness {
  readonly syncDelayMs?: number
  readonly failing?: { readonly path: string; readonly errno: number }
}

type Order = DiskIllness | 'close'

export class BrokerHost {
  /** The exit code, null after a signal. */
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  readonly #ready: Promise<unknown>

  constructor(options: BrokerHostOptions) {
    const errors = openSync(options.logFile, 'a')
    const child = fork(import.meta.filename, [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', errors, 'ipc'],
    })
    closeSync(errors)
    this.#child = child
    this.exited = once(child, 'exit').then(([code]) => code)
    this.#ready = Promise.race([
      once(child, 'message'),
      this.exited.then((code) => {
        throw new Error(`broker ${options.properties['node.id']} ended with ${code} before it was ready`)
      }),
    ])
    this.#ready.catch(() => {})
  }

  /** Resolves when it serves; rejects where it ends before. */
  async ready(): Promise<void> {
    await this.#ready
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks for a clean stop. */
  close(): void {
    this.#order('close')
  }

  /** In place of what the disk suffered from before; nothing makes it well. */
  setDisk(illness: DiskIllness): void {
    this.#order(illness)
  }

  #order(order: Order): void {
    // One that is dead already needs no orders.
    if (this.#child.connected) this.#child.send(order, () => {})
  }
}

function setDisk({ syncDelayMs, failing }: DiskIllness): void {
  const faults = []
  if (syncDelayMs !== undefined) faults.push({ operation: 'sync', path: '', delayMs: syncDelayMs })
  if (failing) faults.push({ operation: 'sync', ...failing })
  ;(addon as { setFaults(faults: readonly object[]): void }).setFaults(faults)
}

async function main([text]: string[]): Promise<void> {
  const { dataDir, properties, logFile, journal } = JSON.parse(text!) as BrokerHostOptions
  // Whoever started this process is gone.
  process.once('disconnect', () => process.exit(1))
  // Installed before anything is opened: files stay with the file system that opened them.
  setDisk({})
  if (journal !== undefined) recordFiles(journal, dataDir)
  const log = pino(
    { level: process.env.LOG_LEVEL ?? 'info' },
    pino.destination({ dest: logFile, sync: true }),
  )
  let isClosing = false
  const starting = createBroker({ dataDir, properties, log })
  process.on('message', async (order: Order) => {
    if (order !== 'close') {
      setDisk(order)
      return
    }
    if (isClosing) return
    isClosing = true
    await (await starting).close()
    process.exit(0)
  })
  await starting
  process.send!('ready')
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
