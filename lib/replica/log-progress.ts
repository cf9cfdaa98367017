/**
 * How far a partition's log goes and how much of it is committed, in offsets and in bytes, and the fetches that wait
 * for either to rise. Each change checks that the high watermark is no higher than the log end.
 */
import { strict as assert } from 'node:assert'
import { ByteMarks } from './byte-marks.js'
import { ReadWaiters } from './read-waiters.js'

export class LogProgress {
  readonly waiters = new ReadWaiters()
  #logEndOffset: number
  #highWatermark: number
  #appendedBytes = 0
  #committedBytes = 0
  readonly #marks = new ByteMarks()

  constructor(logEndOffset: number, highWatermark: number) {
    this.#logEndOffset = logEndOffset
    this.#highWatermark = Math.min(highWatermark, logEndOffset)
  }

  /** Of the appends that have been reported; the engine may be further. */
  get logEndOffset(): number {
    return this.#logEndOffset
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  /** Since the partition was opened, like `committedBytes`: what a waiting fetch counts. */
  get appendedBytes(): number {
    return this.#appendedBytes
  }

  /** What the high watermark has passed. */
  get committedBytes(): number {
    return this.#committedBytes
  }

  append(endOffset: number, sizeInBytes: number): void {
    // INVARIANT: appends only raise the log end.
    assert(endOffset >= this.#logEndOffset)
    this.#logEndOffset = endOffset
    this.#appendedBytes += sizeInBytes
  }

  /** Remembers how many bytes lie below the log end, for when the high watermark passes it. */
  mark(): void {
    if (this.#highWatermark < this.#logEndOffset) this.#marks.add(this.#logEndOffset, this.#appendedBytes)
  }

  /** What lies above the high watermark counts as one piece from here on. */
  restartMarks(): void {
    this.#marks.clear()
    this.mark()
  }

  /** All below `offset` is committed; it never goes back by this. */
  commit(offset: number): void {
    if (offset <= this.#highWatermark) return
    // INVARIANT: highWatermark ≤ logEndOffset.
    assert(offset <= this.#logEndOffset)
    this.#highWatermark = offset
    const bytes = this.#marks.passed(offset)
    // Rises with the high watermark, never before it.
    this.#committedBytes =
      offset === this.#logEndOffset ? this.#appendedBytes : Math.max(this.#committedBytes, bytes)
    this.waiters.onCommitted()
  }

  /** The log ends at `offset` now, which may be below what was committed. */
  cut(offset: number): void {
    this.#logEndOffset = offset
    this.#highWatermark = Math.min(this.#highWatermark, offset)
    this.restartMarks()
  }

  /** The log is empty and begins at `offset`: what lies below is committed. */
  restart(offset: number): void {
    this.#logEndOffset = offset
    this.#highWatermark = offset
    this.restartMarks()
  }
}
