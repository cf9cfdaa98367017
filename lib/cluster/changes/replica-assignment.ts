/** Which brokers hold which partitions: spread evenly, or as a request says. */

import { KafkaError } from '../../protocol/index.js'

/** A request's own assignment of one partition. */
export interface PartitionAssignment {
  readonly partition: number
  readonly brokerIds: readonly number[]
}

export interface PlacementBroker {
  readonly id: number
  readonly rack: string | null
}

/** Brokers by id, those of different racks in turn. */
export function spreadingOrder(brokers: readonly PlacementBroker[]): number[] {
  const byRack = new Map<string | null, number[]>()
  for (const { id, rack } of [...brokers].sort((a, b) => a.id - b.id)) {
    const ids = byRack.get(rack) ?? []
    ids.push(id)
    byRack.set(rack, ids)
  }
  const order: number[] = []
  for (let round = 0; order.length < brokers.length; round++) {
    for (const ids of byRack.values()) if (round < ids.length) order.push(ids[round]!)
  }
  return order
}

/**
 * Partition `start` + p begins one broker after the one before it; its other replicas follow in turn, those first
 * whose rack has none yet.
 */
export function spreadReplicas(
  brokers: readonly PlacementBroker[],
  start: number,
  partitions: number,
  replicationFactor: number,
): number[][] {
  if (replicationFactor > brokers.length) {
    throw new KafkaError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor ${replicationFactor} is larger than the number of live brokers, ${brokers.length}`,
    )
  }
  const order = spreadingOrder(brokers)
  const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack]))
  return Array.from({ length: partitions }, (_, index) => {
    const turn = order.map((_, at) => order[(start + index + at) % order.length]!)
    const racks = new Set<string | null>()
    const ofNewRacks = turn.filter((id) => {
      const rack = rackOf.get(id)!
      if (racks.has(rack)) return false
      racks.add(rack)
      return true
    })
    const others = turn.filter((id) => !ofNewRacks.includes(id))
    return [...ofNewRacks, ...others].slice(0, replicationFactor)
  })
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
    if (!brokerIds.includes(id))
      fail(`Partition ${partition} is given broker ${id}, which is not there, or is being decommissioned`)
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
