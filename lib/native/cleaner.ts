/**
 * Compaction on the addon: the map of a log's keys, and what is left of a run of batches. Called once per chunk of
 * batches; all of it runs on engine threads.
 */
import { addon } from './addon.js'
import { numbers, run, VALUE } from './completions.js'

interface OffsetMapHandle {
  readonly size: number
  readonly latestOffset: number
  index(
    id: number,
    chunk: Uint8Array,
    positions: Float64Array,
    unpacked: readonly Uint8Array[],
    aborted: BigInt64Array,
    fromOffset: number,
    endOffset: number,
  ): void
  filter(
    id: number,
    chunk: Uint8Array,
    positions: Float64Array,
    unpacked: readonly Uint8Array[],
    aborted: BigInt64Array,
    endOffset: number,
    nowMs: number,
    deleteRetentionMs: number,
    roundEndOffset: number,
    producers: BigInt64Array,
  ): void
  release(): void
}

interface CleanerBinding {
  readonly OffsetMap: new (memoryBytes: number, loadFactor: number) => OffsetMapHandle
  writeCleaned(
    id: number,
    path: string,
    position: number,
    bytes: Uint8Array,
    pending: Float64Array,
    compressed: readonly Uint8Array[],
  ): void
}

const { cleaner } = addon as { cleaner: CleanerBinding }

/** Consecutive batches of a log; the last may be cut off. Not to be changed while a call is under way. */
export interface BatchChunk {
  readonly bytes: Uint8Array
  /** Position in `bytes` and decompressed records of each whole compressed batch, by rising position. */
  readonly unpacked: readonly { readonly position: number; readonly records: Uint8Array }[]
  /** Producer id, first and last offset of each aborted transaction that reaches into the chunk. */
  readonly aborted: BigInt64Array
  /** Batches from this offset on are left alone. */
  readonly endOffset: number
}

export interface IndexedChunk {
  /** Bytes of the whole batches that were taken. */
  readonly consumedBytes: number
  /** Offset after the last of them, −1 without one. */
  readonly nextOffset: number
  /** The map has no room for another key: it stands for the log up to `latestOffset`. */
  readonly isFull: boolean
}

export interface FilterRules {
  readonly nowMs: number
  readonly deleteRetentionMs: number
  /** End of the cleaning round: the batch that ends there stays, empty if need be. */
  readonly roundEndOffset: number
  /** Pairs of producer id and the offset of its last record: the batches that end there stay, empty if need be. */
  readonly producers: BigInt64Array
}

/** A batch whose records have yet to be compressed: they stand plain behind its header. */
export interface PendingBatch {
  readonly position: number
  readonly size: number
  readonly compression: number
}

export interface FilteredChunk {
  readonly consumedBytes: number
  readonly nextOffset: number
  readonly recordsKept: number
  /** Batches as they go to disk, but for the pending ones. */
  readonly bytes: Uint8Array
  readonly pending: readonly PendingBatch[]
}

/** 24 bytes for each key, whatever its length. */
export const KEY_ENTRY_SIZE = 24

function positionsOf({ unpacked }: BatchChunk): Float64Array {
  return Float64Array.from(unpacked, ({ position }) => position)
}

/** The last offset of each key in a part of a log. Its memory goes with `release`. */
export class KeyMap {
  readonly #handle: OffsetMapHandle

  /** Takes `memoryBytes` at most, and is full when `loadFactor` of its places are taken. */
  constructor(memoryBytes: number, loadFactor: number) {
    this.#handle = new cleaner.OffsetMap(memoryBytes, loadFactor)
  }

  /** How many keys it holds. */
  get size(): number {
    return this.#handle.size
  }

  /** Up to here (inclusive) the log was read into it; −1 at first. Settled only while no call is under way. */
  get latestOffset(): number {
    return this.#handle.latestOffset
  }

  /** Notes the keys of the records from `fromOffset` on, but for those of aborted transactions. Rejects CORRUPT_LOG where a batch does not check out. */
  index(chunk: BatchChunk, fromOffset: number): Promise<IndexedChunk> {
    const positions = positionsOf(chunk)
    const records = chunk.unpacked.map((batch) => batch.records)
    return run(
      (id) =>
        this.#handle.index(id, chunk.bytes, positions, records, chunk.aborted, fromOffset, chunk.endOffset),
      (at) => ({
        consumedBytes: numbers[at + VALUE]!,
        nextOffset: numbers[at + VALUE + 1]!,
        isFull: numbers[at + VALUE + 2] === 1,
      }),
      [chunk, records],
    )
  }

  /** What is left of the chunk. */
  filter(chunk: BatchChunk, rules: FilterRules): Promise<FilteredChunk> {
    const positions = positionsOf(chunk)
    const records = chunk.unpacked.map((batch) => batch.records)
    return run(
      (id) =>
        this.#handle.filter(
          id,
          chunk.bytes,
          positions,
          records,
          chunk.aborted,
          chunk.endOffset,
          rules.nowMs,
          rules.deleteRetentionMs,
          rules.roundEndOffset,
          rules.producers,
        ),
      filteredChunk,
      [chunk, records],
    )
  }

  release(): void {
    this.#handle.release()
  }
}

/** Three doubles for each pending batch stand behind the batches. */
const PENDING_ENTRY_SIZE = 24

function filteredChunk(at: number, payload: unknown): FilteredChunk {
  const all = payload as Uint8Array
  const count = numbers[at + VALUE + 3]!
  const end = all.byteLength - count * PENDING_ENTRY_SIZE
  const table = new Float64Array(all.slice(end).buffer)
  const pending: PendingBatch[] = []
  for (let i = 0; i < table.length; i += 3) {
    pending.push({ position: table[i]!, size: table[i + 1]!, compression: table[i + 2]! })
  }
  return {
    consumedBytes: numbers[at + VALUE]!,
    nextOffset: numbers[at + VALUE + 1]!,
    recordsKept: numbers[at + VALUE + 2]!,
    bytes: all.subarray(0, end),
    pending,
  }
}

/**
 * Writes a filtered chunk at `position` of a `.cleaned` file (created or emptied at 0) with the pending batches'
 * records replaced by `compressed`, in order. Resolves with the bytes written: in the page cache, not flushed.
 */
export function writeCleaned(
  path: string,
  position: number,
  { bytes, pending }: Pick<FilteredChunk, 'bytes' | 'pending'>,
  compressed: readonly Uint8Array[],
): Promise<number> {
  const table = Float64Array.from(pending.flatMap((batch) => [batch.position, batch.size, batch.compression]))
  return run(
    (id) => cleaner.writeCleaned(id, path, position, bytes, table, compressed),
    (at) => numbers[at + VALUE]!,
    [bytes, compressed],
  )
}
