/**
 * Asks the store itself whether this broker still leads a partition, before it tells a client what only a leader can
 * know: the image may be behind, and another broker may have appended what this one lacks. One question at a time for
 * each partition; who asks meanwhile shares the next one, since the answer that is under way may be older than what
 * they have seen.
 */
import type { ClusterImage } from '../image/cluster-image.js'
import { partitionKey } from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'

export class LeadershipCheck {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #next = new Map<string, Promise<boolean>>()

  constructor(store: MetadataStore, image: ClusterImage) {
    this.#store = store
    this.#image = image
  }

  /** False where the partition's key is another than the image has, and where the store does not answer. */
  isCurrent(topicId: string, partition: number): Promise<boolean> {
    const key = partitionKey(topicId, partition)
    const next = this.#next.get(key)
    if (next) return next
    const seen = this.#image.storedPartition(topicId, partition)?.revision
    const underWay = this.#underWay.get(key)
    if (!underWay) return this.#ask(key, seen)
    const answer = underWay.then(() => {
      this.#next.delete(key)
      return this.#ask(key, seen)
    })
    this.#next.set(key, answer)
    return answer
  }

  #ask(key: string, seen: number | undefined): Promise<boolean> {
    const answer = this.#store
      .get(key)
      .then(
        (entry) => entry !== undefined && entry.modRevision === seen,
        () => false,
      )
      .finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, answer)
    return answer
  }
}
