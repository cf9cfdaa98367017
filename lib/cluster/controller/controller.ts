/**
 * The controller's work, on whichever broker holds the controller's key: it moves leaders away from brokers that died
 * or stop, takes those out of the ISRs, and ends reassignments whose new replicas are in sync. Every other change of
 * topics is made by the broker that is asked for it.
 *
 * The key hangs on its broker's lease. Each transaction compares it, the partitions it writes, the registration of the
 * leader whose epoch it ends (a leader epoch counts that broker's starts, and must not be given twice), and the liveness
 * of the one that leads then: who starts anew may have lost what was not on disk, and must not be the last one in sync.
 */

import type { Logger } from 'pino'
import { mapInParallel } from '../../concurrency/in-parallel.js'
import { sleep } from '../../time/index.js'
import type { ClusterImage } from '../image/cluster-image.js'
import { elected } from '../image/partition-election.js'
import { nextStep } from '../image/reassignment.js'
import type { Liveness } from '../membership/liveness.js'
import { chunksOf } from '../store/chunks.js'
import { MetadataRefusedError } from '../store/metadata-errors.js'
import {
  brokerKey,
  CONTROLLER_KEY,
  type ControllerValue,
  liveKey,
  type PartitionValue,
  partitionKey,
} from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'
import { RepeatedFailure } from '../store/repeated-failure.js'
import { settle } from './partition-settlement.js'

interface Write {
  readonly key: string
  readonly modRevision: number
  readonly value: PartitionValue
}

/** Writes of one kind: an epoch of `oldLeader` ends by them, and `newLeader` leads then; −1: none. */
interface Writes {
  readonly oldLeader: number
  readonly newLeader: number
  readonly writes: readonly Write[]
}

const chunksAtOnce = 4
/** What a transaction compares beside its partitions: the controller's key, a registration and a liveness key. */
const otherCompares = 3
const retryMs = 100
/** What etcd refuses, as where it is full, somebody has to mend. */
const refusedPauseMs = 1_000

export class Controller {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #liveness: Liveness
  readonly #log: Logger
  readonly #stopListening: () => void
  readonly #failures: RepeatedFailure
  #isPending = false
  #work: Promise<void> | undefined
  #chunkSize: number
  #closed = false

