/** What Metadata and DescribeTopicPartitions tell of a partition alike. */
import type { PartitionImage } from '../cluster/index.js'
import { ErrorCode } from '../protocol/errors.js'

export function partitionMetadata({ partition, leader, leaderEpoch, replicas, isr }: PartitionImage) {
  return {
    errorCode: leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: partition,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    offlineReplicas: [],
  }
}
