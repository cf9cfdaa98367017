/**
 * Three brokers as processes over a real etcd, with a link of its own from each broker to each other one and to each
 * member of etcd, and from clients to each broker. Brokers tell their peers apart by Kafka's own settings: each has
 * one listener for every broker that dials it, and dials by its own name.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { EtcdMetadataStore } from '../../lib/cluster/index.js'
import type { Random } from '../support/random.js'
import { BrokerHost, type DiskIllness } from './broker-host.js'
import { EtcdMembers } from './etcd-members.js'
import { type Address, FaultLink } from './fault-link.js'
import { Loopback } from './loopback.js'
import { RecordedDisk } from './recorded-disk.js'

export interface FaultClusterOptions {
  readonly etcdMembers: 1 | 3
  /** Disks are recorded, so that power can be cut. */
  readonly records: boolean
  readonly properties: Readonly<Record<string, string>>
}

export type BrokerState = 'running' | 'paused' | 'down'

const prefix = 'faults/'
const clientPort = 9092
/** Of the listener for broker n: this and n. The links before them are this much higher. */
const peerPort = 9100
const linkPorts = 10_000
/** etcd may be slow to answer on a loaded machine. */
const startAttempts = 10
const stopPatienceMs = 120_000
const brokerHost = (id: number) => 100 + id
const etcdHost = (member: number) => 10 + member
/** Of the links from broker `id` to etcd: port by member. */
const etcdLinkHost = (id: number) => 200 + id

interface Node {
  readonly disk: RecordedDisk
  host: BrokerHost | undefined
  state: BrokerState
  work: Promise<unknown>
}

export class FaultCluster implements AsyncDisposable {
  static readonly ids: readonly number[] = [1, 2, 3]
  readonly folder: string
  readonly etcd: EtcdMembers
  readonly store: EtcdMetadataStore
  /** Brokers that ended by themselves, and other things that must not be. */
  readonly accidents: string[] = []
  readonly #loopback: Loopback
  readonly #options: FaultClusterOptions
  readonly #nodes = new Map<number, Node>()
  readonly #links = new Map<string, FaultLink>()
  /** Asked to end. */
  readonly #stopping = new Set<BrokerHost>()

  private constructor(
    folder: string,
    loopback: Loopback,
    etcd: EtcdMembers,
    store: EtcdMetadataStore,
    options: FaultClusterOptions,
  ) {
    this.folder = folder
    this.#loopback = loopback
    this.etcd = etcd
    this.store = store
    this.#options = options
  }

  static async start(options: FaultClusterOptions): Promise<FaultCluster> {
    const loopback = await Loopback.claim()
    const folder = await mkdtemp(join(tmpdir(), 'odradek-faults-'))
    const hosts = Array.from({ length: options.etcdMembers }, (_, member) => loopback.host(etcdHost(member)))
    const etcd = await EtcdMembers.start(hosts, folder)
    const cluster = new FaultCluster(folder, loopback, etcd, await etcd.open(prefix), options)
    await cluster.#openLinks()
    await cluster.startAll()
    return cluster
  }

  /** Where clients reach a broker. */
  bootstrap(id: number): Address {
    return this.link('client', id).address
  }

  state(id: number): BrokerState {
    return this.#nodes.get(id)!.state
  }

  /** From one broker to another, or from clients. */
  link(from: number | 'client', to: number): FaultLink {
    return this.#links.get(`${from}>${to}`)!
  }

  etcdLink(from: number, member: number): FaultLink {
    return this.#links.get(`${from}>etcd-${member}`)!
  }

  get links(): Iterable<FaultLink> {
    return this.#links.values()
  }

