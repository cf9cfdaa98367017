/**
 * Begins and cancels reassignments of partitions. It writes what is wanted into the partitions' keys; leaders and
 * epochs are the controller's, which ends a reassignment, and a cancelled one too.
 */
import { KafkaError } from '../protocol/index.js'
import type { ClusterImage, PartitionImage, TopicImage } from './cluster-image.js'
import { partitionKey } from './metadata-keys.js'
import type { MetadataStore } from './metadata-store.js'
import {
  isReassigning,
  originalReplicas,
  reassignTo,
  targetReplicas,
  withAssignment,
} from './reassignment.js'

export interface ReassignmentRequest {
  readonly topic: string
  readonly partition: number
  /** The replicas there shall be, the preferred leader first; null cancels what is under way. */
  readonly replicas: readonly number[] | null
}

export interface ReassignmentOptions {
  /** Default: true. */
  readonly allowReplicationFactorChange?: boolean
  /** How long to wait for what needs no data to be moved. Default: 0. */
  readonly patienceMs?: number
}

/** How many partitions' keys are written at the same time. */
const writesAtOnce = 32

export class ReassignmentController {
  readonly #store: MetadataStore
  readonly #image: ClusterImage

  constructor(store: MetadataStore, image: ClusterImage) {
    this.#store = store
    this.#image = image
  }

  /**
   * Resolves when what is wanted stands in the metadata store, and where that needs no data, is so: with the failure
   * of each request, in their order, undefined where it has none. Data is moved from then on.
   */
  async alter(
    requests: readonly ReassignmentRequest[],
    { allowReplicationFactorChange = true, patienceMs = 0 }: ReassignmentOptions = {},
  ): Promise<unknown[]> {
    const failures: unknown[] = requests.map(() => undefined)
    const queue = requests.entries()
    const worker = async () => {
      for (const [index, request] of queue) {
        try {
          await this.#alter(request, allowReplicationFactorChange)
        } catch (error) {
          failures[index] = error
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(writesAtOnce, requests.length) }, worker))
    const done = requests.filter((_, index) => failures[index] === undefined)
    await this.#image.until(() => !done.some((request) => this.#isShort(request)), patienceMs)
    return failures
  }

  async #alter(
    { topic: name, partition: index, replicas }: ReassignmentRequest,
    allowReplicationFactorChange: boolean,
  ): Promise<void> {
    for (;;) {
      const { topic, partition } = this.#existing(name, index)
      const stored = this.#image.storedPartition(topic.topicId, index)!
      const target = replicas ?? cancelled(topic, partition)
      if (replicas) {
        this.#checkTarget(replicas)
        if (!allowReplicationFactorChange) checkReplicationFactor(partition, replicas)
      }
      const assignment = reassignTo(stored.value, target)
      const key = partitionKey(topic.topicId, index)
      const value = {
        ...withAssignment(stored.value, assignment),
        partitionEpoch: stored.value.partitionEpoch + 1,
      }
      const { succeeded } = await this.#store.txn({
        compares: [{ key, modRevision: stored.revision }],
        puts: [{ key, value: JSON.stringify(value) }],
      })
      if (succeeded) return
    }
  }

  /** It waits for the controller alone. */
  #isShort({ topic, partition }: ReassignmentRequest): boolean {
    const state = this.#image.topic(topic)?.partitions[partition]
    if (!state || !isReassigning(state)) return false
    const { addingReplicas, removingReplicas, isr } = state
    return (
      addingReplicas.every((id) => removingReplicas.includes(id)) ||
      targetReplicas(state).every((id) => isr.includes(id))
    )
  }

  #existing(name: string, index: number): { topic: TopicImage; partition: PartitionImage } {
    const topic = this.#image.topic(name)
    if (!topic) fail('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find a topic named ${name}.`)
    const partition = topic.partitions[index]
    if (!partition) fail('UNKNOWN_TOPIC_OR_PARTITION', `Unable to find partition ${name}:${index}.`)
    return { topic, partition }
  }

  #checkTarget(replicas: readonly number[]): void {
    if (replicas.length === 0) {
      fail('INVALID_REPLICA_ASSIGNMENT', 'The manual partition assignment includes an empty replica list.')
    }
    const seen = new Set<number>()
    for (const id of [...replicas].sort((a, b) => a - b)) {
      const which = `The manual partition assignment includes`
      if (!this.#image.brokers.has(id)) {
        fail('INVALID_REPLICA_ASSIGNMENT', `${which} broker ${id}, but no such broker is registered.`)
      }
      if (seen.has(id)) fail('INVALID_REPLICA_ASSIGNMENT', `${which} the broker ${id} more than once.`)
      seen.add(id)
    }
  }
}

function cancelled(topic: TopicImage, partition: PartitionImage): number[] {
  if (!isReassigning(partition))
    fail('NO_REASSIGNMENT_IN_PROGRESS', 'No partition reassignment is in progress.')
  const original = originalReplicas(partition)
  if (!original.some((id) => partition.isr.includes(id))) {
    fail(
      'INVALID_REPLICA_ASSIGNMENT',
      `Unable to revert partition assignment for ${topic.name}:${partition.partition} because it would require an unclean leader election.`,
    )
  }
  return original
}

function checkReplicationFactor(partition: PartitionImage, replicas: readonly number[]): void {
  const before = originalReplicas(partition).length
  if (before === replicas.length) return
  fail('INVALID_REPLICATION_FACTOR', `The replication factor is changed from ${before} to ${replicas.length}`)
}

function fail(error: ConstructorParameters<typeof KafkaError>[0], message: string): never {
  throw new KafkaError(error, message)
}
