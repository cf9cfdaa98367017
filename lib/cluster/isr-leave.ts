/**
 * A broker that did not stop cleanly leaves the ISRs before it can be elected: a power cut may have taken what only
 * its page cache had. Of an ISR with no other member it stays the last one.
 */

import { type BrokerValue, brokerKey, PARTITION_PREFIX, type PartitionValue } from './metadata-keys.js'
import type { MetadataStore } from './metadata-store.js'

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
    for (let from = 0; from < left.length; from += room) {
      const chunk = left.slice(from, from + room)
      await store.txn({
        compares: [registration, ...chunk].map(({ key, modRevision }) => ({ key, modRevision })),
        puts: chunk.map(({ key, value }) => ({ key, value: JSON.stringify(value) })),
      })
    }
  }
}

/** How many partitions have this broker as their only in-sync replica. */
export async function soleReplicaOf(store: MetadataStore, nodeId: number): Promise<number> {
  const partitions = await partitionsOf(store)
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