  /**
   * Resolves when the broker serves, or is down again: false where it ended by itself before it was ready, as it does
   * where it cannot reach etcd.
   */
  async startBroker(id: number): Promise<boolean> {
    const host = await this.#alone(id, (node) => (node.host ? undefined : this.#spawn(id, node)))
    if (!host) return true
    const isReady = await host.ready().then(
      () => true,
      () => false,
    )
    return this.#alone(id, async (node) => {
      if (node.host !== host) return true
      if (!isReady) {
        await this.#end(id, node)
        return false
      }
      void host.exited.then((code) => {
        if (node.host === host && !this.#stopping.has(host))
          this.accidents.push(`broker ${id} ended by itself with ${code}`)
      })
      return true
    })
  }

  /** Those that are down; one that does not come up on a machine that is well is an accident. */
  async startAll(): Promise<void> {
    await Promise.all(
      FaultCluster.ids.map(async (id) => {
        for (let attempt = 0; attempt < startAttempts; attempt++) if (await this.startBroker(id)) return
        this.accidents.push(`broker ${id} does not start`)
      }),
    )
  }

  /** kill -9. */
  async kill(id: number): Promise<void> {
    await this.#alone(id, (node) => this.#end(id, node))
  }

  /** A clean stop; resolves with false where it does not come to an end, and the process is killed. */
  async stop(id: number): Promise<boolean> {
    const { host, state } = this.#nodes.get(id)!
    if (state !== 'running' || !host) return true
    this.#stopping.add(host)
    host.close()
    const patience = new AbortController()
    const isStopped = await Promise.race([
      host.exited.then(() => true),
      delay(stopPatienceMs, false, { signal: patience.signal }),
    ])
    patience.abort()
    await this.#alone(id, (node) => (node.host === host ? this.#end(id, node) : undefined))
    return isStopped
  }

  /** SIGSTOP. */
  pause(id: number): void {
    const node = this.#nodes.get(id)!
    if (node.state !== 'running' || !node.host) return
    node.state = 'paused'
    node.host.signal('SIGSTOP')
  }

  resume(id: number): void {
    const node = this.#nodes.get(id)!
    if (node.state !== 'paused') return
    node.state = 'running'
    // Where there is none it is being killed.
    node.host?.signal('SIGCONT')
  }

  /** Until the process ends, or it is told otherwise. */
  setDisk(id: number, illness: DiskIllness): void {
    this.#nodes.get(id)!.host?.setDisk(illness)
  }

  /** REQUIRES: disks are recorded. The brokers are down afterwards, with what their disks might have kept. */
  async cutPower(ids: readonly number[], random: Random): Promise<void> {
    await Promise.all(
      ids.map((id) =>
        this.#alone(id, async (node) => {
          await this.#end(id, node)
          await node.disk.cutPower(random)
        }),
      ),
    )
  }

  /** Of a broker that is down. */
  dataDir(id: number): string {
    return this.#nodes.get(id)!.disk.dataDir
  }

  /** With `keep` the folders stay, for whoever wants to know what happened. */
  async close(keep: boolean): Promise<void> {
    await Promise.all(FaultCluster.ids.map((id) => this.kill(id)))
    for (const link of this.links) await link[Symbol.asyncDispose]()
    await this.store.close()
    await this.etcd[Symbol.asyncDispose]()
    await this.#loopback[Symbol.asyncDispose]()
    if (!keep) await rm(this.folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(false)
  }

  /** One thing at a time is done to a broker's process. */
  #alone<T>(id: number, work: (node: Node) => T | Promise<T>): Promise<T> {
    const node = this.#nodes.get(id)!
    const done = node.work.then(() => work(node))
    node.work = done.catch(() => {})
    return done
  }

  async #spawn(id: number, node: Node): Promise<BrokerHost> {
    const { disk } = node
    await disk.prepare()
    const host = new BrokerHost({
      dataDir: disk.dataDir,
      properties: this.#properties(id),
      logFile: join(this.folder, `broker-${id}.log`),
      ...(this.#options.records && { journal: disk.journal }),
    })
    node.host = host
    node.state = 'running'
    for (const link of this.#linksTo(id)) await link.accept()
    return host
  }

  async #end(id: number, node: Node): Promise<void> {
    const { host } = node
    if (!host) return
    node.host = undefined
    host.signal('SIGKILL')
    await host.exited
    // Nobody is behind the port any more.
    for (const link of this.#linksTo(id)) await link.refuse()
    await node.disk.processEnded()
    node.state = 'down'
  }

  *#linksTo(id: number): Generator<FaultLink> {
    for (const [name, link] of this.#links) if (name.endsWith(`>${id}`)) yield link
  }

  async #openLinks(): Promise<void> {
    const open = async (name: string, address: Address, target: Address) => {
      this.#links.set(name, await FaultLink.open(address, target))
    }
    for (const id of FaultCluster.ids) {
      const host = this.#loopback.host(brokerHost(id))
      const folder = join(this.folder, `broker-${id}`)
      await mkdir(folder)
      const disk = new RecordedDisk(folder)
      this.#nodes.set(id, { disk, host: undefined, state: 'down', work: Promise.resolve() })
      await open(`client>${id}`, { host, port: clientPort + linkPorts }, { host, port: clientPort })
      for (const from of FaultCluster.ids) {
        const port = peerPort + from
        await open(`${from}>${id}`, { host, port: port + linkPorts }, { host, port })
      }
      for (const [member, address] of this.etcd.addresses.entries()) {
        const own = { host: this.#loopback.host(etcdLinkHost(id)), port: linkPorts + member }
        await open(`${id}>etcd-${member}`, own, address)
      }
    }
  }

  #properties(id: number): Record<string, string> {
    const host = this.#loopback.host(brokerHost(id))
    const listeners = [
      { name: 'CLIENT', port: clientPort },
      ...FaultCluster.ids.map((from) => ({ name: `FROM${from}`, port: peerPort + from })),
    ]
    const urls = (shift: number) =>
      listeners.map(({ name, port }) => `${name}://${host}:${port + shift}`).join()
    const etcd = this.etcd.all.map((member) => this.etcdLink(id, member).address)
    return {
      'node.id': String(id),
      listeners: urls(0),
      'advertised.listeners': urls(linkPorts),
      'listener.security.protocol.map': listeners.map(({ name }) => `${name}:PLAINTEXT`).join(),
      'inter.broker.listener.name': `FROM${id}`,
      'etcd.endpoints': etcd.map((address) => `${address.host}:${address.port}`).join(),
      'etcd.prefix': prefix,
      ...this.#options.properties,
    }
  }
}
