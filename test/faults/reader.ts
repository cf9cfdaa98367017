/** A consumer that reads at random offsets from whichever broker answers, also from one that leads no more. */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import { recordsIn } from '../support/records.js'
import { ClusterConnection } from './cluster-client.js'
import { FaultCluster } from './fault-cluster.js'
import { noteRead, type PartitionHistory } from './history.js'

const pauseMs = 25

export class Reader {
  readonly #cluster: FaultCluster
  readonly #random: Random
  readonly #history: PartitionHistory
  readonly #connections = new Map<number, ClusterConnection>()
  /** The end of what was read, of all the partition. */
  #end = 0

  constructor(cluster: FaultCluster, random: Random, history: PartitionHistory) {
    this.#cluster = cluster
    this.#random = random
    this.#history = history
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const id = this.#random.pick(FaultCluster.ids)
      // Mostly at the end, where what is not safe yet would be seen.
      const offset = this.#random.chance(0.7)
        ? Math.max(0, this.#end - this.#random.below(20))
        : this.#random.below(this.#end + 1)
      await this.#read(id, offset).catch(() => {})
      await delay(pauseMs)
    }
    for (const connection of this.#connections.values()) connection[Symbol.dispose]()
  }

  async #read(id: number, fetchOffset: number): Promise<void> {
    const connection = await this.#connection(id)
    const askedAtMs = performance.now()
    const { topic, partition } = this.#history
    const topics = [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 20_000 }] }]
    const { responses } = await connection.send(
      'Fetch',
      { maxWaitMs: 200, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 0, sessionEpoch: -1, topics },
      12,
    )
    const { errorCode, records } = responses[0]!.partitions[0]!
    if (errorCode !== ErrorCode.NONE) return
    for (const { offset, value } of await recordsIn(records)) {
      noteRead(this.#history, offset, Buffer.from(value!).toString(), askedAtMs)
      this.#end = Math.max(this.#end, offset + 1)
    }
  }

  async #connection(id: number): Promise<ClusterConnection> {
    const known = this.#connections.get(id)
    if (known && !known.isClosed) return known
    const connection = await ClusterConnection.open(this.#cluster, id)
    this.#connections.set(id, connection)
    return connection
  }
}
