// A cluster of three brokers under measurement. Everything that differs between clusters stands behind this interface.
import type { Contender } from './peer.js'

/** One broker of a cluster; it keeps its id, its port and its data folder over its starts. */
export interface ClusterNode {
  readonly id: number
  readonly port: number
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** Resolves when it serves and knows the others, with the time from the start of its process. */
  start(): Promise<number>
  /** A clean stop. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

export interface RunningCluster {
  readonly nodes: readonly ClusterNode[]
  /** What belongs to the cluster beside its brokers. */
  readonly otherPids: readonly number[]
  end(): Promise<void>
}

export interface ClusterPeer extends Contender {
  /** Settings of a topic whose acks=all is answered from the page caches. */
  readonly cachedWrites: Readonly<Record<string, string>>
  /** Starts all on an empty folder; resolves when every broker serves and knows the others. */
  start(folder: string): Promise<RunningCluster>
}

export const NODE_IDS = [1, 2, 3]
