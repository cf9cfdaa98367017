/**
 * One cleaning of one log: reads the keys of the dirty part into a map, then rewrites all segments up to the end of
 * what the map covers without the records that have a newer one of the same key. Offsets do not change.
 *
 * Records of aborted transactions go too: all of them below a marker that was met, so that a rewritten segment needs
 * no transaction index.
 *
 * Durability: a segment is replaced only when all that the map was built from is on disk, and its replacement too; a
 * crash at any moment leaves the old or the new segments of each group.
 */
import { join } from 'node:path'
import { type FilteredChunk, KEY_ENTRY_SIZE, KeyMap, writeCleaned } from '../native/cleaner.js'
import { files } from '../native/index.js'
import type { EngineErrorFields, NativeLog, SegmentInfo } from '../native/types.js'
import { BATCH_HEADER_SIZE, compress, compressionNames } from '../protocol/index.js'
import { readChunk } from './batch-chunks.js'
import type { CleanableLog, CleanableRange } from './cleanable-log.js'
import type { IoThrottle } from './io-throttle.js'
import { CLEANED_SUFFIX, LOG_SUFFIX, offsetFileName } from './log-file-names.js'

/** How full the key map may get: beyond it, look-ups slow down. Kafka's default of `log.cleaner.io.buffer.load.factor`. */
const loadFactor = 0.9
/** Bytes of a time index entry, the larger of the two kinds. */
const indexEntrySize = 12
const maxRelativeOffset = 0x7fff_ffff

export interface CompactionOptions {
  /** `log.cleaner.dedupe.buffer.size`. */
  readonly keyMapBytes: number
  readonly throttle: IoThrottle
  /** Aborted: the cleaning stops at the next chunk. */
  readonly signal: AbortSignal
  readonly nowMs: number
}

export interface CompactionResult {
  /** The log is clean up to here. */
  readonly endOffset: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly recordsKept: number
}

/** The log changed under the cleaning (it was deleted, or retention took segments): try again later. */
export class CleaningSupersededError extends Error {
  readonly code = 'CLEANING_SUPERSEDED'

  constructor(options?: ErrorOptions) {
    super('the log changed while it was being cleaned', options)
    this.name = 'CleaningSupersededError'
  }
}

/** Cleans the range. Throws CleaningSupersededError, or what the engine could not do. */
export async function compact(range: CleanableRange, options: CompactionOptions): Promise<CompactionResult> {
  const compaction = new Compaction(range, options)
  try {
    return await compaction.run()
  } finally {
    compaction.release()
  }
}

class Compaction {
  readonly #log: CleanableLog
  readonly #native: NativeLog
  readonly #range: CleanableRange
  readonly #options: CompactionOptions
  readonly #keys: KeyMap
  #bytesRead = 0
  #bytesWritten = 0
  #recordsKept = 0

  constructor(range: CleanableRange, options: CompactionOptions) {
    this.#log = range.log
    this.#native = range.log.native
    this.#range = range
    this.#options = options
    // There cannot be more keys than offsets.
    const offsets = Math.max(range.firstUncleanableOffset - range.firstDirtyOffset, 1)
    const bytes = Math.ceil((offsets + 1) / loadFactor + 1) * KEY_ENTRY_SIZE
    this.#keys = new KeyMap(Math.min(bytes, options.keyMapBytes), loadFactor)
  }

  release(): void {
    this.#keys.release()
  }

  async run(): Promise<CompactionResult> {
    const isWhole = await this.#indexKeys()
    const { latestOffset } = this.#keys
    const roundEndOffset = latestOffset + 1
    // Newer records must not be lost in a power cut after the older ones have gone.
    await this.#native.flush()
    if (latestOffset >= 0) {
      const producers = this.#activeProducers()
      for (const group of this.#groups(roundEndOffset))
        await this.#cleanGroup(group, roundEndOffset, producers)
    }
    return {
      endOffset: isWhole ? this.#range.firstUncleanableOffset : roundEndOffset,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      recordsKept: this.#recordsKept,
    }
  }

  /** False where the map was full before the dirty part was read. */
  async #indexKeys(): Promise<boolean> {
    const { firstDirtyOffset, firstUncleanableOffset } = this.#range
    let offset = firstDirtyOffset
    while (offset < firstUncleanableOffset) {
      // A segment at a time, so that no more of the aborted transactions are in memory than reach into one.
      const end = Math.min(this.#segmentEnd(offset), firstUncleanableOffset)
      const aborted = await this.#aborted(offset, end)
      while (offset < end) {
        const chunk = await this.#read(offset, end, aborted)
        if (chunk === null) break
        const { consumedBytes, nextOffset, isFull } = await this.#keys.index(chunk, firstDirtyOffset)
        if (isFull) return false
        if (nextOffset <= offset) break
        offset = nextOffset
        await this.#options.throttle.used(consumedBytes, this.#options.signal)
      }
      offset = Math.max(offset, end)
    }
    return true
  }

  /** End of the segment that holds the offset. */
  #segmentEnd(offset: number): number {
    const next = this.#native.segments().find(({ baseOffset }) => baseOffset > offset)
    return next?.baseOffset ?? this.#native.logEndOffset
  }

