import type { Int64 } from '../../protocol/index.js'
import type { CommittedOffset, OffsetKey } from './offset-store.js'

/** Offsets that transactions have committed, by producer, until the transaction's end says whether they count. */
export class TransactionalOffsets {
  readonly #open = new Map<Int64, Map<string, [OffsetKey, CommittedOffset]>>()

  get openTransactions(): number {
    return this.#open.size
  }

  add(producerId: Int64, key: OffsetKey, committed: CommittedOffset): void {
    let offsets = this.#open.get(producerId)
    if (offsets === undefined) this.#open.set(producerId, (offsets = new Map()))
    offsets.set(nameOf(key), [key, committed])
  }

  /** A later commit or removal outside of transactions stands, however an earlier transaction ends. */
  supersede(key: OffsetKey): void {
    if (this.#open.size === 0) return
    const name = nameOf(key)
    for (const offsets of this.#open.values()) offsets.delete(name)
  }

  /** Ends the producer's transaction and gives what it had committed. */
  end(producerId: Int64): Iterable<[OffsetKey, CommittedOffset]> {
    const offsets = this.#open.get(producerId)
    this.#open.delete(producerId)
    return offsets?.values() ?? []
  }
}

function nameOf({ groupId, topic, partition }: OffsetKey): string {
  return JSON.stringify([groupId, topic, partition])
}
