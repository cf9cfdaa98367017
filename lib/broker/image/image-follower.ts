/**
 * Keeps what this broker serves in step with the cluster's image: logs are opened and removed, settings and leader
 * epochs passed on, groups loaded. Changes are carried out in their order, one after the other.
 */
import type { Logger } from 'pino'
import {
  type Cluster,
  type ImageChange,
  isReservedName,
  type PartitionImage,
  type TopicImage,
} from '../../cluster/index.js'
import type { Coordinator } from '../../coordinator/index.js'
import type { AssignedPartition, Replicas } from '../../replica/index.js'
import { endOpenTransactions } from './open-transactions.js'

export class ImageFollower {
  readonly #cluster: Cluster
  readonly #replicas: Replicas
  readonly #coordinators: ReadonlyMap<string, Coordinator>
  readonly #log: Logger
  readonly #stopListening: () => void
  /** By internal topic, the partitions coordinated here with the leader epoch in which each came. */
  readonly #coordinated = new Map<string, Map<number, number>>()
  #changes: Promise<void> = Promise.resolve()
  /** Of the change that was enqueued last, where it only creates topics and has not begun. */
  #creations: TopicImage[] | undefined

  constructor(
    cluster: Cluster,
    replicas: Replicas,
    coordinators: ReadonlyMap<string, Coordinator>,
    log: Logger,
  ) {
    this.#cluster = cluster
    this.#replicas = replicas
    this.#coordinators = coordinators
    for (const topic of coordinators.keys()) this.#coordinated.set(topic, new Map())
    this.#log = log
    this.#stopListening = cluster.image.onChange((change) => this.#follow(change))
  }

  /**
   * Opens the logs of all that the image assigns to this broker, and ends what transactions they were left with. What
   * was deleted or given to others while this broker was away is set aside.
   */
  start(): Promise<void> {
    // Changes that come meanwhile wait: to them, what is being opened would not be there.
    const opened = this.#changes.then(() => this.#open())
    this.#changes = opened.catch(() => {})
    return opened
  }

  /** Resolves when every change so far has been carried out. */
  settled(): Promise<void> {
    return this.#changes
  }

  async close(): Promise<void> {
    this.#stopListening()
    await this.#changes
  }

  async #open(): Promise<void> {
    const assigned = [...this.#cluster.image.topics.values()].flatMap((topic) =>
      this.#assigned(topic, topic.partitions),
    )
    await this.#replicas.folder.setStraysAside((...name) => this.#isExpected(...name))
    await this.#replicas.open(assigned)
    await endOpenTransactions(this.#replicas, this.#log)
    await this.#coordinate(assigned)
  }

