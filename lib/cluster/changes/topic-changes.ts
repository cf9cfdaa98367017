/**
 * Creates, changes and deletes topics. Every method validates as Kafka does, throws a KafkaError, and resolves when
 * the change is in the metadata store and in the image.
 */

import {
  alterFully,
  alterIncrementally,
  type BrokerConfig,
  type ConfigOperation,
  type Overrides,
} from '../../config/index.js'
import { KafkaError, randomUuid } from '../../protocol/index.js'
import type { ClusterImage, TopicImage } from '../image/cluster-image.js'
import { assignmentOf, targetReplicas } from '../image/reassignment.js'
import { canCollide, collisionKey, isInternalTopic, validateTopicName } from '../image/topic-names.js'
import { chunksOf } from '../store/chunks.js'
import {
  type PartitionValue,
  partitionKey,
  type TopicValue,
  topicKey,
  topicNameKey,
} from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'
import { checkedConfig } from './config-errors.js'
import {
  checkReplicas,
  orderedAssignments,
  type PartitionAssignment,
  type PlacementBroker,
  spreadingOrder,
  spreadReplicas,
} from './replica-assignment.js'

export interface CreateTopicRequest {
  readonly name: string
  /** −1 or left out: `num.partitions`, or what `assignments` says. */
  readonly numPartitions?: number
  /** −1 or left out: `default.replication.factor`, or what `assignments` says. */
  readonly replicationFactor?: number
  readonly assignments?: readonly PartitionAssignment[]
  readonly configs?: Overrides
  readonly validateOnly?: boolean
}

export interface CreatePartitionsRequest {
  readonly name: string
  /** How many there shall be in all. */
  readonly count: number
  /** The replicas of each new partition, in order; left out or null: spread evenly. */
  readonly assignments?: readonly (readonly number[])[] | null
  readonly validateOnly?: boolean
}

/** Kafka's bound on what one request may create. */
const MAX_NEW_PARTITIONS = 10_000

export class TopicChanges {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #config: BrokerConfig
  /** Collision keys of the names whose creation is under way. */
  readonly #creating = new Set<string>()

  constructor(store: MetadataStore, image: ClusterImage, config: BrokerConfig) {
    this.#store = store
    this.#image = image
    this.#config = config
  }

