import type { Int64 } from '../../protocol/index.js'
import type { CommittedOffset, OffsetKey } from './offset-store.js'

/** The end of a producer's transaction in one partition of `__consumer_offsets`. */
export interface TransactionMarker {
  readonly producerId: Int64
  readonly producerEpoch: number
  readonly committed: boolean
}

interface OpenTransaction {
  producerEpoch: number
  readonly offsets: Map<string, [OffsetKey, CommittedOffset]>
}

/** Offsets that transactions have committed, by producer, until the transaction's end says whether they count. */
export class PendingOffsets {
  readonly #open = new Map<Int64, OpenTransaction>()

  has(key: OffsetKey): boolean {
    if (this.#open.size === 0) return false
    const name = nameOf(key)
    for (const { offsets } of this.#open.values()) if (offsets.has(name)) return true
    return false
  }

  /** Groups that have pending offsets; one may come more than once. */
  *groupIds(): Generator<string> {
    for (const { offsets } of this.#open.values()) for (const [{ groupId }] of offsets.values()) yield groupId
  }

  hasGroup(groupId: string): boolean {
    for (const each of this.groupIds()) if (each === groupId) return true
    return false
  }

  add(producerId: Int64, producerEpoch: number, key: OffsetKey, committed: CommittedOffset): void {
    let open = this.#open.get(producerId)
    if (open === undefined) this.#open.set(producerId, (open = { producerEpoch, offsets: new Map() }))
    open.producerEpoch = producerEpoch
    open.offsets.set(nameOf(key), [key, committed])
  }

  /** A later commit or removal outside of transactions stands, however an earlier transaction ends. */
  supersede(key: OffsetKey): void {
    if (this.#open.size === 0) return
    const name = nameOf(key)
    for (const { offsets } of this.#open.values()) offsets.delete(name)
  }

  /** Ends the producer's transaction; returns what counts from now on. A marker of an older epoch ends nothing. */
  end({ producerId, producerEpoch, committed }: TransactionMarker): Iterable<[OffsetKey, CommittedOffset]> {
    const open = this.#open.get(producerId)
    if (open === undefined || producerEpoch < open.producerEpoch) return []
    this.#open.delete(producerId)
    return committed ? open.offsets.values() : []
  }
}

function nameOf({ groupId, topic, partition }: OffsetKey): string {
  return JSON.stringify([groupId, topic, partition])
}
