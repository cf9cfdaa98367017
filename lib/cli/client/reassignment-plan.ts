/** Which replicas partitions shall have: spread over brokers, or as a file of kafka-reassign-partitions says. */
import { UsageError } from '../usage-error.js'
import type { PartitionReplicas } from './reassignments.js'

export interface PlanBroker {
  readonly id: number
  readonly rack: string | null
}

/**
 * Spreads partitions evenly over `brokers`, with as few replicas moved as that allows. No rack has two replicas of a
 * partition while another that has brokers here has none, as long as no more moves than evenness asks for.
 */
export function spreadOver(
  brokers: readonly PlanBroker[],
  partitions: readonly PartitionReplicas[],
): PartitionReplicas[] {
  const rackOf = new Map(brokers.map(({ id, rack }) => [id, rack ?? `broker ${id}`]))
  const load = new Map(brokers.map(({ id }) => [id, 0]))
  const add = (counts: Map<number, number>, id: number, by = 1) => counts.set(id, counts.get(id)! + by)
  const racksOf = (ids: readonly number[]) => new Set(ids.map((id) => rackOf.get(id)!)).size
  const placed = partitions.map(({ replicas }) => replicas.filter((id) => rackOf.has(id)))
  for (const ids of placed) for (const id of ids) add(load, id)
  for (const [index, { topic, partition, replicas }] of partitions.entries()) {
    if (replicas.length > brokers.length) {
      throw new UsageError(
        `${topic}-${partition} has ${replicas.length} replicas, more than the ${brokers.length} brokers that it shall move to`,
      )
    }
    const ids = placed[index]!
    while (ids.length < replicas.length) {
      const free = brokers.filter(({ id }) => !ids.includes(id))
      const inNewRacks = free.filter(({ id }) => racksOf([...ids, id]) > racksOf(ids))
      const next = lowest(inNewRacks.length > 0 ? inNewRacks : free, load)
      ids.push(next)
      add(load, next)
    }
  }
  /** Gives one replica of a broker that has more to one that has less by two at least; false where none can go. */
  const even = (): boolean => {
    const byLoad = brokers.map(({ id }) => id).sort((a, b) => load.get(a)! - load.get(b)!)
    for (const from of byLoad.toReversed()) {
      for (const to of byLoad) {
        if (load.get(from)! - load.get(to)! < 2) break
        for (const ids of placed) {
          if (!ids.includes(from) || ids.includes(to)) continue
          const moved = ids.map((id) => (id === from ? to : id))
          if (racksOf(moved) < racksOf(ids)) continue
          ids.splice(0, ids.length, ...moved)
          add(load, from, -1)
          add(load, to)
          return true
        }
      }
    }
    return false
  }
  while (even());
  const leading = new Map(brokers.map(({ id }) => [id, 0]))
  return partitions.map(({ topic, partition }, index) => {
    const ids = placed[index]!
    // Of equal ones who leads now, or comes before the others, goes on.
    const leader = lowest(
      ids.map((id) => ({ id })),
      leading,
    )
    add(leading, leader)
    return { topic, partition, replicas: [leader, ...ids.filter((id) => id !== leader)] }
  })
}

/** The first of those with the lowest count. */
function lowest(brokers: readonly { id: number }[], counts: ReadonlyMap<number, number>): number {
  return brokers.reduce((best, next) => (counts.get(next.id)! < counts.get(best.id)! ? next : best)).id
}

/** Kafka's format: `{"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1, 2]}]}`. */
export function parseReassignment(text: string, file: string): PartitionReplicas[] {
  const { partitions } = parseObject(text, file)
  if (!Array.isArray(partitions) || !partitions.every(isPartitionReplicas)) {
    throw new UsageError(
      `${file} does not hold {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1, 2]}]}`,
    )
  }
  const names = new Set<string>()
  for (const { topic, partition } of partitions) {
    const name = `${topic}-${partition}`
    if (names.has(name)) throw new UsageError(`${file} names ${name} twice`)
    names.add(name)
  }
  return partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas }))
}

/** Kafka's format: `{"version": 1, "topics": [{"topic": "orders"}]}`. */
export function parseTopics(text: string, file: string): string[] {
  const { topics } = parseObject(text, file)
  const isNamed = (entry: unknown): entry is { topic: string } =>
    typeof (entry as { topic?: unknown } | null)?.topic === 'string'
  if (!Array.isArray(topics) || topics.length === 0 || !topics.every(isNamed)) {
    throw new UsageError(`${file} does not hold {"version": 1, "topics": [{"topic": "orders"}]}`)
  }
  return topics.map(({ topic }) => topic)
}

export function formatReassignment(partitions: readonly PartitionReplicas[]): string {
  const named = partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas }))
  return JSON.stringify({ version: 1, partitions: named })
}

function parseObject(text: string, file: string): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(text)
    if (typeof content === 'object' && content !== null) return content as Record<string, unknown>
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
  throw new UsageError(`${file} does not hold a JSON object`)
}

function isPartitionReplicas(entry: unknown): entry is PartitionReplicas {
  const { topic, partition, replicas } = (entry ?? {}) as Record<string, unknown>
  return (
    typeof topic === 'string' &&
    Number.isInteger(partition) &&
    Array.isArray(replicas) &&
    replicas.length > 0 &&
    replicas.every((id) => Number.isInteger(id))
  )
}
