/** Gives out blocks of producer ids, none of them twice. */

import { PRODUCER_ID_KEY } from '../store/metadata-keys.js'
import type { MetadataStore } from '../store/metadata-store.js'

export interface ProducerIdBlock {
  readonly firstProducerId: number
  readonly count: number
}

/** Kafka's block size: one transaction of the store for so many producers. */
const BLOCK_SIZE = 1000

/** DURABILITY: the block is on disk as taken before it is given out. */
export async function allocateProducerIds(store: MetadataStore): Promise<ProducerIdBlock> {
  for (;;) {
    const entry = await store.get(PRODUCER_ID_KEY)
    const firstProducerId = entry === undefined ? 0 : Number(entry.value)
    const { succeeded } = await store.txn({
      compares: [{ key: PRODUCER_ID_KEY, modRevision: entry?.modRevision ?? 0 }],
      puts: [{ key: PRODUCER_ID_KEY, value: String(firstProducerId + BLOCK_SIZE) }],
    })
    if (succeeded) return { firstProducerId, count: BLOCK_SIZE }
  }
}
