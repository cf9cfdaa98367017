/** Partitions: leaders and followers, high watermark, what waits for it, replication. */
export type { IsrChange, IsrOutcome, IsrWriter } from './isr-writer.js'
export type { FollowerFetch, LeaderConnection, LeaderDialler } from './leader-connection.js'
export type { ProduceOptions } from './leader-writes.js'
export type { PartitionState, ReadableFollower } from './leadership.js'
export { Partition } from './partition.js'
export type { Isolation, ReadWaiter } from './read-waiters.js'
export { type AssignedPartition, Replicas, type ReplicasEnvironment } from './replicas.js'
export type { ReplicationQuota } from './replication-quota.js'
