/**
 * Which replica a consumer had better read from (KIP-392), as Kafka's RackAwareReplicaSelector chooses: one in the
 * consumer's rack, the leader before any other, else the one that is caught up furthest. The leader chooses.
 */
import type { Cluster } from '../../cluster/index.js'
import { type BrokerConfig, RACK_AWARE_SELECTOR } from '../../config/index.js'
import type { Partition, ReadableFollower } from '../../replica/index.js'

export class ReadReplicas {
  readonly #cluster: Cluster
  readonly #rack: string | null
  readonly #isRackAware: boolean

  constructor(cluster: Cluster, config: BrokerConfig) {
    this.#cluster = cluster
    this.#rack = config.get('broker.rack')
    this.#isRackAware = config.get('replica.selector.class') === RACK_AWARE_SELECTOR
  }

  /**
   * Chooses for a consumer in `rack` that came by `listenerName`: the id of a live follower in sync that can be
   * reached by that listener and has the offset, or −1 for the leader. Undefined where that is always the leader.
   */
  selector(
    rack: string,
    listenerName: string,
  ): ((partition: Partition, fetchOffset: number) => number) | undefined {
    if (!this.#isRackAware || rack === '' || rack === this.#rack) return undefined
    const { image } = this.#cluster
    const isClose = ({ id }: ReadableFollower) => {
      const broker = image.brokers.get(id)
      return (
        broker?.rack === rack &&
        image.memberState(id) === 'live' &&
        broker.endpoints.some(({ name }) => name === listenerName)
      )
    }
    return (partition, fetchOffset) =>
      partition.followersAt(fetchOffset).filter(isClose).sort(byLead)[0]?.id ?? -1
  }
}

/** Who has most of the log comes first, then who was caught up last, then the highest id. */
function byLead(a: ReadableFollower, b: ReadableFollower): number {
  return b.logEndOffset - a.logEndOffset || b.lastCaughtUpMs - a.lastCaughtUpMs || b.id - a.id
}
