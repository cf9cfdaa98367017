/**
 * The reading side of a log, over any source: checks what is asked for, and hands out iterators.
 */
import type { FileRange } from '../native/types.js'
import { readBatches as batchesIn, readScannedHeaders, toSafeInteger } from '../protocol/index.js'
import { AbortError, LogError, toLogError } from './log-error.js'
import type { LogRecord } from './log-record.js'
import { checkOffset, closedError, type LogSource } from './log-source.js'
import { RecordIterator } from './record-iterator.js'

/** What part of a log is read. Every option may be left out. */
export interface ReadOptions {
  /** First offset; default: the start of the log. */
  from?: number
  /** Offset behind the last; default, and at most: the end of the log at the time of the call. */
  to?: number
  /** The iteration ends with the record (or batch) that reaches so many bytes; there is one at least. */
  maxBytes?: number
  /** Aborted: the iteration rejects with an AbortError. */
  signal?: AbortSignal
}

/** Consecutive whole batches. The first may begin below the offset that was asked for. */
export interface RawBatches {
  /** Empty at the end of the log. */
  readonly bytes: Uint8Array
  /** Of the first batch; −1 without one. */
  readonly baseOffset: number
  /** Where to read on. */
  readonly nextOffset: number
}

/** One call of `readBatch` where no bound is given. */
const defaultMaxBytes = 1 << 20
/** Headers looked at for a range of a file at once. */
const maxHeaders = 4_096

export class LogReader {
  readonly #source: LogSource
  readonly #chunkBytes: number

  constructor(source: LogSource, chunkBytes: number) {
    this.#source = source
    this.#chunkBytes = chunkBytes
  }

  read({ from, to, maxBytes, signal }: ReadOptions = {}): AsyncIterableIterator<LogRecord> {
    const range = this.#range(from, to, maxBytes, signal)
    return new RecordIterator(this.#source, { ...range, signal, chunkBytes: this.#chunkBytes })
  }

  follow({ from, signal }: Pick<ReadOptions, 'from' | 'signal'> = {}): AsyncIterableIterator<LogRecord> {
    const range = this.#range(from, undefined, undefined, signal)
    return new RecordIterator(this.#source, { ...range, to: undefined, signal, chunkBytes: this.#chunkBytes })
  }

  async readBatch({ from, maxBytes }: Pick<ReadOptions, 'from' | 'maxBytes'> = {}): Promise<RawBatches> {
    const range = this.#range(from, undefined, maxBytes, undefined)
    return this.#batches(range.from, Math.min(range.maxBytes, 0x7fff_ffff))
  }

  async #batches(from: number, maxBytes: number): Promise<RawBatches> {
    const source = this.#source
    if (source.isClosed) throw closedError(source.path)
    const offset = Math.max(from, source.startOffset)
    if (offset >= source.endOffset) return { bytes: new Uint8Array(0), baseOffset: -1, nextOffset: offset }
    const { endOffset } = source
    const { bytes, nextOffset } = await source.readBatches(offset, maxBytes)
    // What compaction has emptied reaches up to the end.
    if (bytes.length === 0) return { bytes, baseOffset: -1, nextOffset: endOffset }
    return { bytes, baseOffset: baseOffsetOf(bytes), nextOffset }
  }

  async *readBatches({
    from,
    to,
    maxBytes,
    signal,
  }: ReadOptions = {}): AsyncGenerator<RawBatches, undefined> {
    const range = this.#range(from, to, maxBytes, signal)
    let left = range.maxBytes
    const read = (offset: number): Promise<RawBatches> | undefined => {
      if (offset >= range.to || left <= 0) return undefined
      const batches = this.#batches(offset, Math.min(this.#chunkBytes, left))
      // Its failure is told when it is its turn.
      batches.catch(() => {})
      return batches
    }
    let ahead = read(range.from)
    while (ahead !== undefined) {
      const batches = await ahead
      if (signal?.aborted) throw new AbortError(signal)
      if (batches.bytes.length === 0 && batches.nextOffset >= this.#source.endOffset) return
      left -= batches.bytes.length
      ahead = read(batches.nextOffset)
      if (batches.bytes.length > 0) yield batches
    }
  }

  async readRange(
    from: number,
    { maxBytes = defaultMaxBytes }: { maxBytes?: number } = {},
  ): Promise<{ range: FileRange; baseOffset: number; nextOffset: number } | null> {
    const source = this.#source
    const asked = this.#range(from, undefined, maxBytes, undefined)
    try {
      // Headers first: they say how many bytes whole batches take.
      const { count, headers } = await source.retried(() =>
        source.native.scanHeaders(asked.from, source.endOffset, maxHeaders),
      )
      if (count === 0) return null
      let bytes = 0
      for (const { sizeInBytes } of readScannedHeaders(headers)) {
        if (bytes > 0 && bytes + sizeInBytes > asked.maxBytes) break
        bytes += sizeInBytes
      }
      const { range, firstBatchOffset, byteLength } = await source.read(asked.from, bytes)
      if (range === null) return null
      return {
        range,
        baseOffset: firstBatchOffset,
        nextOffset: nextOffsetIn(headers, byteLength),
      }
    } catch (error) {
      throw toLogError(error, source.path)
    }
  }

  async offsetForTimestamp(timestampMs: number): Promise<number | null> {
    const source = this.#source
    if (source.isClosed) throw closedError(source.path)
    if (!Number.isSafeInteger(timestampMs)) {
      throw new LogError(
        'INVALID_OPTION',
        `timestampMs is a whole number of ms since 1970, not ${timestampMs}`,
        {
          option: 'timestampMs',
        },
      )
    }
    try {
      const base = await source.retried(() =>
        source.native.findBatchByTimestamp(timestampMs, source.startOffset),
      )
      if (base < 0 || base >= source.endOffset) return null
      for await (const { offset, timestamp } of this.read({ from: Math.max(base, source.startOffset) })) {
        if (timestamp >= timestampMs) return offset
      }
      return null
    } catch (error) {
      throw toLogError(error, source.path)
    }
  }

  #range(
    from: number | undefined,
    to: number | undefined,
    maxBytes: number | undefined,
    signal: AbortSignal | undefined,
  ): { from: number; to: number; maxBytes: number } {
    const source = this.#source
    if (source.isClosed) throw closedError(source.path)
    if (signal?.aborted) throw new AbortError(signal)
    if (from !== undefined) checkOffset(source, from, 'from')
    if (to !== undefined && (!Number.isSafeInteger(to) || to < 0)) checkOffset(source, to, 'to')
    if (maxBytes !== undefined && !(maxBytes > 0)) {
      throw new LogError('INVALID_OPTION', `maxBytes is more than 0, not ${maxBytes}`, { option: 'maxBytes' })
    }
    return {
      from: from ?? source.startOffset,
      to: Math.min(to ?? Number.POSITIVE_INFINITY, source.endOffset),
      maxBytes: maxBytes ?? Number.POSITIVE_INFINITY,
    }
  }
}

function baseOffsetOf(bytes: Uint8Array): number {
  for (const header of batchesIn(bytes)) return toSafeInteger(header.baseOffset, 'baseOffset')
  return -1
}

/** Offset behind the batches that take `byteLength`. */
function nextOffsetIn(headers: Uint8Array, byteLength: number): number {
  let next = -1
  let left = byteLength
  for (const header of readScannedHeaders(headers)) {
    if (left <= 0) break
    next = Number(header.baseOffset) + header.lastOffsetDelta + 1
    left -= header.sizeInBytes
  }
  return next
}
