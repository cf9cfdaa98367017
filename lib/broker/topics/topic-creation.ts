/**
 * Creates topics that nobody asked for by name of CreateTopics: those a client names in Metadata, and the broker's
 * own. Requests for the same topic share one creation.
 */
import type { Cluster, TopicImage } from '../../cluster/index.js'
import { type BrokerConfig, type CoordinatedTopic, coordinatedTopic } from '../../config/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'

export class TopicCreation {
  readonly #cluster: Cluster
  readonly #config: BrokerConfig
  readonly #settled: () => Promise<void>
  readonly #underWay = new Map<string, Promise<TopicImage>>()

  constructor(cluster: Cluster, config: BrokerConfig, settled: () => Promise<void>) {
    this.#cluster = cluster
    this.#config = config
    this.#settled = settled
  }

  /**
   * The topic, created with its logs open if absent. Who asks for one that is there does not wait for the logs of
   * others that come and go. Throws KafkaError where it cannot be created.
   */
  async ensure(name: string): Promise<TopicImage> {
    let creation = this.#underWay.get(name)
    if (!creation) {
      const existing = this.#cluster.image.topic(name)
      if (existing) return existing
      creation = this.#create(name).finally(() => this.#underWay.delete(name))
      this.#underWay.set(name, creation)
    }
    return creation
  }

  async #create(name: string): Promise<TopicImage> {
    try {
      const coordinated = coordinatedTopic(name)
      return await this.#cluster.topics.createTopic({ name, ...(coordinated && this.#planOf(coordinated)) })
    } catch (error) {
      const raced = error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS
      const topic = raced ? this.#cluster.image.topic(name) : undefined
      if (topic) return topic
      throw error
    } finally {
      await this.#settled()
    }
  }

  /** Throws COORDINATOR_NOT_AVAILABLE where too few brokers live: its partitions would stay with those for good. */
  #planOf({ name, partitions, replicationFactor, configs }: CoordinatedTopic) {
    const wanted = this.#config.get(replicationFactor)
    const { length: live } = this.#cluster.image.placementBrokers
    if (live < wanted && !this.#cluster.isAlone) {
      throw new KafkaError(
        'COORDINATOR_NOT_AVAILABLE',
        `${name} is created once ${wanted} brokers live, now ${live} do: start more, or set ${replicationFactor}`,
      )
    }
    return {
      numPartitions: this.#config.get(partitions),
      replicationFactor: Math.min(wanted, live),
      configs: configs(this.#config),
    }
  }
}
