/** Which brokers hold which partitions: spread evenly, or as a request says. */

import { KafkaError } from '../protocol/index.js'

/** A request's own assignment of one partition. */
export interface PartitionAssignment {
  readonly partition: number
  readonly brokerIds: readonly number[]
}

/** Partition p starts one broker after partition p − 1, its replicas follow in turn. */
export function spreadReplicas(
  brokerIds: readonly number[],
  firstPartition: number,
  partitions: number,
  replicationFactor: number,
): number[][] {
  if (replicationFactor > brokerIds.length) {
    throw new KafkaError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor ${replicationFactor} is larger than the number of brokers, ${brokerIds.length}`,
    )
  }
  return Array.from({ length: partitions }, (_, index) =>
    Array.from(
      { length: replicationFactor },
      (_, replica) => brokerIds[(firstPartition + index + replica) % brokerIds.length]!,
    ),
  )
}

/** Throws INVALID_REPLICA_ASSIGNMENT where the replicas of one partition cannot be these. */
export function checkReplicas(
  partition: number,
  replicas: readonly number[],
  expected: number,
  brokerIds: readonly number[],
): void {
  if (replicas.length === 0) fail(`Partition ${partition} is given no replicas`)
  if (new Set(replicas).size !== replicas.length)
    fail(`Partition ${partition} is given the same broker twice`)
  if (replicas.length !== expected) {
    fail(`Partition ${partition} is given ${replicas.length} replica(s), not ${expected} as the others`)
  }
  for (const id of replicas) {
    if (!brokerIds.includes(id)) fail(`Partition ${partition} is given broker ${id}, which does not exist`)
  }
}

/** The replicas of a new topic's partitions, as its request says. */
export function orderedAssignments(
  assignments: readonly PartitionAssignment[],
  brokerIds: readonly number[],
): number[][] {
  const replicas: number[][] = []
  const byPartition = new Map<number, readonly number[]>()
  for (const { partition, brokerIds: given } of assignments) {
    if (byPartition.has(partition)) fail(`Partition ${partition} is assigned more than once`)
    byPartition.set(partition, given)
  }
  for (let partition = 0; partition < assignments.length; partition++) {
    const given = byPartition.get(partition)
    if (given === undefined) fail('Partitions must be assigned from 0 on, without gaps')
    checkReplicas(partition, given, replicas[0]?.length ?? given.length, brokerIds)
    replicas.push([...given])
  }
  return replicas
}

function fail(message: string): never {
  throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', message)
}
