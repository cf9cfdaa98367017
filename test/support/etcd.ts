/** An etcd of the test's own, in a temporary folder and on free ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EtcdMetadataStore, type EtcdOptions } from '../../lib/cluster/index.js'
import { steadyPort } from './steady-port.js'

export interface EtcdStart {
  /** Further options of etcd's. */
  args?: readonly string[]
  /** Clients come over TLS, and show a certificate of this CA; the files' paths. */
  tls?: { readonly ca: string; readonly cert: string; readonly key: string }
}

export class Etcd implements AsyncDisposable {
  readonly name: string
  readonly clientPort: number
  readonly #peerPort: number
  readonly #folder: string
  readonly #options: EtcdStart
  #members: readonly Etcd[] = [this]
  #process: ChildProcess | undefined

  private constructor(
    folder: string,
    clientPort: number,
    peerPort: number,
    options: EtcdStart = {},
    name = 'one',
  ) {
    this.#folder = folder
    this.clientPort = clientPort
    this.#peerPort = peerPort
    this.#options = options
    this.name = name
  }

  static async start(options: EtcdStart = {}): Promise<Etcd> {
    for (;;) {
      const folder = await mkdtemp(join(tmpdir(), 'odradek-etcd-'))
      const etcd = new Etcd(folder, await steadyPort(), await steadyPort(), options)
      if (await etcd.run()) return etcd
      await etcd[Symbol.asyncDispose]()
    }
  }

  /** Members of one etcd. */
  static async startMembers(names: readonly string[], options: EtcdStart = {}): Promise<Etcd[]> {
    for (;;) {
      const members: Etcd[] = []
      for (const name of names) {
        const folder = await mkdtemp(join(tmpdir(), 'odradek-etcd-'))
        members.push(new Etcd(folder, await steadyPort(), await steadyPort(), options, name))
      }
      for (const member of members) member.#members = members
      const started = await Promise.all(members.map((member) => member.run()))
      if (!started.includes(false)) return members
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()))
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
    const { tls, args = [] } = this.#options
    const client = `${tls ? 'https' : 'http'}://${this.endpoint}`
    const peer = this.#peerUrl
    const health = tls ? `http://127.0.0.1:${await steadyPort()}` : client
    const child = spawn(
      'etcd',
      [
        ['--data-dir', this.#folder, '--name', this.name, '--unsafe-no-fsync'],
        ['--listen-client-urls', client, '--advertise-client-urls', client],
        ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ['--initial-cluster', this.#members.map((member) => `${member.name}=${member.#peerUrl}`).join()],
        ['--log-level', 'error', ...args],
        // Its health is asked for in plain text.
        tls ? ['--listen-metrics-urls', health] : [],
        tls ? ['--cert-file', tls.cert, '--key-file', tls.key] : [],
        tls ? ['--client-cert-auth', '--trusted-ca-file', tls.ca] : [],
      ].flat(),
      { stdio: 'ignore' },
    )
    this.#process = child
    let ended = false
    child.once('exit', () => {
      ended = true
    })
    while (!ended) {
      const healthy = await fetch(`${health}/health`).then(
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
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** Whether it leads the members, as it says itself. */
  async isLeader(): Promise<boolean> {
    const { header, leader } = await this.command('maintenance/status', {})
    return leader !== undefined && leader === (header as { member_id: string }).member_id
  }

  get #peerUrl(): string {
    return `http://127.0.0.1:${this.#peerPort}`
  }

  /** From when this resolves it keeps its connections and answers nothing. */
  async pause(): Promise<void> {
    const child = this.#process!
    child.kill('SIGSTOP')
    // On a busy machine its threads go on for a while after the signal was sent.
    while (!(await isStopped(child.pid!))) await delay(5)
  }

  resume(): void {
    this.#process!.kill('SIGCONT')
  }

  /** Keeps what it has now, for `restore`. REQUIRES: it does not run. */
  async save(): Promise<void> {
    await cp(this.#folder, `${this.#folder}-saved`, { recursive: true })
  }

  /** It has what it had when it was saved. REQUIRES: it does not run. */
  async restore(): Promise<void> {
    await rm(this.#folder, { recursive: true })
    await rename(`${this.#folder}-saved`, this.#folder)
  }

  /** A command of etcd's own over its JSON gateway. */
  async command(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://${this.endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...(token !== undefined && { headers: { authorization: token } }),
    })
    return (await answer.json()) as Record<string, unknown>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Whether none of its threads runs any more; only Linux tells of threads. */
async function isStopped(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const tasks = `/proc/${pid}/task`
  const stateOf = (task: string) =>
    readFile(join(tasks, task, 'status'), 'utf8').catch(() => 'State:\tthe thread has ended')
  const states = await Promise.all((await readdir(tasks)).map(stateOf))
  return states.every((status) => /^State:\tT/m.test(status))
}
