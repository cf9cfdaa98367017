/** The settings that slow the moving of data down (KIP-73), as kafka-reassign-partitions sets and clears them. */
import { groupBy } from '../group-by.js'
import type { Cluster } from './cluster.js'
import type { PartitionReplicas } from './reassignments.js'

const rates = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate']
const LEADERS = 'leader.replication.throttled.replicas'
const FOLLOWERS = 'follower.replication.throttled.replicas'

/** Operations of IncrementalAlterConfigs. */
const SET = 0 as const
const DELETE = 1 as const

export interface Move {
  readonly from: PartitionReplicas
  readonly to: PartitionReplicas
}

/** Bytes a second that each broker sends, and each fetches, of what these moves need. */
export async function throttle(
  cluster: Cluster,
  moves: readonly Move[],
  bytesPerSecond: number,
): Promise<void> {
  for (const [topic, ofTopic] of groupBy(moves, ({ to }) => to.topic)) {
    const leaders = ofTopic.flatMap(({ from }) => named(from.partition, from.replicas))
    const followers = ofTopic.flatMap(({ from, to }) =>
      named(
        to.partition,
        to.replicas.filter((id) => !from.replicas.includes(id)),
      ),
    )
    const known = await cluster.describeConfigs('topic', topic, false)
    const merged = (name: string, more: readonly string[]) => {
      const before = known.find((config) => config.name === name)?.value ?? ''
      const list = before === '' ? [] : before.split(',')
      return list.includes('*') ? '*' : [...new Set([...list, ...more])].join(',')
    }
    await cluster.alterConfigs('topic', topic, [
      { name: LEADERS, value: merged(LEADERS, leaders), configOperation: SET },
      { name: FOLLOWERS, value: merged(FOLLOWERS, followers), configOperation: SET },
    ])
  }
  const brokers = new Set(moves.flatMap(({ from, to }) => [...from.replicas, ...to.replicas]))
  for (const id of [...brokers].sort((a, b) => a - b)) {
    const value = String(bytesPerSecond)
    await cluster.alterConfigs(
      'broker',
      String(id),
      rates.map((name) => ({ name, value, configOperation: SET })),
    )
  }
}

/** On these brokers and topics. */
export async function clearThrottles(
  cluster: Cluster,
  brokers: readonly number[],
  topics: readonly string[],
): Promise<void> {
  const removed = (names: readonly string[]) => names.map((name) => ({ name, configOperation: DELETE }))
  for (const id of brokers) await cluster.alterConfigs('broker', String(id), removed(rates))
  for (const topic of topics) await cluster.alterConfigs('topic', topic, removed([LEADERS, FOLLOWERS]))
}

function named(partition: number, brokers: readonly number[]): string[] {
  return brokers.map((id) => `${partition}:${id}`)
}
