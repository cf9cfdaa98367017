// A client that produces one record after the other with acks=all and tells how long a cluster did not answer. It
// finds a new leader as soon as any broker knows of one, also where the old one has fallen silent, so that what is
// measured is the cluster and not a client's patience.
import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterNode } from '../peers/cluster-peer.js'
import { type PartitionState, Wire } from '../peers/wire.js'
import { oneRecord } from './record-batch.js'

const PAUSE_MS = 5
const RETRY_MS = 10
/** How often the brokers are asked for the leader while one does not answer. */
const LOOK_EVERY_MS = 100
const PRODUCE_TIMEOUT_MS = 30_000
const GIVE_UP_MS = 60_000
const NOT_LEADER = 6

interface Answer {
  /** When the record was sent for the first time. */
  readonly sentAt: number
  readonly answeredAt: number
}

export class Probe {
  readonly #nodes: readonly ClusterNode[]
  readonly #topic: string
  readonly #answers: Answer[] = []
  /** For requests of metadata, by broker. */
  readonly #wires = new Map<number, Wire>()
  readonly #asked = new Set<number>()
  #leader: PartitionState | undefined
  /** For produce requests to the leader. */
  #wire: { readonly leader: number; readonly wire: Wire } | undefined
  #stopped = false
  #running: Promise<void>

  private constructor(nodes: readonly ClusterNode[], topic: string) {
    this.#nodes = nodes
    this.#topic = topic
    this.#running = this.#run()
  }

  /** Produces to partition 0 of `topic` until it is stopped; resolves after the first ack. */
  static async start(nodes: readonly ClusterNode[], topic: string): Promise<Probe> {
    const probe = new Probe(nodes, topic)
    await probe.answeredSince(performance.now())
    return probe
  }

  /** The broker that led when it was asked last. */
  get leader(): number {
    return this.#leader!.leader
  }

  /** Ms from `moment` to the first ack of a record that was sent after it. */
  async answeredSince(moment: number): Promise<number> {
    const giveUpAt = performance.now() + GIVE_UP_MS
    for (;;) {
      const first = this.#answers.find(({ sentAt }) => sentAt >= moment)
      if (first) return first.answeredAt - moment
      if (performance.now() > giveUpAt) throw new Error(`no ack within ${GIVE_UP_MS} ms`)
      await delay(PAUSE_MS)
    }
  }

  /** The longest that a record waited for its ack since `moment`, in ms. */
  slowestSince(moment: number): number {
    const waits = this.#answers.filter(({ answeredAt }) => answeredAt >= moment)
    return Math.max(...waits.map(({ sentAt, answeredAt }) => answeredAt - sentAt))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#wire?.wire[Symbol.dispose]()
    for (const wire of this.#wires.values()) wire[Symbol.dispose]()
    await this.#running
  }

  async #run(): Promise<void> {
    const batch = oneRecord(Buffer.from('a record of the probe'))
    while (!this.#stopped) {
      const sentAt = performance.now()
      while (!this.#stopped && !(await this.#attempt(batch))) await delay(RETRY_MS)
      this.#answers.push({ sentAt, answeredAt: performance.now() })
      await delay(PAUSE_MS)
    }
  }

  /** False where the record has to be sent again. */
  async #attempt(batch: Buffer): Promise<boolean> {
    if (this.#leader === undefined) {
      await this.#look()
      return false
    }
    const { leader, leaderEpoch } = this.#leader
    const answer = this.#produce(leader, batch).catch(() => NOT_LEADER)
    for (;;) {
      const error = await Promise.race([answer, delay(LOOK_EVERY_MS, undefined, { ref: false })])
      if (error === 0) return true
      if (error !== undefined) this.#closeWire()
      void this.#look()
      if (error !== undefined || this.#stopped) return false
      if (this.#leader.leaderEpoch > leaderEpoch) {
        // Whoever led before may be silent for long.
        this.#closeWire()
        return false
      }
    }
  }

  async #produce(leader: number, batch: Buffer): Promise<number> {
    if (this.#wire?.leader !== leader || this.#wire.wire.closed) {
      this.#closeWire()
      this.#wire = { leader, wire: await Wire.connect(this.#nodes.find(({ id }) => id === leader)!.port) }
    }
    return await this.#wire.wire.produce(this.#topic, 0, batch, PRODUCE_TIMEOUT_MS)
  }

  #closeWire(): void {
    this.#wire?.wire[Symbol.dispose]()
    this.#wire = undefined
  }

  /** Asks every broker that has nothing left to answer; resolves with the first answer, or when all have failed. */
  async #look(): Promise<void> {
    const free = this.#nodes.filter(({ id, pid }) => pid !== undefined && !this.#asked.has(id))
    await Promise.any(free.map((node) => this.#ask(node))).catch(() => {})
  }

  async #ask({ id, port }: ClusterNode): Promise<void> {
    this.#asked.add(id)
    try {
      let wire = this.#wires.get(id)
      if (!wire || wire.closed) this.#wires.set(id, (wire = await Wire.connect(port)))
      const [topic] = (await wire.metadata([this.#topic])).topics
      const state = topic?.partitions.find(({ partition }) => partition === 0)
      if (state === undefined || state.leader < 0) throw new Error('no leader')
      if (this.#leader === undefined || state.leaderEpoch > this.#leader.leaderEpoch) this.#leader = state
    } finally {
      this.#asked.delete(id)
    }
  }
}
