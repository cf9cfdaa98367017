/** What Metadata and DescribeTopicPartitions tell of a partition alike, as clients of one listener see it. */
import type { Cluster, PartitionImage } from '../../cluster/index.js'
import { ErrorCode } from '../../protocol/errors.js'
import { brokersOf } from './broker-endpoints.js'

export class PartitionMetadata {
  readonly #cluster: Cluster
  readonly #reachable: ReadonlySet<number>
  readonly #knowsListeners: boolean

  /** `knowsListeners`: the client knows the error that tells of a leader without its listener. */
  constructor(cluster: Cluster, listenerName: string, knowsListeners: boolean) {
    this.#cluster = cluster
    this.#reachable = new Set(brokersOf(cluster, listenerName).map(({ id }) => id))
    this.#knowsListeners = knowsListeners
  }

  of({ partition, leader, leaderEpoch, replicas, isr }: PartitionImage) {
    const isReachable = this.#reachable.has(leader)
    return {
      errorCode: isReachable ? ErrorCode.NONE : this.#unreachable(leader),
      partitionIndex: partition,
      leaderId: isReachable ? leader : -1,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: isr,
      offlineReplicas: replicas.filter((id) => !this.#reachable.has(id)),
    }
  }

  #unreachable(leader: number): number {
    const lives = this.#cluster.image.memberState(leader) !== 'fenced'
    return lives && this.#knowsListeners ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE
  }
}
