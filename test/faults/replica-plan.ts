/** Asks whichever broker answers to move replicas and leaders. */
import { setTimeout as delay } from 'node:timers/promises'
import {
  LIVE_PREFIX,
  PARTITION_PREFIX,
  type PartitionValue,
  splitPartitionKey,
  TOPIC_PREFIX,
  type TopicValue,
} from '../../lib/cluster/store/metadata-keys.js'
import { ClusterConnection } from './cluster-client.js'
import { FaultCluster } from './fault-cluster.js'
import { faultTopics } from './fault-topics.js'

const pauseMs = 100
/** Between one look at the whole and the next. */
const looksBeforeAsking = 10

/** Whether it is taken or refused: a cluster that is ill may do either. */
export async function reassign(
  cluster: FaultCluster,
  topic: string,
  partition: number,
  replicas: readonly number[],
): Promise<void> {
  await ask(cluster, async (connection) => {
    const partitions = [{ partitionIndex: partition, replicas: [...replicas] }]
    await connection.send(
      'AlterPartitionReassignments',
      { timeoutMs: 1_000, topics: [{ name: topic, partitions }] },
      0,
    )
  })
}

export async function electPreferredLeaders(cluster: FaultCluster): Promise<void> {
  await ask(cluster, async (connection) => {
    await connection.send('ElectLeaders', { electionType: 0, topicPartitions: null, timeoutMs: 1_000 })
  })
}

/** Resolves when every partition has all brokers for replicas, and all of them are in sync. */
export async function untilWhole(cluster: FaultCluster): Promise<void> {
  const expected = faultTopics.reduce((sum, topic) => sum + topic.partitions, 0)
  for (let look = 0; ; look++) {
    const partitions = await partitionsOf(cluster)
    if (partitions.length === expected && partitions.every(({ state }) => isWhole(state))) return
    if (look % looksBeforeAsking === 0) {
      for (const { topic, partition, state } of partitions) {
        if (!hasAllReplicas(state)) await reassign(cluster, topic, partition, FaultCluster.ids)
      }
    }
    await delay(pauseMs)
  }
}

/** The brokers that live, and the partitions that are not whole, as the store has them. */
export async function whatIsNotWhole(cluster: FaultCluster): Promise<string> {
  const live = (await cluster.store.range(LIVE_PREFIX)).entries.map(({ key }) => key)
  const ill = (await partitionsOf(cluster)).filter(({ state }) => !isWhole(state))
  return JSON.stringify({ live, ill })
}

async function partitionsOf(cluster: FaultCluster) {
  const { entries } = await cluster.store.range('')
  const names = new Map<string, string>()
  for (const { key, value } of entries) {
    if (!key.startsWith(TOPIC_PREFIX)) continue
    names.set((JSON.parse(value) as TopicValue).topicId, key.slice(TOPIC_PREFIX.length))
  }
  return entries
    .filter(({ key }) => key.startsWith(PARTITION_PREFIX))
    .map(({ key, value }) => {
      const { topicId, partition } = splitPartitionKey(key)
      return { topic: names.get(topicId)!, partition, state: JSON.parse(value) as PartitionValue }
    })
}

function isWhole(state: PartitionValue): boolean {
  return hasAllReplicas(state) && state.isr.length === FaultCluster.ids.length && state.leader >= 0
}

function hasAllReplicas({ replicas, addingReplicas = [], removingReplicas = [] }: PartitionValue): boolean {
  return (
    replicas.length === FaultCluster.ids.length &&
    addingReplicas.length === 0 &&
    removingReplicas.length === 0
  )
}

async function ask(
  cluster: FaultCluster,
  question: (connection: ClusterConnection) => Promise<void>,
): Promise<void> {
  for (const id of FaultCluster.ids) {
    try {
      using connection = await ClusterConnection.open(cluster, id)
      await question(connection)
      return
    } catch {}
  }
}
