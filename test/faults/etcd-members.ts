/** An etcd of one or three members on addresses of its own; each of them can be killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EtcdMetadataStore } from '../../lib/cluster/index.js'
import type { Address } from './fault-link.js'

const clientPort = 2379
const peerPort = 2380

/** Of all clusters of this process. Brokers end by themselves when it does, etcd would stay. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class EtcdMembers implements AsyncDisposable {
  readonly addresses: readonly Address[]
  readonly #folder: string
  readonly #processes: (ChildProcess | undefined)[] = []

  private constructor(hosts: readonly string[], folder: string) {
    this.addresses = hosts.map((host) => ({ host, port: clientPort }))
    this.#folder = folder
  }

  /** One member for each host. Resolves when they serve. */
  static async start(hosts: readonly string[], folder: string): Promise<EtcdMembers> {
    const members = new EtcdMembers(hosts, folder)
    for (const member of members.all) members.run(member)
    await members.healthy()
    return members
  }

  get all(): number[] {
    return [...this.addresses.keys()]
  }

  open(prefix: string): Promise<EtcdMetadataStore> {
    const endpoints = this.addresses.map(({ host, port }) => `${host}:${port}`)
    return EtcdMetadataStore.open({ endpoints, prefix, requestTimeoutMs: 10_000 })
  }

  /** Starts a member, or starts it again with what it had. */
  run(member: number): void {
    const peers = this.addresses.map(({ host }, index) => `m${index}=http://${host}:${peerPort}`)
    const { host } = this.addresses[member]!
    const client = `http://${host}:${clientPort}`
    const peer = `http://${host}:${peerPort}`
    const child = spawn(
      'etcd',
      [
        ['--data-dir', join(this.#folder, `etcd-${member}`), '--name', `m${member}`, '--unsafe-no-fsync'],
        ['--listen-client-urls', client, '--advertise-client-urls', client],
        ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ['--initial-cluster', peers.join(), '--log-level', 'error'],
      ].flat(),
      { stdio: 'ignore' },
    )
    this.#processes[member] = child
    running.add(child)
    child.once('exit', () => running.delete(child))
  }

  /** Resolves when every member answers. */
  async healthy(): Promise<void> {
    for (const { host, port } of this.addresses) {
      for (;;) {
        const answer = await fetch(`http://${host}:${port}/health`, {
          signal: AbortSignal.timeout(2_000),
        }).then(
          (response) => response.text(),
          () => '',
        )
        if (answer.includes('true')) break
        await delay(20)
      }
    }
  }

  /** The member that leads; the first where none says so. */
  async leader(): Promise<number> {
    for (const [member, { host, port }] of this.addresses.entries()) {
      const status = await fetch(`http://${host}:${port}/v3/maintenance/status`, {
        method: 'POST',
        body: '{}',
        signal: AbortSignal.timeout(1_000),
      }).then(
        (response) => response.json() as Promise<{ leader?: string; header?: { member_id?: string } }>,
        () => undefined,
      )
      if (status?.leader !== undefined && status.leader === status.header?.member_id) return member
    }
    return 0
  }

  async kill(member: number): Promise<void> {
    const child = this.#processes[member]
    this.#processes[member] = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(member: number): void {
    this.#processes[member]?.kill('SIGSTOP')
  }

  /** Whether it was paused or killed. */
  resume(member: number): void {
    const child = this.#processes[member]
    if (child) child.kill('SIGCONT')
    else this.run(member)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.all) await this.kill(member)
    for (const member of this.all)
      await rm(join(this.#folder, `etcd-${member}`), { recursive: true, force: true })
  }
}
