/** The metadata store's keys as they were last seen, parsed, each with its revision. */
import type { Overrides } from '../../config/index.js'
import {
  BROKER_PREFIX,
  type BrokerValue,
  CONFIG_PREFIX,
  CONTROLLER_KEY,
  type ControllerValue,
  LIVE_PREFIX,
  type LiveValue,
  PARTITION_PREFIX,
  type PartitionValue,
  partitionKey,
  splitPartitionKey,
  TOPIC_PREFIX,
  type TopicValue,
} from '../store/metadata-keys.js'
import type { MetadataChange, MetadataEntry } from '../store/metadata-store.js'

export interface Stored<V> {
  readonly value: V
  readonly revision: number
}

/** What a change touched. */
export interface TouchedMetadata {
  readonly topicNames: Set<string>
  /** Topic ids of partitions. */
  readonly topicIds: Set<string>
  /** Brokers that registered under another epoch than before: what they lead has other leader epochs. */
  readonly restartedBrokers: Set<number>
  configs: boolean
  /** Registrations, liveness keys or the controller's. */
  members: boolean
}

export class StoredMetadata {
  readonly topics = new Map<string, Stored<TopicValue>>()
  /** By topic id and number. */
  readonly partitions = new Map<string, Map<number, Stored<PartitionValue>>>()
  readonly brokers = new Map<number, Stored<BrokerValue>>()
  readonly live = new Map<number, Stored<LiveValue>>()
  /** By broker id, or `default`. */
  readonly brokerConfigs = new Map<string, Stored<Overrides>>()
  controller: Stored<ControllerValue> | undefined;

  /** The keys that are known. */
  *keys(): Iterable<string> {
    for (const name of this.topics.keys()) yield `${TOPIC_PREFIX}${name}`
    for (const [topicId, partitions] of this.partitions) {
      for (const partition of partitions.keys()) yield partitionKey(topicId, partition)
    }
    for (const id of this.brokers.keys()) yield `${BROKER_PREFIX}${id}`
    for (const id of this.live.keys()) yield `${LIVE_PREFIX}${id}`
    if (this.controller) yield CONTROLLER_KEY
    for (const name of this.brokerConfigs.keys()) yield `${CONFIG_PREFIX}${name}`
  }

  /** Takes over a change. Keys that are none of the image's are passed over. */
  apply({ puts, deletes }: Pick<MetadataChange, 'puts' | 'deletes'>): TouchedMetadata {
    const touched: TouchedMetadata = {
      topicNames: new Set(),
      topicIds: new Set(),
      restartedBrokers: new Set(),
      configs: false,
      members: false,
    }
    for (const entry of puts) this.#take(entry.key, entry, touched)
    for (const key of deletes) this.#take(key, undefined, touched)
    return touched
  }

  /** The key holds this entry now, or is gone. */
  #take(key: string, entry: MetadataEntry | undefined, touched: TouchedMetadata): void {
    if (key.startsWith(TOPIC_PREFIX)) {
      const name = key.slice(TOPIC_PREFIX.length)
      set(this.topics, name, entry && parsed<TopicValue>(entry))
      touched.topicNames.add(name)
    } else if (key.startsWith(PARTITION_PREFIX)) {
      const { topicId, partition } = splitPartitionKey(key)
      const partitions = this.partitions.get(topicId) ?? new Map<number, Stored<PartitionValue>>()
      set(partitions, partition, entry && parsed<PartitionValue>(entry))
      set(this.partitions, topicId, partitions.size === 0 ? undefined : partitions)
      touched.topicIds.add(topicId)
    } else if (key.startsWith(BROKER_PREFIX)) {
      const id = Number(key.slice(BROKER_PREFIX.length))
      const before = this.brokers.get(id)
      const after = entry && parsed<BrokerValue>(entry)
      set(this.brokers, id, after)
      if (before && after && before.value.brokerEpoch !== after.value.brokerEpoch)
        touched.restartedBrokers.add(id)
      touched.members = true
    } else if (key.startsWith(LIVE_PREFIX)) {
      set(this.live, Number(key.slice(LIVE_PREFIX.length)), entry && parsed<LiveValue>(entry))
      touched.members = true
    } else if (key === CONTROLLER_KEY) {
      this.controller = entry && parsed<ControllerValue>(entry)
      touched.members = true
    } else if (key.startsWith(CONFIG_PREFIX)) {
      const overrides = entry && {
        value: new Map(Object.entries(JSON.parse(entry.value) as Record<string, string>)),
        revision: entry.modRevision,
      }
      set(this.brokerConfigs, key.slice(CONFIG_PREFIX.length), overrides)
      touched.configs = true
    }
  }
}

function parsed<V>({ value, modRevision }: MetadataEntry): Stored<V> {
  return { value: JSON.parse(value) as V, revision: modRevision }
}

function set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
