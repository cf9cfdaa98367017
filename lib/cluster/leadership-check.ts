/**
 * Asks the store itself whether this broker still leads a partition, before it tells a client what only a leader can
 * know: the image may be behind, and another broker may have appended what this one lacks. One question at a time for
 * each partition.
 */
import type { ClusterImage } from './cluster-image.js'
import { partitionKey } from './metadata-keys.js'
import type { MetadataStore } from './metadata-store.js'

export class LeadershipCheck {
  readonly #store: MetadataStore
  readonly #image: ClusterImage
  readonly #asked = new Map<string, Promise<boolean>>()

  constructor(store: MetadataStore, image: ClusterImage) {
    this.#store = store
    this.#image = image
  }

  /** False where the partition's key is another than the image has, and where the store does not answer. */
  isCurrent(topicId: string, partition: number): Promise<boolean> {
    const key = partitionKey(topicId, partition)
    let answer = this.#asked.get(key)
    if (!answer) {
      const seen = this.#image.storedPartition(topicId, partition)?.revision
      answer = this.#store
        .get(key)
        .then(
          (entry) => entry !== undefined && entry.modRevision === seen,
          () => false,
        )
        .finally(() => this.#asked.delete(key))
      this.#asked.set(key, answer)
    }
    return answer
  }
}
