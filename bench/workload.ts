// What a workload of `bench broker` is, and what it is given.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Generator } from './load/generator.js'
import type { JavaTools } from './peers/java.js'
import type { Peer, RunningPeer } from './peers/peer.js'
import { Wire } from './peers/wire.js'
import { syncDisks } from './processes.js'

/** Every figure that can be measured: its unit, whether more is better, and its digits in the table. */
export const METRICS = {
  mbPerSecond: { title: 'MB/s', better: 'higher', digits: 0 },
  cpuPerGb: { title: 'broker CPU s/GB', better: 'lower', digits: 2 },
  peakRssMb: { title: 'peak RSS MB', better: 'lower', digits: 0 },
  ackP50: { title: 'ack p50 ms', better: 'lower', digits: 2 },
  ackP99: { title: 'ack p99 ms', better: 'lower', digits: 2 },
  ackP999: { title: 'ack p99.9 ms', better: 'lower', digits: 2 },
  quietP99: { title: 'ack p99 ms before', better: 'lower', digits: 2 },
  mean: { title: 'mean ms', better: 'lower', digits: 3 },
  p50: { title: 'p50 ms', better: 'lower', digits: 3 },
  p99: { title: 'p99 ms', better: 'lower', digits: 3 },
  p999: { title: 'p99.9 ms', better: 'lower', digits: 3 },
  readyMs: { title: 'ready ms', better: 'lower', digits: 0 },
  nodeMs: { title: '`node -e 0` ms', better: 'lower', digits: 0 },
  idleRssMb: { title: 'idle RSS MB', better: 'lower', digits: 0 },
  idlePssMb: { title: 'idle PSS MB', better: 'lower', digits: 0 },
  answeredMs: { title: 'to the next ack, ms', better: 'lower', digits: 0 },
  answeredMostMs: { title: 'to the next ack, most, ms', better: 'lower', digits: 0 },
  slowestAckMs: { title: 'slowest ack ms', better: 'lower', digits: 0 },
  createMs: { title: 'created ms', better: 'lower', digits: 0 },
  movedMs: { title: 'failed over ms', better: 'lower', digits: 0 },
  restartMs: { title: 'restarted ms', better: 'lower', digits: 0 },
  inSyncMs: { title: 'in sync again ms', better: 'lower', digits: 0 },
  allRssMb: { title: 'all processes, RSS MB', better: 'lower', digits: 0 },
  replicaKb: { title: 'memory KB/replica', better: 'lower', digits: 1 },
  idleCores: { title: 'idle cores', better: 'lower', digits: 2 },
} as const

export type Metric = keyof typeof METRICS
export type Figures = Partial<Record<Metric, number>>

/** What is wanted of the first peer: its ratio to the second, or its own figure. */
export interface Aim {
  readonly metric: Metric
  readonly of: 'ratio' | 'figure'
  readonly bound: number | ((figures: Figures) => number)
}

/** What a table has to know of a workload. */
export interface Titled {
  readonly name: string
  readonly title: string
  readonly aims: readonly Aim[]
}

export interface Workload<B = Bench> extends Titled {
  readonly needsJava?: boolean
  /** Of a workload that takes long: not in every round of a run. */
  readonly mostRounds?: number
  /** The broker must have the data on disk before it answers: shows the disk's limit where that is so. */
  readonly durable?: boolean
  run(bench: B): Promise<Figures>
  /** The same load against the broker that keeps nothing: MB/s. */
  generatorLimit?(tools: Tools): Promise<number>
}

/** What all measurements of a run share. */
export class Tools {
  readonly generator: Generator
  readonly java: JavaTools | undefined
  /** 1, or less for a quick run: a factor for all amounts. */
  readonly scale: number
  /** Where everything is written. */
  readonly folder: string
  readonly #recycleMemory: boolean

  constructor(options: {
    generator: Generator
    java: JavaTools | undefined
    scale: number
    folder: string
    recycleMemory: boolean
  }) {
    this.generator = options.generator
    this.java = options.java
    this.scale = options.scale
    this.folder = options.folder
    this.#recycleMemory = options.recycleMemory
  }

  /** Before anything is timed: nothing left to write, and memory in the state that every measurement starts from. */
  async settle(): Promise<void> {
    await syncDisks()
    if (this.#recycleMemory) await this.generator.recycle(join(this.folder, 'recycled'), FREE_BYTES)
  }
}

const FREE_BYTES = 500e6

/** What one measurement of one peer works with: a fresh data folder, and the brokers started on it. */
export class Bench implements AsyncDisposable {
  readonly tools: Tools
  readonly peer: Peer
  readonly dataDir: string
  #running: RunningPeer | undefined

  constructor(tools: Tools, peer: Peer) {
    this.tools = tools
    this.peer = peer
    this.dataDir = join(tools.folder, 'broker')
  }

  get generator(): Generator {
    return this.tools.generator
  }

  get java(): JavaTools {
    if (this.tools.java === undefined) throw new Error('Java or the Kafka jars are missing')
    return this.tools.java
  }

  /** An amount for this run: whole thousands, at least one. */
  amount(full: number): number {
    return Math.max(1, Math.round((full * this.tools.scale) / 1000)) * 1000
  }

  async start(topic?: string): Promise<RunningPeer> {
    if (this.#running !== undefined) throw new Error('a broker runs already')
    if (!existsSync(this.dataDir)) await this.peer.prepare(this.dataDir)
    this.#running = await this.peer.start(this.dataDir, topic)
    return this.#running
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  async kill(): Promise<void> {
    await this.#running?.kill()
    this.#running = undefined
  }

  async createTopic(running: RunningPeer, name: string, partitions = 1): Promise<void> {
    using wire = await Wire.connect(portOf(running))
    await wire.createTopic(name, partitions)
  }

  /** After a warm-up. */
  async forgetTopic(running: RunningPeer, name: string): Promise<void> {
    using wire = await Wire.connect(portOf(running))
    await wire.deleteTopic(name)
    await this.tools.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.dataDir, { recursive: true, force: true })
    rmSync(`${this.dataDir}.properties`, { force: true })
  }
}

function portOf(running: RunningPeer): number {
  return Number(running.bootstrap.split(':')[1])
}
