/**
 * Which leader epoch begins at which offset, kept in `leader-epoch-checkpoint`. Clients and followers ask it where
 * an epoch ended, to see whether the tail that they hold is still the log's.
 *
 * INVARIANT: epochs and start offsets both rise from entry to entry.
 */
import { strict as assert } from 'node:assert'

export interface EpochEntry {
  epoch: number
  startOffset: number
}

export class LeaderEpochCache {
  #entries: EpochEntry[]

  constructor(entries: readonly EpochEntry[] = []) {
    this.#entries = []
    for (const entry of entries) this.assign(entry.epoch, entry.startOffset)
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries
  }

  /** −1 before the first record. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1
  }

  /** Notes that `epoch` begins at `startOffset`; false when that changes nothing. Later entries that contradict go. */
  assign(epoch: number, startOffset: number): boolean {
    assert(epoch >= 0 && startOffset >= 0, 'epochs and offsets are not negative')
    const last = this.#entries.at(-1)
    if (last && last.epoch === epoch) return false
    this.#entries = this.#entries.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset)
    this.#entries.push({ epoch, startOffset })
    return true
  }

  /**
   * The largest epoch that is not above `epoch`, and the offset after its last record; `{-1, -1}` where the log
   * knows none (KIP-101, KIP-279).
   */
  endOffsetFor(epoch: number, logEndOffset: number): { epoch: number; endOffset: number } {
    if (epoch < 0) return { epoch: -1, endOffset: -1 }
    const next = this.#entries.findIndex((entry) => entry.epoch > epoch)
    if (next === 0) return { epoch, endOffset: this.#entries[0]!.startOffset }
    if (next > 0)
      return { epoch: this.#entries[next - 1]!.epoch, endOffset: this.#entries[next]!.startOffset }
    const last = this.#entries.at(-1)
    if (last?.epoch === epoch) return { epoch, endOffset: logEndOffset }
    return { epoch: -1, endOffset: -1 }
  }

  /** The epoch of the record at `offset`, −1 where it is not known. */
  epochAt(offset: number): number {
    return this.#entries.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1
  }

  /** Forgets what lies at or above `offset`; true when something changed. */
  truncateFromEnd(offset: number): boolean {
    const before = this.#entries.length
    this.#entries = this.#entries.filter((entry) => entry.startOffset < offset)
    return this.#entries.length !== before
  }

  /** Forgets what lies below `offset`, but for the epoch that is in force there. */
  truncateFromStart(offset: number): boolean {
    const inForce = this.#entries.findLastIndex((entry) => entry.startOffset <= offset)
    if (inForce < 0) return false
    const kept = this.#entries.slice(inForce)
    const changed = inForce > 0 || kept[0]!.startOffset !== offset
    kept[0] = { epoch: kept[0]!.epoch, startOffset: offset }
    this.#entries = kept
    return changed
  }

  clear(): void {
    this.#entries = []
  }
}
