/**
 * Writes the in-sync replicas of the partitions that this broker leads. A partition's key must be as it was when the
 * change was thought of, and so must this broker's registration; a joiner's must be as it is read here: a broker that
 * starts anew in between has another one. What an earlier process has sent must not make its successor, which may have
 * lost what was not on disk, the last one in sync.
 *
 * Changes that come while others are on their way share transactions: a broker that comes back joins thousands of
 * partitions at once. Where one of them rests on what is gone, the others are written without it.
 */
import type { IsrChange, IsrOutcome, IsrWriter } from '../../replica/index.js'
import type { ClusterImage } from '../image/cluster-image.js'
import {
  brokerKey,
  type LiveValue,
  liveKey,
  type PartitionValue,
  partitionKey,
} from '../store/metadata-keys.js'
import type { MetadataEntry, MetadataStore } from '../store/metadata-store.js'

interface Waiting {
  readonly change: IsrChange
  readonly resolve: (outcome: IsrOutcome) => void
  readonly reject: (error: unknown) => void
}

interface Write {
  readonly waiting: Waiting
  readonly key: string
  readonly modRevision: number
  readonly before: PartitionValue
}

const transactionsAtOnce = 4
/** Into so many parts goes what could not be written as one. */
const parts = 4

export class StoreIsrWriter implements IsrWriter {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  #queue: Waiting[] = []
  #isDue = false
  #underWay = 0
  #shrinks = 0
  #expands = 0

  constructor(store: MetadataStore, image: ClusterImage) {
    this.#store = store
    this.#image = image
  }

  /** Changes since the start that were written and took members out. */
  get shrinks(): number {
    return this.#shrinks
  }

  /** Changes since the start that were written and took one in. */
  get expands(): number {
    return this.#expands
  }

  write(change: IsrChange): Promise<IsrOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, resolve, reject })
      this.#soon()
    })
  }

  /** Once for all that a turn of the event loop brings. */
  #soon(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      while (this.#queue.length > 0 && this.#underWay < transactionsAtOnce) {
        this.#underWay++
        void this.#write(this.#next()).then(() => {
          this.#underWay--
          if (this.#queue.length > 0) this.#soon()
        })
      }
    })
  }

  /** The oldest that fit into a transaction: each compares its partition, all together this broker and their joiners. */
  #next(): Waiting[] {
    const joiners = new Set<number>()
    let count = 0
    const room = this.#store.maxTxnOperations - 1
    for (const { change } of this.#queue) {
      const more = change.joiner && !joiners.has(change.joiner.id) ? 1 : 0
      if (count > 0 && count + 1 + joiners.size + more > room) break
      if (change.joiner) joiners.add(change.joiner.id)
      count++
    }
    return this.#queue.splice(0, count)
  }

  /** Tells each of them what became of it; never rejects. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const registrations = await this.#registrations(batch)
      const writes = batch.flatMap((waiting) => {
        const found = this.#check(waiting.change, registrations)
        if (typeof found !== 'string') return { waiting, ...found }
        waiting.resolve(found)
        return []
      })
      if (writes.length === 0) return
      const isWritten = await this.#transact(writes, registrations)
      if (!isWritten && writes.length > 1) {
        const size = Math.ceil(writes.length / parts)
        const pieces = Array.from({ length: parts }, (_, index) =>
          writes.slice(index * size, (index + 1) * size),
        )
        await Promise.all(pieces.map((piece) => this.#write(piece.map(({ waiting }) => waiting))))
        return
      }
      for (const { waiting, before } of writes) {
        if (isWritten) this.#count(waiting.change, before)
        waiting.resolve(isWritten ? 'written' : 'stale')
      }
    } catch (error) {
      // Who has been told already is told nothing else.
      for (const { reject } of batch) reject(error)
    }
  }

  /** What stands of the joiners. With leases the liveness key says more: the registration of one that is gone stays. */
  async #registrations(batch: readonly Waiting[]): Promise<Map<number, MetadataEntry>> {
    const ids = [...new Set(batch.flatMap(({ change }) => change.joiner?.id ?? []))]
    const entries = await Promise.all(
      ids.map((id) => this.#store.get(this.#store.leases ? liveKey(id) : brokerKey(id))),
    )
    return new Map(ids.flatMap((id, index) => (entries[index] ? [[id, entries[index]] as const] : [])))
  }

  #check(
    { topicId, partition, leaderEpoch, partitionEpoch, joiner }: IsrChange,
    registrations: ReadonlyMap<number, MetadataEntry>,
  ): Omit<Write, 'waiting'> | IsrOutcome {
    const stored = this.#image.storedPartition(topicId, partition)
    const known = this.#image.topicById(topicId)?.partitions[partition]
    if (!stored || known?.leader !== this.#image.nodeId) return 'stale'
    if (known.leaderEpoch !== leaderEpoch || known.partitionEpoch !== partitionEpoch) return 'stale'
    if (joiner) {
      const entry = registrations.get(joiner.id)
      if (!entry) return 'ineligible'
      const { brokerEpoch, isStopping } = JSON.parse(entry.value) as Pick<
        LiveValue,
        'brokerEpoch' | 'isStopping'
      >
      if (brokerEpoch !== joiner.brokerEpoch || isStopping) return 'ineligible'
    }
    return { key: partitionKey(topicId, partition), modRevision: stored.revision, before: stored.value }
  }

  async #transact(
    writes: readonly Write[],
    registrations: ReadonlyMap<number, MetadataEntry>,
  ): Promise<boolean> {
    const joiners = new Set(writes.flatMap(({ waiting }) => waiting.change.joiner?.id ?? []))
    const { nodeId, brokers } = this.#image
    const { succeeded } = await this.#store.txn({
      compares: [
        { key: brokerKey(nodeId), modRevision: brokers.get(nodeId)?.revision ?? 0 },
        ...writes.map(({ key, modRevision }) => ({ key, modRevision })),
        ...[...joiners].map((id) => {
          const { key, modRevision } = registrations.get(id)!
          return { key, modRevision }
        }),
      ],
      puts: writes.map(({ waiting: { change }, key, before }) => {
        const value: PartitionValue = {
          ...before,
          isr: change.isr,
          partitionEpoch: change.partitionEpoch + 1,
        }
        return { key, value: JSON.stringify(value) }
      }),
    })
    return succeeded
  }

  #count({ isr, joiner }: IsrChange, before: PartitionValue): void {
    if (isr.length < before.isr.length) this.#shrinks++
    else if (joiner) this.#expands++
  }
}
