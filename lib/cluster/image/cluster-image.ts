/**
 * What the metadata store says, in memory: brokers, topics, partitions, dynamic settings. Changed only by applying
 * the store's changes, a whole revision at a time; everybody else reads it and listens.
 */

import type { BrokerConfig, Overrides, TopicConfig } from '../../config/index.js'
import { clearTimeout, setTimeout } from '../../time/index.js'
import type { BrokerEndpoint, LiveValue, PartitionValue, TopicValue } from '../store/metadata-keys.js'
import type { MetadataChange, MetadataEntry } from '../store/metadata-store.js'
import { elect, type MemberState } from './partition-election.js'
import { assignmentOf } from './reassignment.js'
import { type Stored, StoredMetadata } from './stored-metadata.js'
import { collisionKey, isInternalTopic } from './topic-names.js'

export interface BrokerImage {
  readonly id: number
  /** Rises with every start of this broker. */
  readonly brokerEpoch: number
  readonly directoryId: string
  readonly rack: string | null
  readonly endpoints: readonly BrokerEndpoint[]
  /** The store's revision of its registration. */
  readonly revision: number
}

export interface PartitionImage {
  readonly partition: number
  /** −1 without one. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  /** With those that are being added and removed. */
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  readonly isr: readonly number[]
}

export interface TopicImage {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionImage[]
  /** The topic's own settings, as given. */
  readonly overrides: Overrides
  /** Its settings over the broker's. */
  readonly config: TopicConfig
}

/** What one revision changed. Topics are as they are after it; deleted ones as they were. */
export interface ImageChange {
  readonly created: readonly TopicImage[]
  readonly deleted: readonly TopicImage[]
  /** The partitions of `topic` from `firstNew` on are new. */
  readonly partitionsAdded: readonly { readonly topic: TopicImage; readonly firstNew: number }[]
  /** Leader, epochs, replicas or ISR of these are other ones now. */
  readonly partitionsChanged: readonly { readonly topic: TopicImage; readonly partition: PartitionImage }[]
  /** Their resolved settings may be other ones now: their own changed, or the broker's defaults did. */
  readonly configsChanged: readonly TopicImage[]
  /** Brokers came, went or changed, or the controller did. */
  readonly membersChanged: boolean
}

export type ImageListener = (change: ImageChange) => void

const noOverrides: Overrides = new Map()

export class ClusterImage {
  readonly clusterId: string
  readonly nodeId: number
  readonly #config: BrokerConfig
  readonly #hasLeases: boolean
  readonly #stored = new StoredMetadata()
  readonly #brokers = new Map<number, BrokerImage>()
  /** Made once: thousands of partitions stay as they are while one changes. */
  readonly #partitionImages = new WeakMap<Stored<PartitionValue>, PartitionImage>()
  readonly #topics = new Map<string, TopicImage>()
  readonly #topicsById = new Map<string, TopicImage>()
  readonly #byCollisionKey = new Map<string, string>()
  readonly #listeners = new Set<ImageListener>()
  #revision = 0

  /** Without leases every broker that is registered counts as living, and leads itself: there is no controller. */
  constructor(clusterId: string, config: BrokerConfig, hasLeases = false) {
    this.#hasLeases = hasLeases
    this.clusterId = clusterId
    this.nodeId = config.get('node.id')
    this.#config = config
  }

  /** The last revision that was applied. */
  get revision(): number {
    return this.#revision
  }

