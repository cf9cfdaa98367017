/**
 * Begins and cancels reassignments of partitions. It writes what is wanted into the partitions' keys; leaders and
 * epochs are the controller's, which ends a reassignment, and a cancelled one too.
 */
import { mapInParallel } from '../../concurrency/in-parallel.js'
import { KafkaError } from '../../protocol/index.js'
import type { ClusterImage, PartitionImage, TopicImage } from '../image/cluster-image.js'
import {
  isReassigning,
  originalReplicas,
  reassignTo,
  targetReplicas,
  withAssignment,
} from '../image/reassignment.js'
import { chunksOf } from '../store/chunks.js'
import { type PartitionValue, partitionKey } from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'

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

interface Write {
  /** Of the request. */
  readonly index: number
  readonly key: string
  readonly modRevision: number
  readonly value: PartitionValue
}

const chunksAtOnce = 4

export class ReassignmentChanges {
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
    let open = withoutDoubles(requests, failures)
    let chunkSize = this.#store.maxTxnOperations
    while (open.length > 0) {
      const writes: Write[] = []
      for (const index of open) {
        try {
          writes.push({ index, ...this.#write(requests[index]!, allowReplicationFactorChange) })
        } catch (error) {
          failures[index] = error
        }
      }
      open = await this.#commit(writes, chunkSize, failures)
      // One partition that a leader keeps changing must not hold up those that share its transaction.
      chunkSize = Math.max(1, Math.ceil(chunkSize / 8))
    }
    const short = requests.filter((request, index) => failures[index] === undefined && this.#isShort(request))
    await this.#image.until(() => !short.some((request) => this.#isShort(request)), patienceMs)
    return failures
  }

  /** Resolves with the requests whose partitions have changed meanwhile. */
  async #commit(writes: readonly Write[], chunkSize: number, failures: unknown[]): Promise<number[]> {
    const stale: number[] = []
    await mapInParallel([...chunksOf(writes, chunkSize)], chunksAtOnce, async (chunk) => {
      try {
        const { succeeded } = await this.#store.txn({
          compares: chunk.map(({ key, modRevision }) => ({ key, modRevision })),
          puts: chunk.map(({ key, value }) => ({ key, value: JSON.stringify(value) })),
        })
        if (!succeeded) stale.push(...chunk.map(({ index }) => index))
      } catch (error) {
        for (const { index } of chunk) failures[index] = error
      }
    })
    return stale
  }

  #write(
    { topic: name, partition: index, replicas }: ReassignmentRequest,
    allowReplicationFactorChange: boolean,
  ): Omit<Write, 'index'> {
    const { topic, partition } = this.#existing(name, index)
    const { value, revision } = this.#image.storedPartition(topic.topicId, index)!
    const target = replicas ?? cancelled(topic, partition)
    if (replicas) {
      this.#checkTarget(replicas, partition)
      if (!allowReplicationFactorChange) checkReplicationFactor(partition, replicas)
    }
    return {
      key: partitionKey(topic.topicId, index),
      modRevision: revision,
      value: {
        ...withAssignment(value, reassignTo(value, target)),
        partitionEpoch: value.partitionEpoch + 1,
      },
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

  #checkTarget(replicas: readonly number[], current: PartitionImage): void {
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
      if (this.#image.isDecommissioned(id) && !current.replicas.includes(id)) {
        fail('INVALID_REPLICA_ASSIGNMENT', `${which} broker ${id}, which is being decommissioned.`)
      }
      seen.add(id)
    }
  }
}

/** The requests that can be met; a partition that is named again has failed. */
function withoutDoubles(requests: readonly ReassignmentRequest[], failures: unknown[]): number[] {
  const named = new Set<string>()
  return [...requests.keys()].filter((index) => {
    const { topic, partition } = requests[index]!
    const name = `${topic}-${partition}`
    const isFirst = !named.has(name)
    named.add(name)
    if (!isFirst)
      failures[index] = new KafkaError('INVALID_REQUEST', `Partition ${name} is named more than once.`)
    return isFirst
  })
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