  async #aborted(from: number, end: number): Promise<BigInt64Array> {
    const transactions = await this.#log.abortedTransactions(from, end)
    return BigInt64Array.from(
      transactions.flatMap(({ producerId, firstOffset, lastOffset }) =>
        [producerId, firstOffset, lastOffset].map(BigInt),
      ),
    )
  }

  /** Runs of segments that become one each: as many as fit into a segment and its indexes. */
  #groups(endOffset: number): SegmentInfo[][] {
    const { segmentBytes, segmentIndexBytes, indexIntervalBytes } = this.#log.config
    const indexBytes = (size: number): number =>
      (Math.ceil(size / Math.max(indexIntervalBytes, 1)) + 1) * indexEntrySize
    const segments = this.#native.segments()
    const groups: SegmentInfo[][] = []
    let group: SegmentInfo[] = []
    let bytes = 0
    for (const [index, segment] of segments.entries()) {
      if (segment.active || segment.baseOffset >= endOffset) break
      const end = segments[index + 1]?.baseOffset ?? this.#native.logEndOffset
      const first = group[0]
      const fits =
        first !== undefined &&
        bytes + segment.sizeInBytes <= segmentBytes &&
        indexBytes(bytes + segment.sizeInBytes) <= segmentIndexBytes &&
        (segment.sizeInBytes === 0 || end - 1 - first.baseOffset <= maxRelativeOffset)
      if (!fits) {
        group = []
        bytes = 0
        groups.push(group)
      }
      group.push(segment)
      bytes += segment.sizeInBytes
    }
    return groups
  }

  async #cleanGroup(group: SegmentInfo[], roundEndOffset: number, producers: BigInt64Array): Promise<void> {
    const bases = group.map(({ baseOffset }) => baseOffset)
    const base = bases[0]!
    const path = join(this.#native.path, offsetFileName(base, LOG_SUFFIX) + CLEANED_SUFFIX)
    try {
      await this.#rewrite(group, path, roundEndOffset, producers)
      this.#requireSegments(bases)
      await this.#native.replaceSegments([base], bases)
    } catch (error) {
      // Gone already when the engine has cleaned up, or where the folder is.
      await files.remove(path).catch(() => {})
      const { code } = error as EngineErrorFields
      if (code === 'CLOSED') throw new CleaningSupersededError({ cause: error })
      // What the engine answers about segments that are gone.
      if (code === 'INVALID_ARGUMENT' || code === 'OFFSET_OUT_OF_RANGE') this.#requireSegments(bases, error)
      throw error
    }
  }

  async #rewrite(
    group: SegmentInfo[],
    path: string,
    roundEndOffset: number,
    producers: BigInt64Array,
  ): Promise<void> {
    const { nowMs, throttle, signal } = this.#options
    const rules = {
      nowMs,
      deleteRetentionMs: this.#log.config.deleteRetentionMs,
      roundEndOffset,
      producers,
    }
    let size = await writeCleaned(path, 0, { bytes: new Uint8Array(0), pending: [] }, [])
    let offset = group[0]!.baseOffset
    const end = this.#segmentEnd(group.at(-1)!.baseOffset)
    const aborted = await this.#aborted(offset, end)
    while (offset < end) {
      const chunk = await this.#read(offset, end, aborted)
      if (chunk === null) break
      const filtered = await this.#keys.filter(chunk, rules)
      if (filtered.nextOffset <= offset) break
      const written = await writeCleaned(path, size, filtered, await compressPending(filtered))
      size += written
      offset = filtered.nextOffset
      this.#bytesWritten += written
      this.#recordsKept += filtered.recordsKept
      await throttle.used(filtered.consumedBytes + written, signal)
    }
  }

  async #read(offset: number, endOffset: number, aborted: BigInt64Array) {
    this.#options.signal.throwIfAborted()
    const chunk = await readChunk(this.#native, offset, endOffset, aborted)
    this.#bytesRead += chunk?.bytes.byteLength ?? 0
    return chunk
  }

  #requireSegments(bases: readonly number[], cause?: unknown): void {
    const present = new Set(this.#native.segments().map(({ baseOffset }) => baseOffset))
    if (!bases.every((base) => present.has(base))) throw new CleaningSupersededError({ cause })
  }

  #activeProducers(): BigInt64Array {
    const pairs: bigint[] = []
    for (const { producerId, lastOffset } of this.#log.activeProducers()) {
      pairs.push(BigInt(producerId), BigInt(lastOffset))
    }
    return BigInt64Array.from(pairs)
  }
}

/** The records of the batches that were compressed before, compressed again the same way. */
async function compressPending({ bytes, pending }: FilteredChunk): Promise<Uint8Array[]> {
  const compressed: Uint8Array[] = []
  for (const { position, size, compression } of pending) {
    const records = bytes.subarray(position + BATCH_HEADER_SIZE, position + size)
    compressed.push(await compress(compressionNames[compression]!, records))
  }
  return compressed
}
