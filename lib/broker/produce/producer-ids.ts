/** Producer ids for idempotent producers, out of blocks that the cluster hands to this broker. */
import type { ProducerIdBlock } from '../../cluster/index.js'

export class ProducerIds {
  readonly #allocate: () => Promise<ProducerIdBlock>
  #next = 0
  #end = 0
  #refill: Promise<void> | undefined

  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate
  }

  /** An id that no producer ever had. */
  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#refill ??= this.#allocate()
        .then(({ firstProducerId, count }) => {
          this.#next = firstProducerId
          this.#end = firstProducerId + count
        })
        .finally(() => {
          this.#refill = undefined
        })
      await this.#refill
    }
    return this.#next++
  }
}
