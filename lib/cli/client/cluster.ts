/**
 * A cluster as the administrative commands see it. Where the library's own admin client hides what is needed here
 * (internal topics, the default of all brokers), its requests are used directly.
 */
import type { Admin, Connection } from '@platformatic/kafka'
import { type ConnectionSettings, integerProperty } from './connection-options.js'
import { type ElectionType, electLeaders } from './elect-leaders.js'
import {
  type ConfigChange,
  type DescribedConfig,
  type KafkaLibrary,
  loadKafka,
  type Metadata,
  type TopicMetadata,
} from './kafka-library.js'
import {
  alterReassignments,
  listReassignments,
  type Reassignment,
  type WantedReplicas,
} from './reassignments.js'
import { kafkaErrorNames, RequestFailure, requestFailure } from './request-failure.js'
import type { PartitionOutcome } from './topic-partition.js'

export type ConfigEntityType = 'topic' | 'broker'

export interface TopicOffset {
  topic: string
  partition: number
  /** −1 where no record is at or after the timestamp that was asked for. */
  offset: bigint
}

/** Timestamps that ListOffsets gives a meaning of their own. */
export const LATEST = -1n
export const EARLIEST = -2n

/** How long the broker may take over elections. */
const ELECTION_TIMEOUT_MS = 20_000

/** How long the broker may take to write reassignments down. */
const REASSIGNMENT_TIMEOUT_MS = 20_000

/** What the library's clients are opened with. */
export function clientOptions({ bootstrapBrokers, properties }: ConnectionSettings) {
  return {
    clientId: properties.get('client.id') ?? 'odradek',
    bootstrapBrokers: [...bootstrapBrokers],
    timeout: integerProperty(properties, 'request.timeout.ms', 30_000),
    // A topic that was just created answers with a retriable error until it has its leader.
    retries: integerProperty(properties, 'retries', 10),
    retryDelay: integerProperty(properties, 'retry.backoff.ms', 100),
  }
}

/** Opens a cluster, runs `work` on it and closes it; failures come out as one line. */
export async function withCluster<T>(
  settings: ConnectionSettings,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const kafka = await loadKafka()
  const admin = new kafka.Admin(clientOptions(settings))
  try {
    return await work(new Cluster(kafka, admin))
  } catch (error) {
    throw requestFailure(error)
  } finally {
    await admin.close()
  }
}

export class Cluster {
  readonly admin: Admin
  readonly #kafka: KafkaLibrary

  constructor(kafka: KafkaLibrary, admin: Admin) {
    this.#kafka = kafka
    this.admin = admin
  }

  /** Brokers, controller and all topics, by id and name. */
  async metadata(): Promise<Metadata> {
    const metadata = await this.#metadata(null)
    metadata.topics.sort((a, b) => (a.name! < b.name! ? -1 : 1))
    metadata.brokers.sort((a, b) => a.nodeId - b.nodeId)
    return metadata
  }

  /** All topics, those of Kafka's own included, by name. */
  async topics(): Promise<TopicMetadata[]> {
    const { topics } = await this.#metadata(null)
    return topics.sort((a, b) => (a.name! < b.name! ? -1 : 1))
  }

  async brokers(): Promise<Metadata['brokers']> {
    const { brokers } = await this.#metadata([])
    return brokers.sort((a, b) => a.nodeId - b.nodeId)
  }

  /** Fails for a topic that is not there. */
  async topic(name: string): Promise<TopicMetadata> {
    try {
      const { topics } = await this.#metadata([name])
      return topics[0]!
    } catch (error) {
      if (!kafkaErrorNames(error).includes('UNKNOWN_TOPIC_OR_PARTITION')) throw error
      throw new RequestFailure(`there is no topic ${name}`)
    }
  }

  /** The offsets of partitions at a timestamp, at LATEST or at EARLIEST. */
  async listOffsets(
    topics: ReadonlyMap<string, readonly number[]>,
    timestamp: bigint,
  ): Promise<TopicOffset[]> {
    const listed = await this.admin.listOffsets({
      topics: [...topics].map(([name, partitions]) => ({
        name,
        partitions: partitions.map((partitionIndex) => ({ partitionIndex, timestamp })),
      })),
    })
    return listed.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => ({ topic: name, partition: partitionIndex, offset })),
    )
  }

  /** `name` is empty for the default of all brokers. */
  async describeConfigs(
    type: ConfigEntityType,
    name: string,
    includeSynonyms: boolean,
  ): Promise<DescribedConfig[]> {
    const connection = await this.#connection(type === 'broker' && name !== '' ? Number(name) : undefined)
    const { results } = await this.#kafka.describeConfigsV4.api.async(
      connection,
      [{ resourceType: this.#resourceType(type), resourceName: name, configurationKeys: null }],
      includeSynonyms,
      false,
    )
    return results[0]!.configs
  }

  async alterConfigs(type: ConfigEntityType, name: string, configs: ConfigChange[]): Promise<void> {
    const connection = await this.#connection(type === 'broker' && name !== '' ? Number(name) : undefined)
    await this.#kafka.incrementalAlterConfigsV1.api.async(
      connection,
      [{ resourceType: this.#resourceType(type), resourceName: name, configs }],
      false,
    )
  }

  /** Without `partitions` all that need it. */
  async electLeaders(
    type: ElectionType,
    partitions: ReadonlyMap<string, readonly number[]> | null,
  ): Promise<PartitionOutcome[]> {
    return electLeaders(this.#kafka, await this.#connection(), type, partitions, ELECTION_TIMEOUT_MS)
  }

  async unregisterBroker(id: number): Promise<void> {
    await this.#kafka.unregisterBrokerV0.api.async(await this.#connection(), id)
  }

  /** All that are under way. */
  async reassignments(): Promise<Reassignment[]> {
    return listReassignments(this.#kafka, await this.#connection(), REASSIGNMENT_TIMEOUT_MS)
  }

  async reassign(
    wanted: readonly WantedReplicas[],
    allowReplicationFactorChange = true,
  ): Promise<PartitionOutcome[]> {
    return alterReassignments(
      this.#kafka,
      await this.#connection(),
      wanted,
      allowReplicationFactorChange,
      REASSIGNMENT_TIMEOUT_MS,
    )
  }

  async #metadata(topics: string[] | null): Promise<Metadata> {
    return this.#kafka.metadataV12.api.async(await this.#connection(), topics, false, false)
  }

  async #connection(broker?: number): Promise<Connection> {
    const connections = await this.admin.connectToBrokers(broker === undefined ? null : [broker])
    const connection = broker === undefined ? connections.values().next().value : connections.get(broker)
    if (!connection) throw new RequestFailure(`there is no broker ${broker}`)
    return connection
  }

  #resourceType(type: ConfigEntityType) {
    const { TOPIC, BROKER } = this.#kafka.ConfigResourceTypes
    return type === 'topic' ? TOPIC : BROKER
  }
}