  /** The topic as it is now, or as it would be with `validateOnly`. */
  async createTopic(request: CreateTopicRequest): Promise<TopicImage> {
    const { name } = request
    validateTopicName(name)
    this.#checkNew(name)
    if (this.#creating.has(collisionKey(name))) {
      throw new KafkaError(
        'TOPIC_ALREADY_EXISTS',
        `Topic ${name}, or one that collides with it, is being created`,
      )
    }
    const replicas = this.#newReplicas(request)
    const overrides = new Map(request.configs)
    checkedConfig(() => this.#config.validateTopic(overrides))
    const topicId = randomUuid()
    const partitions = replicas.map((assigned) => this.#newPartition(assigned))
    if (request.validateOnly) return this.#preview(name, topicId, partitions, overrides)

    const collision = collisionKey(name)
    this.#creating.add(collision)
    try {
      const value: TopicValue = {
        topicId,
        partitions: partitions.length,
        configs: Object.fromEntries(overrides),
      }
      // Where another broker was asked at the same moment, the image shows what came of it.
      while (!(await this.#putTopic(name, value, 0, partitions, 0))) this.#checkNew(name)
      return this.#image.topic(name)!
    } finally {
      this.#creating.delete(collision)
    }
  }

  /** Resolves with the topic as it was. */
  async deleteTopic(target: { name: string } | { topicId: string }): Promise<TopicImage> {
    if (!this.#config.get('delete.topic.enable')) {
      throw new KafkaError(
        'TOPIC_DELETION_DISABLED',
        'Topics cannot be deleted: delete.topic.enable is false',
      )
    }
    for (;;) {
      const topic = 'name' in target ? this.#existing(target.name) : this.#image.topicById(target.topicId)
      if (topic === undefined) throw new KafkaError('UNKNOWN_TOPIC_ID', 'There is no topic with this id')
      const partitionKeys = topic.partitions.map(({ partition }) => partitionKey(topic.topicId, partition))
      const room = this.#store.maxTxnOperations - 2
      const names = canCollide(topic.name) ? [topicNameKey(collisionKey(topic.name))] : []
      const { succeeded } = await this.#store.txn({
        compares: [{ key: topicKey(topic.name), modRevision: this.#image.topicRevision(topic.name) }],
        deletes: [topicKey(topic.name), ...names, ...partitionKeys.slice(0, room)],
      })
      if (!succeeded) continue
      for (const deletes of chunksOf(partitionKeys.slice(room), room)) await this.#store.txn({ deletes })
      return topic
    }
  }

  async createPartitions({
    name,
    count,
    assignments,
    validateOnly,
  }: CreatePartitionsRequest): Promise<TopicImage> {
    for (;;) {
      const topic = this.#existing(name)
      const before = topic.partitions.length
      if (count <= before) {
        const why =
          count === before
            ? `already has ${before} partition(s)`
            : `has ${before} partition(s), more than ${count}`
        throw new KafkaError('INVALID_PARTITIONS', `Topic ${name} ${why}`)
      }
      const added = count - before
      checkPartitionCount(added)
      const partitions = this.#addedReplicas(topic, added, assignments ?? null).map((replicas) =>
        this.#newPartition(replicas),
      )
      if (validateOnly) return topic
      const value: TopicValue = {
        topicId: topic.topicId,
        partitions: count,
        configs: Object.fromEntries(topic.overrides),
      }
      if (await this.#putTopic(name, value, this.#image.topicRevision(name), partitions, before)) {
        return this.#image.topic(name)!
      }
    }
  }

  /** IncrementalAlterConfigs of a topic. */
  alterTopicConfigs(
    name: string,
    operations: readonly ConfigOperation[],
    validateOnly = false,
  ): Promise<void> {
    return this.#changeConfigs(name, validateOnly, ({ overrides }) =>
      alterIncrementally('topic', overrides, operations, (setting) => {
        const value = this.#config.topicDefaults.get(setting)
        return Array.isArray(value) ? value : []
      }),
    )
  }

  /** AlterConfigs of a topic: what is not given goes back to its default. */
  replaceTopicConfigs(
    name: string,
    entries: readonly { name: string; value: string | null }[],
    validateOnly = false,
  ): Promise<void> {
    return this.#changeConfigs(name, validateOnly, () => alterFully(entries))
  }

  async #changeConfigs(
    name: string,
    validateOnly: boolean,
    change: (topic: TopicImage) => Map<string, string>,
  ): Promise<void> {
    for (;;) {
      const topic = this.#existing(name)
      const overrides = checkedConfig(() => {
        const changed = change(topic)
        this.#config.validateTopic(changed)
        return changed
      })
      if (validateOnly) return
      const value: TopicValue = {
        topicId: topic.topicId,
        partitions: topic.partitions.length,
        configs: Object.fromEntries(overrides),
      }
      if (await this.#putTopic(name, value, this.#image.topicRevision(name), [], 0)) return
    }
  }

  /**
   * False where the topic's key was changed meanwhile, or another topic has taken a name that collides. Partitions are
   * written first: a topic never lacks one.
   */
  async #putTopic(
    name: string,
    value: TopicValue,
    modRevision: number,
    partitions: readonly PartitionValue[],
    firstPartition: number,
  ): Promise<boolean> {
    const puts = partitions.map((state, index) => ({
      key: partitionKey(value.topicId, firstPartition + index),
      value: JSON.stringify(state),
    }))
    const room = this.#store.maxTxnOperations - 2
    // Partitions that somebody else has added meanwhile are led already: late, they must not begin anew.
    const compares = [{ key: topicKey(name), modRevision }]
    while (puts.length > room) {
      const { succeeded } = await this.#store.txn({ compares, puts: puts.splice(0, room) })
      if (!succeeded) return false
    }
    const isNew = modRevision === 0
    const nameKey = topicNameKey(collisionKey(name))
    const names = isNew && canCollide(name) ? [{ key: nameKey, value: name }] : []
    const { succeeded } = await this.#store.txn({
      compares: [...compares, ...names.map(({ key }) => ({ key, modRevision: 0 }))],
      puts: [...puts, { key: topicKey(name), value: JSON.stringify(value) }, ...names],
    })
    return succeeded
  }

  #newReplicas({
    assignments = [],
    numPartitions = -1,
    replicationFactor = -1,
  }: CreateTopicRequest): number[][] {
    if (assignments.length > 0) {
      if (replicationFactor !== -1 || numPartitions !== -1) {
        throw new KafkaError(
          'INVALID_REQUEST',
          'With partitions assigned by hand, the partition count and replication factor must be -1',
        )
      }
      checkPartitionCount(assignments.length)
      return orderedAssignments(assignments, this.#brokerIds())
    }
    if (numPartitions < -1 || numPartitions === 0) {
      throw new KafkaError(
        'INVALID_PARTITIONS',
        'The number of partitions must be at least 1, or -1 for the default',
      )
    }
    if (replicationFactor < -1 || replicationFactor === 0) {
      throw new KafkaError(
        'INVALID_REPLICATION_FACTOR',
        'The replication factor must be at least 1, or -1 for the default',
      )
    }
    const partitions = numPartitions === -1 ? this.#config.get('num.partitions') : numPartitions
    const replicas =
      replicationFactor === -1 ? this.#config.get('default.replication.factor') : replicationFactor
    checkPartitionCount(partitions)
    const brokers = this.#image.placementBrokers
    return spreadReplicas(brokers, Math.floor(Math.random() * brokers.length), partitions, replicas)
  }

  #addedReplicas(
    topic: TopicImage,
    added: number,
    assignments: readonly (readonly number[])[] | null,
  ): readonly (readonly number[])[] {
    const first = topic.partitions.length
    const replicationFactor = targetReplicas(topic.partitions[0]!).length
    if (assignments === null) {
      const brokers = this.#image.placementBrokers
      return spreadReplicas(brokers, startOf(topic, brokers) + first, added, replicationFactor)
    }
    if (assignments.length !== added) {
      throw new KafkaError(
        'INVALID_REPLICA_ASSIGNMENT',
        `${added} partition(s) are added, but ${assignments.length} assigned`,
      )
    }
    assignments.forEach((replicas, index) => {
      checkReplicas(first + index, replicas, replicationFactor, this.#brokerIds())
    })
    return assignments
  }

  #newPartition(replicas: readonly number[]): PartitionValue {
    const isr = replicas.filter((id) => this.#image.memberState(id) === 'live')
    const leader = isr[0]!
    const brokerEpoch = this.#image.brokers.get(leader)?.brokerEpoch ?? 0
    return { leader, leaderEpoch: 0, partitionEpoch: 0, replicas, isr, brokerEpoch }
  }

  #preview(
    name: string,
    topicId: string,
    partitions: readonly PartitionValue[],
    overrides: Overrides,
  ): TopicImage {
    return {
      name,
      topicId,
      isInternal: isInternalTopic(name),
      partitions: partitions.map(({ brokerEpoch: _, ...state }, partition) => ({
        partition,
        ...state,
        ...assignmentOf(state),
      })),
      overrides,
      config: this.#config.topic(overrides),
    }
  }

  #existing(name: string): TopicImage {
    const topic = this.#image.topic(name)
    if (topic === undefined) {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${name}`)
    }
    return topic
  }

  #checkNew(name: string): void {
    if (this.#image.topic(name) !== undefined) throw alreadyExists(name)
    const other = this.#image.collidingTopic(name)
    if (other !== undefined) {
      throw new KafkaError(
        'INVALID_TOPIC_EXCEPTION',
        `Topic ${name} collides with topic ${other}: '.' and '_' count as the same`,
      )
    }
  }

  #brokerIds(): number[] {
    return this.#image.placementBrokers.map(({ id }) => id)
  }
}

function alreadyExists(name: string): KafkaError {
  return new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists`)
}

/** Where the spreading of a topic's partitions began: at the first replica of its first one. */
function startOf({ partitions }: TopicImage, brokers: readonly PlacementBroker[]): number {
  return Math.max(0, spreadingOrder(brokers).indexOf(partitions[0]!.replicas[0]!))
}

function checkPartitionCount(count: number): void {
  if (count > MAX_NEW_PARTITIONS) {
    throw new KafkaError(
      'POLICY_VIOLATION',
      `At most ${MAX_NEW_PARTITIONS} partitions can be created at once`,
    )
  }
}
