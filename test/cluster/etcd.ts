/** An etcd of the test's own, in a temporary folder and on free ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EtcdMetadataStore, type EtcdOptions } from '../../lib/cluster/index.js'

export class Etcd implements AsyncDisposable {
  readonly clientPort: number
  readonly #peerPort: number
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor(folder: string, clientPort: number, peerPort: number) {
    this.#folder = folder
    this.clientPort = clientPort
    this.#peerPort = peerPort
  }

  static async start(): Promise<Etcd> {
    const folder = await mkdtemp(join(tmpdir(), 'odradek-etcd-'))
    for (;;) {
      const etcd = new Etcd(folder, await freePort(), await freePort())
      if (await etcd.run()) return etcd
    }
  }

  get endpoint(): string {
    return `127.0.0.1:${this.clientPort}`
  }

  options(changes: Partial<EtcdOptions> = {}) {
    return { endpoints: [this.endpoint], prefix: 'test/', requestTimeoutMs: 60_000, ...changes }
  }

  open(changes: Partial<EtcdOptions> = {}): Promise<EtcdMetadataStore> {
    return EtcdMetadataStore.open(this.options(changes))
  }

  /** Starts it, or starts it again with what it had. False where a port was taken meanwhile. */
  async run(): Promise<boolean> {
    const client = `http://${this.endpoint}`
    const peer = `http://127.0.0.1:${this.#peerPort}`
    const child = spawn(
      'etcd',
      [
        ['--data-dir', this.#folder, '--name', 'one', '--unsafe-no-fsync'],
        ['--listen-client-urls', client, '--advertise-client-urls', client],
        ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ['--initial-cluster', `one=${peer}`, '--log-level', 'error'],
      ].flat(),
      { stdio: 'ignore' },
    )
    this.#process = child
    let ended = false
    child.once('exit', () => {
      ended = true
    })
    while (!ended) {
      const healthy = await fetch(`${client}/health`).then(
        (answer) => answer.text(),
        () => '',
      )
      if (healthy.includes('true')) return true
      await delay(20)
    }
    return false
  }

  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** It keeps its connections and answers nothing. */
  pause(): void {
    this.#process!.kill('SIGSTOP')
  }

  resume(): void {
    this.#process!.kill('SIGCONT')
  }

  /** A command of etcd's own over its JSON gateway. */
  async command(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://${this.endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Record<string, unknown>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
