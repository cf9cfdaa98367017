/** Where a group stands: its committed offsets beside the ends of the partitions, and where a reset takes it. */
import { groupBy } from '../group-by.js'
import { type Cluster, EARLIEST, LATEST } from './cluster.js'
import { RequestFailure } from './request-failure.js'

export interface GroupOffset {
  topic: string
  partition: number
  /** Null where the group has committed nothing. */
  current: bigint | null
  logEndOffset: bigint
}

export interface NewOffset {
  topic: string
  partition: number
  offset: bigint
}

export type ResetTarget =
  | { to: 'earliest' | 'latest' | 'current' }
  | { to: 'timestamp'; timestamp: bigint }
  | { to: 'offset'; offset: bigint }
  | { to: 'shift'; by: bigint }

/** A topic, with some of its partitions or with all. */
export interface TopicPartitions {
  topic: string
  partitions?: readonly number[]
}

/** The partitions in which a group has committed offsets. */
export async function committedOffsets(cluster: Cluster, groupId: string): Promise<GroupOffset[]> {
  const [group] = await cluster.admin.listConsumerGroupOffsets({ groups: [groupId] })
  const committed = (group?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .map(({ partitionIndex, committedOffset }) => ({
        topic: name,
        partition: partitionIndex,
        current: committedOffset,
      })),
  )
  const there = new Set((await cluster.topics()).map(({ name }) => name!))
  const known = committed.filter(({ topic }) => there.has(topic))
  const ends = await offsetsAt(cluster, known, LATEST)
  return known
    .map((entry) => ({ ...entry, logEndOffset: ends.get(keyOf(entry))! }))
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

/** Partitions that a member holds though the group has committed nothing there yet. */
export async function withoutCommit(
  cluster: Cluster,
  partitions: readonly { topic: string; partition: number }[],
): Promise<GroupOffset[]> {
  const ends = await offsetsAt(cluster, partitions, LATEST)
  return partitions.map((entry) => ({ ...entry, current: null, logEndOffset: ends.get(keyOf(entry))! }))
}

/** The offsets that a reset would commit; every one lies within its partition. */
export async function resetOffsets(
  cluster: Cluster,
  groupId: string,
  scope: readonly TopicPartitions[],
  target: ResetTarget,
): Promise<NewOffset[]> {
  const wanted: { topic: string; partition: number }[] = []
  for (const { topic, partitions } of scope) {
    const count = (await cluster.topic(topic)).partitions.length
    for (const partition of partitions ?? Array(count).keys()) {
      if (partition < 0 || partition >= count)
        throw new RequestFailure(`${topic} has no partition ${partition}`)
      wanted.push({ topic, partition })
    }
  }
  const [earliest, latest, committed] = await Promise.all([
    offsetsAt(cluster, wanted, EARLIEST),
    offsetsAt(cluster, wanted, LATEST),
    committedOffsets(cluster, groupId),
  ])
  const current = new Map(committed.map((entry) => [keyOf(entry), entry.current!]))
  const atTime = target.to === 'timestamp' ? await offsetsAt(cluster, wanted, target.timestamp) : undefined
  return wanted.map((entry) => {
    const key = keyOf(entry)
    const [low, high] = [earliest.get(key)!, latest.get(key)!]
    const offset = newOffset(target, current.get(key), high, atTime?.get(key))
    if (offset === undefined) {
      throw new RequestFailure(`${groupId} has no offset of ${entry.topic}-${entry.partition} to shift`)
    }
    return { ...entry, offset: within(offset, low, high) }
  })
}

function within(offset: bigint, low: bigint, high: bigint): bigint {
  if (offset < low) return low
  return offset < high ? offset : high
}

function newOffset(
  target: ResetTarget,
  current: bigint | undefined,
  logEndOffset: bigint,
  atTime: bigint | undefined,
): bigint | undefined {
  switch (target.to) {
    case 'earliest':
      return 0n
    case 'latest':
      return logEndOffset
    case 'current':
      return current ?? logEndOffset
    case 'offset':
      return target.offset
    case 'shift':
      return current === undefined ? undefined : current + target.by
    case 'timestamp':
      // −1: no record is that young, and the group goes on with what comes next.
      return atTime === undefined || atTime < 0n ? logEndOffset : atTime
  }
}

async function offsetsAt(
  cluster: Cluster,
  partitions: readonly { topic: string; partition: number }[],
  timestamp: bigint,
): Promise<Map<string, bigint>> {
  if (partitions.length === 0) return new Map()
  const topics = new Map<string, number[]>()
  for (const [topic, some] of groupBy(partitions, ({ topic: name }) => name)) {
    topics.set(
      topic,
      some.map(({ partition }) => partition),
    )
  }
  const listed = await cluster.listOffsets(topics, timestamp)
  return new Map(listed.map((entry) => [keyOf(entry), entry.offset]))
}

export function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}:${partition}`
}
