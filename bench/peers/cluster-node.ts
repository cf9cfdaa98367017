// A broker of a cluster as a process of its own: the same for every peer.
import type { ChildProcess } from 'node:child_process'
import { type ClusterNode, NODE_IDS } from './cluster-peer.js'
import type { RunningPeer } from './peer.js'
import { startedPeer } from './started.js'

export class NodeProcess implements ClusterNode {
  readonly id: number
  readonly port: number
  readonly #dataDir: string
  readonly #spawn: () => ChildProcess
  #running: RunningPeer | undefined

  constructor(
    { id, port, dataDir }: { id: number; port: number; dataDir: string },
    spawn: () => ChildProcess,
  ) {
    this.id = id
    this.port = port
    this.#dataDir = dataDir
    this.#spawn = spawn
  }

  get pid(): number | undefined {
    return this.#running?.pid
  }

  async start(): Promise<number> {
    if (this.#running) throw new Error(`broker ${this.id} runs already`)
    const brokers = NODE_IDS.length
    this.#running = await startedPeer(this.#spawn, this.port, this.#dataDir, { brokers })
    return this.#running.readyMs
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.stop()
  }

  async kill(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.kill()
  }
}

/** Starts them side by side; `end` ends all where one does not start. */
export async function startAll(nodes: readonly ClusterNode[], end: () => Promise<void>): Promise<void> {
  const started = await Promise.allSettled(nodes.map((node) => node.start()))
  const failed = started.find((each) => each.status === 'rejected')
  if (failed === undefined) return
  await end()
  throw failed.reason
}
