/**
 * How far a partition's log goes and how much of it is committed, in offsets and in bytes, and the fetches that wait
 * for either to rise.
 *
 * INVARIANT: highWatermark ≤ logEnd; committedBytes rises with the high watermark, never before it.
 */
import { ByteMarks } from './byte-marks.js'
import { ReadWaiters } from './read-waiters.js'

export class LogProgress {
  readonly waiters = new ReadWaiters()
  #logEnd: number
  #highWatermark: number
  #appendedBytes = 0
  #committedBytes = 0
  readonly #marks = new ByteMarks()

  constructor(logEnd: number, highWatermark: number) {
    this.#logEnd = logEnd
    this.#highWatermark = Math.min(highWatermark, logEnd)
  }

  /** Of what has been told of as appended; the engine may be further. */
  get logEnd(): number {
    return this.#logEnd
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  /** Since the partition was opened, as are `committedBytes`: what a waiting fetch counts. */
  get appendedBytes(): number {
    return this.#appendedBytes
  }

  /** What the high watermark has passed. */
  get committedBytes(): number {
    return this.#committedBytes
  }

  append(endOffset: number, sizeInBytes: number): void {
    this.#logEnd = endOffset
    this.#appendedBytes += sizeInBytes
  }

  /** Remembers how many bytes lie below the log end, for when the high watermark passes it. */
  mark(): void {
    if (this.#highWatermark < this.#logEnd) this.#marks.add(this.#logEnd, this.#appendedBytes)
  }

  /** What lies above the high watermark counts as one piece from here on. */
  markAnew(): void {
    this.#marks.clear()
    this.mark()
  }

  /** All below `offset` is committed; it never goes back by this. */
  commit(offset: number): void {
    if (offset <= this.#highWatermark) return
    this.#highWatermark = offset
    const bytes = this.#marks.passed(offset)
    this.#committedBytes =
      offset === this.#logEnd ? this.#appendedBytes : Math.max(this.#committedBytes, bytes)
    this.waiters.onCommitted()
  }

  /** The log ends at `offset` now, which may be below what was committed. */
  cut(offset: number): void {
    this.#logEnd = offset
    this.#highWatermark = Math.min(this.#highWatermark, offset)
    this.markAnew()
  }

  /** The log is empty and begins at `offset`: what lies below is committed. */
  restart(offset: number): void {
    this.#logEnd = offset
    this.#highWatermark = offset
    this.markAnew()
  }
}
