// What the workloads of one stage work with: a cluster on a fresh folder, started when the first of them asks for it.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Generator } from '../load/generator.js'
import type { ClusterNode, ClusterPeer, RunningCluster } from '../peers/cluster-peer.js'
import { type PartitionState, Wire } from '../peers/wire.js'
import { cpuSeconds, memory } from '../processes.js'
import type { Tools } from '../workload.js'

export const REPLICAS = 3
const LOOK_EVERY_MS = 50
const PATIENCE_MS = 240_000

export class ClusterBench implements AsyncDisposable {
  readonly tools: Tools
  readonly #peer: ClusterPeer
  #folder: string | undefined
  #keepsFolder = false
  #cluster: RunningCluster | undefined

  constructor(tools: Tools, peer: ClusterPeer) {
    this.tools = tools
    this.#peer = peer
  }

  /** The data stay until the bench ends: ext4 passes over what was deleted lately, one inode after the other. */
  keepFolder(): void {
    this.#keepsFolder = true
  }

  get generator(): Generator {
    return this.tools.generator
  }

  /** Settings of a topic whose acks=all is answered from the page caches. */
  get cachedWrites(): Readonly<Record<string, string>> {
    return this.#peer.cachedWrites
  }

  /** True where the cluster has just been started. */
  async start(): Promise<boolean> {
    if (this.#cluster) return false
    this.#discard()
    this.#folder = mkdtempSync(join(this.tools.folder, 'cluster-'))
    this.#cluster = await this.#peer.start(this.#folder)
    return true
  }

  get nodes(): readonly ClusterNode[] {
    return this.#cluster!.nodes
  }

  get bootstrap(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  }

  node(id: number): ClusterNode {
    return this.nodes.find((node) => node.id === id)!
  }

  /** An amount for this run: whole thousands, at least one. */
  amount(full: number): number {
    return Math.max(1, Math.round((full * this.tools.scale) / 1000)) * 1000
  }

  /** Of all brokers and what belongs to them. */
  cpuSeconds(): number {
    return this.#pids().reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  }

  rssMb(): number {
    return this.#pids().reduce((sum, pid) => sum + memory(pid).rssMb, 0)
  }

  /** Three replicas; resolves when all of them are in sync. */
  async createTopic(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    using wire = await Wire.connect(this.nodes[0]!.port)
    await wire.createTopic(name, partitions, { replicas: REPLICAS, configs })
    await this.untilAll(this.nodes, [name], (state) => state.isr.length === REPLICAS && state.leader >= 0)
  }

  async deleteTopic(name: string): Promise<void> {
    using wire = await Wire.connect(this.nodes[0]!.port)
    await wire.deleteTopic(name)
    await this.tools.settle()
  }

  /** Resolves when each of `nodes` says so of every partition. */
  async untilAll(
    nodes: readonly ClusterNode[],
    topics: readonly string[],
    holds: (state: PartitionState) => boolean,
  ): Promise<void> {
    for (const { port } of nodes) {
      using wire = await Wire.connect(port)
      const giveUpAt = performance.now() + PATIENCE_MS
      for (;;) {
        const states = (await wire.metadata(topics)).topics
        if (
          states.every(
            ({ error, partitions }) => error === 0 && partitions.length > 0 && partitions.every(holds),
          )
        )
          break
        if (performance.now() > giveUpAt) throw new Error(`not so within ${PATIENCE_MS} ms: ${holds}`)
        await delay(LOOK_EVERY_MS)
      }
    }
  }

  async untilInSync(topics: readonly string[]): Promise<void> {
    await this.untilAll(this.nodes, topics, ({ leader, isr }) => leader >= 0 && isr.length === REPLICAS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.end()
    this.#discard()
  }

  #discard(): void {
    if (this.#folder !== undefined && !this.#keepsFolder)
      rmSync(this.#folder, { recursive: true, force: true })
  }

  #pids(): number[] {
    const { nodes, otherPids } = this.#cluster!
    return [...nodes.flatMap(({ pid }) => pid ?? []), ...otherPids]
  }
}
