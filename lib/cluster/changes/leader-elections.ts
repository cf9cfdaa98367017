/**
 * Elections that somebody asks for: ElectLeaders, and the balancing of leaders. Those that follow from brokers that
 * die or come are the controller's.
 *
 * A transaction compares the partitions it writes, the registration of the leader that it replaces (a leader epoch
 * counts that broker's starts) and the liveness of the one that it elects.
 */

import { KafkaError } from '../../protocol/index.js'
import type { ClusterImage } from '../image/cluster-image.js'
import { type Election, elect, elected } from '../image/partition-election.js'
import { chunksOf } from '../store/chunks.js'
import { brokerKey, liveKey, type PartitionValue, partitionKey } from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'

/** `preferred`: the first replica, where it lives and is in sync. `unclean`: any that lives, where nobody leads. */
export type ElectionType = 'preferred' | 'unclean'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface ElectionResult extends TopicPartition {
  /** Why there was none; left out where a leader was elected. */
  readonly error?: KafkaError
}

interface Write extends TopicPartition {
  readonly key: string
  readonly modRevision: number
  readonly oldLeader: number
  readonly value: PartitionValue
}

/** What a transaction compares beside its partitions: a registration and a liveness key. */
const otherCompares = 2

export class LeaderElections {
  readonly #store: MetadataStore
  readonly #image: ClusterImage

  constructor(store: MetadataStore, image: ClusterImage) {
    this.#store = store
    this.#image = image
  }

  /**
   * One result for each of `partitions`, in no order; without them, of all partitions there are that need an election.
   * What is not settled after `patienceMs` is told REQUEST_TIMED_OUT.
   */
  async elect(
    type: ElectionType,
    partitions: readonly TopicPartition[] | null,
    patienceMs: number,
  ): Promise<ElectionResult[]> {
    const results: ElectionResult[] = []
    const deadline = performance.now() + patienceMs
    let open: readonly TopicPartition[] = partitions ?? this.#all()
    for (;;) {
      const writes: Write[] = []
      for (const target of open) {
        try {
          writes.push(this.#write(type, target))
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error
          results.push({ ...target, error })
        }
      }
      const undone: Write[] = []
      for (const chunk of this.#chunks(writes)) {
        const outcome = await this.#commit(chunk)
        if (outcome === 'stale') undone.push(...chunk)
        else {
          const error = outcome === 'elected' ? {} : { error: outcome }
          results.push(...chunk.map(({ topic, partition }) => ({ topic, partition, ...error })))
        }
      }
      open = undone.map(({ topic, partition }) => ({ topic, partition }))
      if (open.length === 0) break
      if (performance.now() > deadline) {
        const error = new KafkaError('REQUEST_TIMED_OUT', 'The partition changed all the time')
        results.push(...open.map((target) => ({ ...target, error })))
        break
      }
    }
    if (partitions) return results
    return results.filter(({ error }) => error?.errorName !== 'ELECTION_NOT_NEEDED')
  }

  #all(): TopicPartition[] {
    return [...this.#image.topics.values()].flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => ({ topic: name, partition })),
    )
  }

  /** Throws a KafkaError where there is nothing to elect, or nobody. */
  #write(type: ElectionType, { topic: name, partition }: TopicPartition): Write {
    const topic = this.#image.topic(name)
    const state = topic?.partitions[partition]
    const stored = topic && this.#image.storedPartition(topic.topicId, partition)
    if (!topic || !state || !stored) {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no partition ${name}-${partition}`)
    }
    const election = type === 'preferred' ? this.#preferred(stored.value) : this.#unclean(stored.value)
    return {
      topic: name,
      partition,
      key: partitionKey(topic.topicId, partition),
      modRevision: stored.revision,
      oldLeader: stored.value.leader,
      value: elected(
        stored.value,
        state.leaderEpoch,
        election,
        (id) => this.#image.brokers.get(id)?.brokerEpoch,
      ),
    }
  }

  #preferred({ leader, replicas, isr }: PartitionValue): Election {
    const preferred = replicas[0]!
    if (leader === preferred) {
      throw new KafkaError('ELECTION_NOT_NEEDED', 'The preferred replica leads already')
    }
    if (!isr.includes(preferred) || this.#image.memberState(preferred) !== 'live') {
      throw new KafkaError(
        'PREFERRED_LEADER_NOT_AVAILABLE',
        `The preferred replica ${preferred} is not in sync, or not there`,
      )
    }
    return { leader: preferred, isr }
  }

  #unclean(value: PartitionValue): Election {
    if (value.leader >= 0) throw new KafkaError('ELECTION_NOT_NEEDED', `Replica ${value.leader} leads`)
    const election = elect(value, (id) => this.#image.memberState(id), true)
    if (election.leader < 0) {
      throw new KafkaError('ELIGIBLE_LEADERS_NOT_AVAILABLE', 'None of the replicas lives')
    }
    return election
  }

  /** Writes that share an old and a new leader, as many as a transaction takes. */
  *#chunks(writes: readonly Write[]): Iterable<readonly Write[]> {
    const groups = new Map<string, Write[]>()
    for (const write of writes) {
      const key = `${write.oldLeader} ${write.value.leader}`
      const group = groups.get(key)
      if (group) group.push(write)
      else groups.set(key, [write])
    }
    const room = this.#store.maxTxnOperations - otherCompares
    for (const group of groups.values()) yield* chunksOf(group, room)
  }

  async #commit(chunk: readonly Write[]): Promise<'elected' | 'stale' | KafkaError> {
    const { oldLeader, value } = chunk[0]!
    const registrationOf = (id: number) => this.#image.brokers.get(id)?.revision ?? 0
    try {
      const { succeeded } = await this.#store.txn({
        compares: [
          ...(oldLeader < 0 ? [] : [{ key: brokerKey(oldLeader), modRevision: registrationOf(oldLeader) }]),
          { key: liveKey(value.leader), modRevision: this.#image.liveRevision(value.leader) },
          ...chunk.map(({ key, modRevision }) => ({ key, modRevision })),
        ],
        puts: chunk.map((write) => ({ key: write.key, value: JSON.stringify(write.value) })),
      })
      return succeeded ? 'elected' : 'stale'
    } catch (error) {
      if (error instanceof KafkaError) return error
      throw error
    }
  }
}
