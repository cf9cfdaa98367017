/**
 * Records of a log as an async iterator: one chunk is iterated while the next is read.
 *
 * A log that is cut behind the reader's back: records that retention or `trim` takes are passed over; where the end is
 * cut to below what was handed out, the iterator rejects with OFFSET_OUT_OF_RANGE.
 */

import { unpackBatches } from '../log/batch-chunks.js'
import type { CheckedBatches } from '../native/types.js'
import { AbortedBatches } from './aborted-batches.js'
import { AbortError, toLogError } from './log-error.js'
import type { LogRecord } from './log-record.js'
import { closedError, type LogSource, outOfRange } from './log-source.js'
import { RecordCursor } from './record-cursor.js'

export interface RecordRange {
  readonly from: number
  /** Exclusive; undefined: goes on as records arrive. */
  readonly to: number | undefined
  /** Ends behind the record that reaches so many bytes of keys and values. */
  readonly maxBytes: number
  readonly chunkBytes: number
  readonly signal: AbortSignal | undefined
}

interface Chunk {
  readonly batches: CheckedBatches
  readonly cursor: RecordCursor
}

const end: IteratorReturnResult<undefined> = { done: true, value: undefined }

export class RecordIterator implements AsyncIterableIterator<LogRecord> {
  readonly #source: LogSource
  readonly #range: RecordRange
  #cursor: RecordCursor | undefined
  #cuts: number
  /** Where the chunk behind the one that is iterated begins. */
  #nextChunk: number
  #ahead: Promise<Chunk | undefined> | undefined
  #transactions: Promise<AbortedBatches> | undefined
  #nextOffset: number
  #bytes = 0
  #isDone = false
  /** Calls of `next` that wait for a chunk, one after the other. */
  #fetching: Promise<IteratorResult<LogRecord, undefined>> | undefined

  constructor(source: LogSource, range: RecordRange) {
    this.#source = source
    this.#range = range
    this.#nextChunk = range.from
    this.#nextOffset = range.from
    this.#cuts = source.cuts
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<LogRecord, undefined>> {
    if (this.#fetching !== undefined) return this.#after(this.#fetching)
    if (this.#isDone) return Promise.resolve(end)
    if (this.#range.signal?.aborted) return Promise.reject(this.#abort())
    try {
      const record = this.#take()
      if (record !== undefined) return Promise.resolve({ done: false, value: record })
    } catch (error) {
      this.#finish()
      return Promise.reject(toLogError(error, this.#source.path))
    }
    return this.#after(undefined)
  }

  #after(before: Promise<unknown> | undefined): Promise<IteratorResult<LogRecord, undefined>> {
    const fetching = this.#fetch(before).finally(() => {
      if (this.#fetching === fetching) this.#fetching = undefined
    })
    this.#fetching = fetching
    return fetching
  }

  return(): Promise<IteratorResult<LogRecord, undefined>> {
    this.#finish()
    return Promise.resolve(end)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#finish()
    return Promise.resolve()
  }

  #finish(): void {
    this.#isDone = true
    this.#cursor = undefined
    this.#ahead = undefined
  }

  #abort(): AbortError {
    this.#finish()
    return new AbortError(this.#range.signal!)
  }

  /** The next record of the chunk at hand. */
  #take(): LogRecord | undefined {
    if (this.#isDone || this.#cursor === undefined || this.#isCut) return undefined
    for (;;) {
      const record = this.#cursor.next()
      if (record === undefined) return undefined
      const { offset } = record
      // The chunk begins with the batch that holds the offset, and may begin below the start.
      if (offset < this.#nextOffset || offset < this.#source.startOffset) continue
      if (offset >= (this.#range.to ?? Number.POSITIVE_INFINITY)) {
        this.#finish()
        return undefined
      }
      this.#nextOffset = offset + 1
      if (this.#range.maxBytes !== Number.POSITIVE_INFINITY) {
        this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
        if (this.#bytes >= this.#range.maxBytes) this.#finish()
      }
      return record
    }
  }

  async #fetch(before: Promise<unknown> | undefined): Promise<IteratorResult<LogRecord, undefined>> {
    // Its failure is for its own caller, and has ended the iteration.
    if (before) await before.catch(() => {})
    try {
      for (;;) {
        const record = this.#take()
        if (record !== undefined) return { done: false, value: record }
        if (this.#isDone || !(await this.#advance())) break
      }
    } catch (error) {
      this.#finish()
      throw error instanceof AbortError ? error : toLogError(error, this.#source.path)
    }
    this.#finish()
    return end
  }

  /** Moves to the next chunk; false behind the last. */
  async #advance(): Promise<boolean> {
    const { signal, to } = this.#range
    if (this.#isCut) this.#startOver()
    const chunk = await (this.#ahead ?? this.#read())
    this.#ahead = undefined
    if (signal?.aborted) throw this.#abort()
    if (this.#isDone) return false
    if (this.#source.isClosed) throw closedError(this.#source.path)
    // Read while the log was cut: what it holds may be gone.
    if (this.#isCut) return true
    if (chunk === undefined) {
      this.#cursor = undefined
      if (to !== undefined) return false
      await this.#source.waitForMore(this.#nextChunk, signal)
      return true
    }
    this.#cursor = chunk.cursor
    this.#nextChunk = chunk.batches.nextOffset
    if (this.#nextChunk < (to ?? this.#source.endOffset)) {
      this.#ahead = this.#read()
      // Its failure is told when it is its turn.
      this.#ahead.catch(() => {})
    }
    return true
  }

  get #isCut(): boolean {
    return this.#cuts !== this.#source.cuts
  }

  /** The log's end was cut: nothing that was read before counts. */
  #startOver(): void {
    this.#cuts = this.#source.cuts
    this.#cursor = undefined
    this.#ahead = undefined
    this.#nextChunk = this.#nextOffset
    const { endOffset } = this.#source
    if (this.#nextOffset <= endOffset) return
    throw outOfRange(this.#source, `the log was cut to offset ${endOffset}, and ${this.#nextOffset} is next`)
  }

  /** The chunk from `#nextChunk` on; undefined where there is none yet. */
  async #read(): Promise<Chunk | undefined> {
    const source = this.#source
    if (source.isClosed) throw closedError(source.path)
    const offset = Math.max(this.#nextChunk, source.startOffset)
    if (offset >= Math.min(source.endOffset, this.#range.to ?? Number.POSITIVE_INFINITY)) return undefined
    const { endOffset } = source
    let batches = await source.readBatches(offset, this.#range.chunkBytes)
    // What compaction has emptied reaches up to the end.
    if (batches.bytes.length === 0) batches = { ...batches, nextOffset: endOffset }
    const unpacked = batches.isCompressed ? await unpackBatches(batches.bytes) : []
    this.#transactions ??= AbortedBatches.open(source.native)
    const isAborted = await (await this.#transactions).among(offset, batches.nextOffset)
    return { batches, cursor: new RecordCursor(batches.bytes, unpacked, source.path, isAborted) }
  }
}