  /** The broker that moves leaders; −1 where there is none at the moment. */
  get controllerId(): number {
    if (!this.#hasLeases) return this.nodeId
    return this.#stored.controller?.value.brokerId ?? -1
  }

  get controllerRevision(): number {
    return this.#stored.controller?.revision ?? 0
  }

  /** Fenced: not registered, or without a liveness key of its present epoch. */
  memberState(brokerId: number): MemberState {
    const broker = this.#brokers.get(brokerId)
    if (!broker) return 'fenced'
    if (!this.#hasLeases) return 'live'
    const live = this.live(brokerId)
    if (live?.brokerEpoch !== broker.brokerEpoch) return 'fenced'
    return live.isStopping ? 'stopping' : 'live'
  }

  /** The brokers that may take partitions, by id. */
  get liveBrokers(): BrokerImage[] {
    const live = [...this.#brokers.values()].filter(({ id }) => this.memberState(id) === 'live')
    return live.sort((a, b) => a.id - b.id)
  }

  /** The brokers that are given new replicas. */
  get placementBrokers(): BrokerImage[] {
    return this.liveBrokers.filter(({ id }) => !this.isDecommissioned(id))
  }

  /** It is being emptied: nothing new is placed on it. */
  isDecommissioned(brokerId: number): boolean {
    return this.#config.get('decommissioned.brokers').includes(String(brokerId))
  }

  live(brokerId: number): LiveValue | undefined {
    return this.#stored.live.get(brokerId)?.value
  }

  liveRevision(brokerId: number): number {
    return this.#stored.live.get(brokerId)?.revision ?? 0
  }

  /** True where this broker leads a partition that another one could take over now. */
  leadsWhatOthersCould(): boolean {
    const stateOf = (id: number) => (id === this.nodeId ? 'fenced' : this.memberState(id))
    for (const { partitions } of this.#topics.values()) {
      for (const partition of partitions) {
        if (partition.leader === this.nodeId && elect(partition, stateOf, false).leader >= 0) return true
      }
    }
    return false
  }

  /** Resolves when it is so, after the change that made it so; or after `patienceMs`. */
  until(condition: () => boolean, patienceMs: number): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer)
        stop()
        resolve()
      }
      const timer = setTimeout(settle, patienceMs)
      const stop = this.onChange(() => {
        if (condition()) settle()
      })
    })
  }

  get brokers(): ReadonlyMap<number, BrokerImage> {
    return this.#brokers
  }

  get topics(): ReadonlyMap<string, TopicImage> {
    return this.#topics
  }

  topic(name: string): TopicImage | undefined {
    return this.#topics.get(name)
  }

  topicById(topicId: string): TopicImage | undefined {
    return this.#topicsById.get(topicId)
  }

  /** Another topic whose name differs from this one in `.` and `_` alone. */
  collidingTopic(name: string): string | undefined {
    const other = this.#byCollisionKey.get(collisionKey(name))
    return other === name ? undefined : other
  }

  /** What was changed while running: for one broker, or for all where `brokerId` is null. */
  brokerOverrides(brokerId: number | null): Overrides {
    return this.#stored.brokerConfigs.get(String(brokerId ?? 'default'))?.value ?? noOverrides
  }

  /** The store's revision of a topic's key, of a partition's, of a broker's settings; 0 where there is none. */
  topicRevision(name: string): number {
    return this.#stored.topics.get(name)?.revision ?? 0
  }

  partitionRevision(topicId: string, partition: number): number {
    return this.storedPartition(topicId, partition)?.revision ?? 0
  }

  /** A partition's key as the store holds it: the leader epoch is that of when it was written. */
  storedPartition(topicId: string, partition: number): Stored<PartitionValue> | undefined {
    return this.#stored.partitions.get(topicId)?.get(partition)
  }

  brokerConfigRevision(brokerId: number | null): number {
    return this.#stored.brokerConfigs.get(String(brokerId ?? 'default'))?.revision ?? 0
  }

  /** Calls `listener` after each change, in order. Returns how to stop it. */
  onChange(listener: ImageListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Takes the whole store as of `revision`, in place of changes that can no longer be had. */
  replace(entries: readonly MetadataEntry[], revision: number): void {
    const kept = new Set(entries.map(({ key }) => key))
    const puts = entries.filter(({ modRevision }) => modRevision > this.#revision)
    this.apply({ revision, puts, deletes: [...this.#stored.keys()].filter((key) => !kept.has(key)) })
  }

  /** Applies one revision (or the whole store, as if it were one), then tells the listeners. */
  apply({ revision, puts, deletes }: MetadataChange): void {
    this.#revision = revision
    const { topicNames, topicIds, restartedBrokers, configs, members } = this.#stored.apply({ puts, deletes })
    if (members) this.#rebuildBrokers()
    const before = this.#config.topicDefaults
    if (configs) this.#config.applyDynamic(this.brokerOverrides(this.nodeId), this.brokerOverrides(null))
    const defaultsChanged = this.#config.topicDefaults !== before
    for (const id of topicIds) {
      const name = this.#topicsById.get(id)?.name
      if (name !== undefined) topicNames.add(name)
    }
    if (restartedBrokers.size > 0 || defaultsChanged)
      for (const name of this.#stored.topics.keys()) topicNames.add(name)
    this.#rebuild(topicNames, defaultsChanged, members)
  }

  #rebuildBrokers(): void {
    this.#brokers.clear()
    for (const [id, { value, revision }] of this.#stored.brokers) {
      const { brokerEpoch, directoryId, rack, endpoints, isUnregistered } = value
      if (isUnregistered) continue
      this.#brokers.set(id, { id, brokerEpoch, directoryId, rack, endpoints, revision })
    }
  }

  #rebuild(names: ReadonlySet<string>, defaultsChanged: boolean, membersChanged: boolean): void {
    const created: TopicImage[] = []
    const deleted: TopicImage[] = []
    const partitionsAdded: { topic: TopicImage; firstNew: number }[] = []
    const partitionsChanged: { topic: TopicImage; partition: PartitionImage }[] = []
    const configsChanged: TopicImage[] = []
    for (const name of names) {
      const old = this.#topics.get(name)
      const stored = this.#stored.topics.get(name)
      const topic = stored === undefined ? undefined : this.#build(name, stored, old, defaultsChanged)
      if (old !== undefined && old.topicId !== topic?.topicId) {
        this.#topics.delete(name)
        this.#topicsById.delete(old.topicId)
        this.#byCollisionKey.delete(collisionKey(name))
        deleted.push(old)
      }
      if (topic === undefined) continue
      this.#topics.set(name, topic)
      this.#byCollisionKey.set(collisionKey(name), name)
      this.#topicsById.set(topic.topicId, topic)
      if (old === undefined || old.topicId !== topic.topicId) {
        created.push(topic)
        continue
      }
      const firstNew = old.partitions.length
      if (topic.partitions.length > firstNew) partitionsAdded.push({ topic, firstNew })
      for (const partition of topic.partitions.slice(0, firstNew)) {
        const before = old.partitions[partition.partition]!
        if (partition !== before && !samePartition(partition, before)) {
          partitionsChanged.push({ topic, partition })
        }
      }
      if (topic.config !== old.config) configsChanged.push(topic)
    }
    const topicsChanged = { created, deleted, partitionsAdded, partitionsChanged, configsChanged }
    if (!membersChanged && Object.values(topicsChanged).every((part) => part.length === 0)) return
    const change: ImageChange = { ...topicsChanged, membersChanged }
    for (const listener of [...this.#listeners]) listener(change)
  }

  #build(
    name: string,
    { value }: Stored<TopicValue>,
    old: TopicImage | undefined,
    defaultsChanged: boolean,
  ): TopicImage {
    const stored = this.#stored.partitions.get(value.topicId)
    const partitions: PartitionImage[] = []
    for (let index = 0; index < value.partitions; index++) {
      const state = stored?.get(index)
      if (state === undefined) {
        throw new Error(`the metadata store has no state of partition ${index} of topic ${name}`)
      }
      partitions.push(this.#partition(index, state))
    }
    const entries = Object.entries(value.configs)
    const overrides = entries.length === 0 ? noOverrides : new Map(entries)
    const unchanged = old !== undefined && !defaultsChanged && sameOverrides(old.overrides, overrides)
    return {
      name,
      topicId: value.topicId,
      isInternal: isInternalTopic(name),
      partitions,
      overrides: unchanged ? old.overrides : overrides,
      config: unchanged ? old.config : this.#config.topic(overrides),
    }
  }

  #partition(partition: number, stored: Stored<PartitionValue>): PartitionImage {
    const { value } = stored
    const starts = (this.#brokers.get(value.leader)?.brokerEpoch ?? value.brokerEpoch) - value.brokerEpoch
    const leaderEpoch = value.leaderEpoch + starts
    const before = this.#partitionImages.get(stored)
    if (before?.leaderEpoch === leaderEpoch) return before
    const image = {
      partition,
      leader: value.leader,
      leaderEpoch,
      partitionEpoch: value.partitionEpoch,
      ...assignmentOf(value),
      isr: value.isr,
    }
    this.#partitionImages.set(stored, image)
    return image
  }
}

function samePartition(a: PartitionImage, b: PartitionImage): boolean {
  return (
    a.leader === b.leader &&
    a.leaderEpoch === b.leaderEpoch &&
    a.partitionEpoch === b.partitionEpoch &&
    a.replicas.join() === b.replicas.join() &&
    a.addingReplicas.join() === b.addingReplicas.join() &&
    a.removingReplicas.join() === b.removingReplicas.join() &&
    a.isr.join() === b.isr.join()
  )
}

function sameOverrides(a: Overrides, b: Overrides): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value)
}
