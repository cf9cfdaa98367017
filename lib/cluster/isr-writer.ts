/**
 * Writes the in-sync replicas of the partitions that this broker leads. The partition's key must be as it was when
 * the change was thought of, and a joiner's registration as it is read here: a broker that starts anew in between has
 * another one.
 */
import type { IsrChange, IsrOutcome, IsrWriter } from '../replica/index.js'
import type { ClusterImage } from './cluster-image.js'
import { brokerKey, type LiveValue, liveKey, type PartitionValue, partitionKey } from './metadata-keys.js'
import type { MetadataCompare, MetadataStore } from './metadata-store.js'

export class StoreIsrWriter implements IsrWriter {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
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

  async write({
    topicId,
    partition,
    leaderEpoch,
    partitionEpoch,
    isr,
    joiner,
  }: IsrChange): Promise<IsrOutcome> {
    const stored = this.#image.storedPartition(topicId, partition)
    const known = this.#image.topicById(topicId)?.partitions[partition]
    if (!stored || known?.leader !== this.#image.nodeId) return 'stale'
    if (known.leaderEpoch !== leaderEpoch || known.partitionEpoch !== partitionEpoch) return 'stale'
    const key = partitionKey(topicId, partition)
    const compares: MetadataCompare[] = [{ key, modRevision: stored.revision }]
    if (joiner) {
      // With leases the liveness key says more: the registration of a broker that is gone stays.
      const entry = await this.#store.get(this.#store.leases ? liveKey(joiner.id) : brokerKey(joiner.id))
      if (!entry) return 'ineligible'
      const { brokerEpoch, isStopping } = JSON.parse(entry.value) as Pick<
        LiveValue,
        'brokerEpoch' | 'isStopping'
      >
      if (brokerEpoch !== joiner.brokerEpoch || isStopping) return 'ineligible'
      compares.push({ key: entry.key, modRevision: entry.modRevision })
    }
    const value: PartitionValue = { ...stored.value, isr, partitionEpoch: partitionEpoch + 1 }
    const { succeeded } = await this.#store.txn({ compares, puts: [{ key, value: JSON.stringify(value) }] })
    if (!succeeded) return 'stale'
    if (isr.length < stored.value.isr.length) this.#shrinks++
    else if (joiner) this.#expands++
    return 'written'
  }
}
