/** What Kafka's metadata log says: topics, partitions, settings, producer ids. Changed by its records, in order. */
import type { PartitionChangeRecord, PartitionRecord } from '../../protocol/index.js'
import type { MetadataRecord } from './metadata-records.js'

export interface KafkaPartition {
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** Out of the ISR, and yet with all that was acknowledged (KIP-966): where a clean stop leaves the last replica. */
  readonly eligible: readonly number[]
  /** −1 without one. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  /** The id of the data folder of each replica, where Kafka says so. */
  readonly directories: readonly string[]
}

export interface KafkaTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: Map<number, KafkaPartition>
}

type Settings = Map<string, string>

const TOPIC_RESOURCE = 2
const BROKER_RESOURCE = 4
const unchangedLeader = -2

export class KafkaMetadata {
  /** By topic id. */
  readonly topics = new Map<string, KafkaTopic>()
  /** By topic name. */
  readonly topicSettings = new Map<string, Settings>()
  /** By broker id, '' for those of all brokers. */
  readonly brokerSettings = new Map<string, Settings>()
  /** Levels by feature: `metadata.version` above all. */
  readonly features = new Map<string, number>()
  /** What has no counterpart here. */
  readonly leftOut = new Set<string>()
  nextProducerId = 0
  /** Records of a transaction of the metadata log, which count once it ends. */
  #pending: MetadataRecord[] | undefined

  apply(record: MetadataRecord): void {
    if (record.kind === 'begin') this.#pending = []
    else if (record.kind === 'abort') this.#pending = undefined
    else if (record.kind === 'end') {
      for (const each of this.#pending ?? []) this.#replay(each)
      this.#pending = undefined
    } else if (this.#pending !== undefined) this.#pending.push(record)
    else this.#replay(record)
  }

  #replay(record: MetadataRecord): void {
    switch (record.kind) {
      case 'TopicRecord': {
        const { name, topicId } = record.message
        this.topics.set(topicId, { name, topicId, partitions: new Map() })
        return
      }
      case 'PartitionRecord':
        this.topics
          .get(record.message.topicId)
          ?.partitions.set(record.message.partitionId, created(record.message))
        return
      case 'PartitionChangeRecord': {
        const partitions = this.topics.get(record.message.topicId)?.partitions
        const before = partitions?.get(record.message.partitionId)
        if (before) partitions!.set(record.message.partitionId, changed(before, record.message))
        return
      }
      case 'RemoveTopicRecord': {
        const topic = this.topics.get(record.message.topicId)
        this.topics.delete(record.message.topicId)
        if (topic) this.topicSettings.delete(topic.name)
        return
      }
      case 'ConfigRecord':
        this.#configure(record.message)
        return
      case 'FeatureLevelRecord':
        this.features.set(record.message.name, record.message.featureLevel)
        return
      case 'ProducerIdsRecord':
        this.nextProducerId = Number(record.message.nextProducerId)
        return
      case 'leftOut':
        this.leftOut.add(record.what)
    }
  }

  #configure(record: {
    resourceType: number
    resourceName: string
    name: string
    value: string | null
  }): void {
    const { resourceType, resourceName, name, value } = record
    const resources =
      resourceType === TOPIC_RESOURCE
        ? this.topicSettings
        : resourceType === BROKER_RESOURCE
          ? this.brokerSettings
          : undefined
    if (resources === undefined) {
      this.leftOut.add('settings of groups and of client metrics')
      return
    }
    const settings = resources.get(resourceName) ?? new Map<string, string>()
    resources.set(resourceName, settings)
    if (value === null) settings.delete(name)
    else settings.set(name, value)
  }
}

function created(record: PartitionRecord): KafkaPartition {
  const { replicas, isr, leader, leaderEpoch, partitionEpoch, directories } = record
  const eligible = record.eligibleLeaderReplicas ?? []
  return { replicas, isr, eligible, leader, leaderEpoch, partitionEpoch, directories }
}

function changed(before: KafkaPartition, record: PartitionChangeRecord): KafkaPartition {
  const hasNewLeader = record.leader !== unchangedLeader
  return {
    replicas: record.replicas ?? before.replicas,
    isr: record.isr ?? before.isr,
    eligible: record.eligibleLeaderReplicas ?? before.eligible,
    leader: hasNewLeader ? record.leader : before.leader,
    leaderEpoch: before.leaderEpoch + (hasNewLeader ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    directories: record.directories ?? before.directories,
  }
}