  constructor(store: MetadataStore, image: ClusterImage, liveness: Liveness, log: Logger) {
    this.#store = store
    this.#image = image
    this.#liveness = liveness
    this.#log = log
    this.#failures = new RepeatedFailure(log, 'the controller could not write; it tries again')
    this.#chunkSize = store.maxTxnOperations - otherCompares
    this.#stopListening = image.onChange(
      ({ membersChanged, created, partitionsAdded, partitionsChanged, configsChanged }) => {
        const changes = [created, partitionsAdded, configsChanged]
        const isConcerned = (isr: readonly number[]) => isr.some((id) => image.memberState(id) !== 'live')
        if (
          membersChanged ||
          changes.some(({ length }) => length > 0) ||
          partitionsChanged.some(
            ({ topic, partition: { partition, leader, isr } }) =>
              leader < 0 || isConcerned(isr) || this.#hasNextStep(topic.topicId, partition),
          )
        )
          this.look()
      },
    )
  }

  /** Looks at the whole image anew, soon. */
  look(): void {
    if (this.#closed) return
    this.#isPending = true
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#stopListening()
    await this.#work
  }

  async #run(): Promise<void> {
    // What one revision and those right behind it bring is looked at once.
    await Promise.resolve()
    while (this.#isPending && !this.#closed) {
      this.#isPending = false
      try {
        if (this.#image.controllerId < 0) await this.#campaign()
        if (this.isActive) await this.#settle()
      } catch (error) {
        this.#failures.tell(error)
        this.#isPending = true
        await sleep(error instanceof MetadataRefusedError ? refusedPauseMs : retryMs)
      }
    }
  }

  /** True where this broker is the controller, as far as it can know. */
  get isActive(): boolean {
    return this.#image.controllerId === this.#image.nodeId && this.#liveness.isLeased
  }

  async #campaign(): Promise<void> {
    const { nodeId } = this.#image
    const { lease } = this.#liveness
    if (lease === undefined || this.#image.memberState(nodeId) !== 'live') return
    const value: ControllerValue = { brokerId: nodeId }
    const { succeeded } = await this.#store.txn({
      compares: [
        { key: CONTROLLER_KEY, modRevision: 0 },
        { key: liveKey(nodeId), modRevision: this.#image.liveRevision(nodeId) },
      ],
      puts: [{ key: CONTROLLER_KEY, value: JSON.stringify(value), lease }],
    })
    if (succeeded) this.#log.info('this broker is the controller')
    else this.#isPending = this.#image.controllerId < 0
  }

  async #settle(): Promise<void> {
    const chunks = this.#plan().flatMap(({ writes, ...leaders }) =>
      [...chunksOf(writes, this.#chunkSize)].map((chunk) => ({ ...leaders, writes: chunk })),
    )
    if (chunks.length === 0) return
    let failures = 0
    await mapInParallel(chunks, chunksAtOnce, async (chunk) => {
      if (this.#closed || !this.isActive) return
      if (!(await this.#write(chunk))) failures++
    })
    const largest = this.#store.maxTxnOperations - otherCompares
    // One partition that a leader keeps changing must not hold up those that share its transaction.
    this.#chunkSize = failures > 0 ? Math.max(1, Math.ceil(this.#chunkSize / 4)) : largest
    if (failures > 0) this.#isPending = true
    const partitions = chunks.reduce((sum, { writes }) => sum + writes.length, 0)
    this.#log.info({ partitions, chunks: chunks.length, failures }, 'leaders and in-sync replicas settled')
  }

  async #write({ oldLeader, newLeader, writes }: Writes): Promise<boolean> {
    const { succeeded } = await this.#store.txn({
      compares: [
        { key: CONTROLLER_KEY, modRevision: this.#image.controllerRevision },
        ...(oldLeader < 0
          ? []
          : [{ key: brokerKey(oldLeader), modRevision: this.#image.brokers.get(oldLeader)?.revision ?? 0 }]),
        ...(newLeader < 0
          ? []
          : [{ key: liveKey(newLeader), modRevision: this.#image.liveRevision(newLeader) }]),
        ...writes.map(({ key, modRevision }) => ({ key, modRevision })),
      ],
      puts: writes.map(({ key, value }) => ({ key, value: JSON.stringify(value) })),
    })
    return succeeded
  }

  #hasNextStep(topicId: string, partition: number): boolean {
    const stored = this.#image.storedPartition(topicId, partition)
    return stored !== undefined && nextStep(stored.value, (id) => this.#image.memberState(id)) !== undefined
  }

  /** What is not as it should be, by the leader whose epoch ends and the one that leads then. */
  #plan(): Writes[] {
    const byLeaders = new Map<string, Writes & { writes: Write[] }>()
    const stateOf = (id: number) => this.#image.memberState(id)
    for (const topic of this.#image.topics.values()) {
      for (const { partition, leaderEpoch } of topic.partitions) {
        const stored = this.#image.storedPartition(topic.topicId, partition)!
        const { value, revision } = stored
        const settlement = settle(value, stateOf, topic.config.uncleanLeaderElectionEnable)
        if (!settlement) continue
        const { beginsEpoch, election } = settlement
        const oldLeader = beginsEpoch ? value.leader : -1
        const newLeader = election.leader
        const leaders = `${oldLeader} ${newLeader}`
        let group = byLeaders.get(leaders)
        if (!group) {
          group = { oldLeader, newLeader, writes: [] }
          byLeaders.set(leaders, group)
        }
        group.writes.push({
          key: partitionKey(topic.topicId, partition),
          modRevision: revision,
          value: elected(
            settlement.value,
            leaderEpoch,
            election,
            (id) => this.#image.brokers.get(id)?.brokerEpoch,
            beginsEpoch,
          ),
        })
      }
    }
    // Partitions without a leader that lives are what clients wait for.
    return [...byLeaders.values()].sort((a, b) => Number(b.oldLeader >= 0) - Number(a.oldLeader >= 0))
  }
}
