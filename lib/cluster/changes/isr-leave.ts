/**
 * A broker that did not stop cleanly leaves the ISRs before it can be elected: a power cut may have taken what only
 * its page cache had. Of an ISR with no other member it stays the last one.
 */

import type { ClusterImage } from '../image/cluster-image.js'
import { chunksOf } from '../store/chunks.js'
import {
  type BrokerValue,
  brokerKey,
  PARTITION_PREFIX,
  type PartitionValue,
  partitionKey,
  splitPartitionKey,
  TOPIC_PREFIX,
  type TopicValue,
} from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'

/** REQUIRES: the broker's new epoch is registered, so that no leader takes it back by an old fetch. */
export async function leaveIsrs(store: MetadataStore, nodeId: number): Promise<void> {
  const room = store.maxTxnOperations - 1
  for (;;) {
    const registration = await store.get(brokerKey(nodeId))
    if (!registration) return
    const { brokerEpoch } = JSON.parse(registration.value) as BrokerValue
    const left = (await partitionsOf(store))
      .filter(({ value: { isr } }) => isr.length > 1 && isr.includes(nodeId))
      .map(({ key, modRevision, value }) => ({
        key,
        modRevision,
        value: without(value, nodeId, brokerEpoch),
      }))
    if (left.length === 0) return
    for (const chunk of chunksOf(left, room)) {
      await store.txn({
        compares: [registration, ...chunk].map(({ key, modRevision }) => ({ key, modRevision })),
        puts: chunk.map(({ key, value }) => ({ key, value: JSON.stringify(value) })),
      })
    }
  }
}

/**
 * Takes this broker out of the ISR of one partition, where others are in it: its log has failed. The controller elects
 * one of those where this broker led. Rejects where the store does not answer; may then be called again.
 */
export async function leaveIsr(
  store: MetadataStore,
  image: ClusterImage,
  topicId: string,
  partition: number,
): Promise<void> {
  const { nodeId } = image
  for (;;) {
    const stored = image.storedPartition(topicId, partition)
    const broker = image.brokers.get(nodeId)
    if (!stored || !broker) return
    const { isr } = stored.value
    if (isr.length === 1 || !isr.includes(nodeId)) return
    const key = partitionKey(topicId, partition)
    const { succeeded } = await store.txn({
      compares: [
        { key: brokerKey(nodeId), modRevision: broker.revision },
        { key, modRevision: stored.revision },
      ],
      puts: [{ key, value: JSON.stringify(without(stored.value, nodeId, broker.brokerEpoch)) }],
    })
    if (succeeded) return
  }
}

/** How many partitions have this broker as their only in-sync replica. */
export async function soleReplicaOf(store: MetadataStore, nodeId: number): Promise<number> {
  // What a deletion left that was broken off belongs to no topic.
  const topics = (await store.range(TOPIC_PREFIX)).entries
  const topicIds = new Set(topics.map(({ value }) => (JSON.parse(value) as TopicValue).topicId))
  const partitions = (await partitionsOf(store)).filter(({ key }) =>
    topicIds.has(splitPartitionKey(key).topicId),
  )
  return partitions.filter(({ value: { isr } }) => isr.length === 1 && isr[0] === nodeId).length
}

async function partitionsOf(store: MetadataStore) {
  const { entries } = await store.range(PARTITION_PREFIX)
  return entries.map((entry) => ({ ...entry, value: JSON.parse(entry.value) as PartitionValue }))
}

function without(value: PartitionValue, nodeId: number, brokerEpoch: number): PartitionValue {
  const left = {
    ...value,
    isr: value.isr.filter((id) => id !== nodeId),
    partitionEpoch: value.partitionEpoch + 1,
  }
  if (value.leader !== nodeId) return left
  return { ...left, leader: -1, leaderEpoch: value.leaderEpoch + (brokerEpoch - value.brokerEpoch) + 1 }
}