  /** Topics that come one behind the other, while others are still made, are made together. */
  #follow(change: ImageChange): void {
    const isCreation = onlyCreates(change)
    if (isCreation && this.#creations) {
      this.#creations.push(...change.created)
      return
    }
    const created = [...change.created]
    this.#creations = isCreation ? created : undefined
    this.#enqueue(() => {
      if (this.#creations === created) this.#creations = undefined
      return this.#apply({ ...change, created })
    })
  }

  #enqueue(work: () => Promise<void>): void {
    this.#changes = this.#changes.then(work).catch((error: unknown) => {
      this.#log.error({ err: error }, 'a change of the cluster could not be carried out')
    })
  }

  async #apply({
    created,
    deleted,
    partitionsAdded,
    partitionsChanged,
    configsChanged,
  }: ImageChange): Promise<void> {
    for (const { name, partitions } of deleted) await this.#replicas.remove(name, [...partitions.keys()])
    if (deleted.length > 0) {
      for (const topic of deleted) {
        await this.#resign(
          topic.name,
          topic.partitions.map(({ partition }) => partition),
        )
      }
      // Not waited for: what keeps their tombstones from being written may be mended by a change to come.
      for (const coordinator of this.#coordinators.values()) void coordinator.onTopicsDeleted(deleted)
    }
    const opened = [
      ...created.flatMap((topic) => this.#assigned(topic, topic.partitions)),
      ...partitionsAdded.flatMap(({ topic, firstNew }) =>
        this.#assigned(topic, topic.partitions.slice(firstNew)),
      ),
    ]
    await this.#replicas.open(opened)
    await this.#coordinate(opened)
    await Promise.all([this.#leave(partitionsChanged), this.#take(partitionsChanged)])
    for (const { name, config } of configsChanged) this.#replicas.configure(name, config)
  }

  #assigned(topic: TopicImage, partitions: readonly PartitionImage[]): AssignedPartition[] {
    return partitions
      .filter(({ replicas }) => replicas.includes(this.#cluster.nodeId))
      .map((state) => ({
        topic: topic.name,
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        config: topic.config,
        ...state,
      }))
  }

  /** A folder of this name belongs here, whichever topic had it before; so does that of metadata. */
  #isExpected(topic: string, partition: number): boolean {
    const state = this.#cluster.image.topic(topic)?.partitions[partition]
    return isReservedName(topic) || state?.replicas.includes(this.#cluster.nodeId) === true
  }

  /** What is other brokers' now is served no more from the first turn on. Resolves when its logs are removed. */
  async #leave(changed: ImageChange['partitionsChanged']): Promise<void> {
    const leaving = changed.filter(({ topic, partition: { partition, replicas } }) => {
      return !replicas.includes(this.#cluster.nodeId) && this.#replicas.has(topic.name, partition)
    })
    const byTopic = new Map<string, number[]>()
    for (const { topic, partition } of leaving) {
      const indexes = byTopic.get(topic.name)
      if (indexes) indexes.push(partition.partition)
      else byTopic.set(topic.name, [partition.partition])
    }
    const removals = [...byTopic].map(([name, indexes]) => this.#replicas.remove(name, indexes))
    const resignations = [...byTopic].map(([name, indexes]) => this.#resign(name, indexes))
    await Promise.all([...removals, ...resignations])
  }

  /** What came to this broker is opened; all of it is led or followed as it stands now. */
  async #take(changed: ImageChange['partitionsChanged']): Promise<void> {
    const assigned = changed.flatMap(({ topic, partition }) => this.#assigned(topic, [partition]))
    const isOpen = ({ topic, partition }: AssignedPartition) => this.#replicas.find(topic, partition)
    await this.#replicas.open(assigned.filter((each) => !isOpen(each)))
    await this.#replicas.assume(assigned)
    await this.#coordinate(assigned)
  }

  /**
   * Takes over, or gives up, what is coordinated in partitions that came or changed. State loads in the background:
   * until then clients are told COORDINATOR_LOAD_IN_PROGRESS.
   */
  async #coordinate(changed: readonly AssignedPartition[]): Promise<void> {
    const resigned: Promise<void>[] = []
    for (const { topic, partition, leader, leaderEpoch } of changed) {
      const epochs = this.#coordinated.get(topic)
      if (epochs === undefined) continue
      if (leader !== this.#cluster.nodeId) resigned.push(this.#resign(topic, [partition]))
      else if (epochs.get(partition) !== leaderEpoch) {
        epochs.set(partition, leaderEpoch)
        void this.#coordinators.get(topic)!.onElected(partition)
      }
    }
    await Promise.all(resigned)
  }

  async #resign(topic: string, partitions: readonly number[]): Promise<void> {
    const coordinator = this.#coordinators.get(topic)
    if (coordinator === undefined) return
    for (const partition of partitions) this.#coordinated.get(topic)!.delete(partition)
    await Promise.all(partitions.map((partition) => coordinator.onResigned(partition)))
  }
}

function onlyCreates({ created, deleted, partitionsAdded, partitionsChanged, configsChanged }: ImageChange) {
  const others = [deleted, partitionsAdded, partitionsChanged, configsChanged]
  return created.length > 0 && others.every(({ length }) => length === 0)
}
