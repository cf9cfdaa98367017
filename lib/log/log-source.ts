/**
 * What is read: a log as those who iterate it see it, be it this process's own or one that another writes.
 */
import type { CheckedBatches, NativeLog, ReadResult } from '../native/types.js'
import { AbortError, LogError, toLogError } from './log-error.js'

export interface LogSource {
  readonly path: string
  /** First offset that may be read. */
  readonly startOffset: number
  /** Behind the last offset that may be read. */
  readonly endOffset: number
  readonly isClosed: boolean
  /** Raised by each cut of the end: what was read behind it is not what is there. */
  readonly cuts: number
  /** From the batch that holds `offset` on, at least one. */
  readBatches(offset: number, maxBytes: number): Promise<CheckedBatches>
  read(offset: number, maxBytes: number): ReadResult | Promise<ReadResult>
  readonly native: NativeLog
  /** Resolves when `endOffset` may be past `offset`, when the log was cut or is closed. Rejects with AbortError. */
  waitForMore(offset: number, signal: AbortSignal | undefined): Promise<void>
}

/** Throws OFFSET_OUT_OF_RANGE unless the offset lies from the start to the end, inclusive. */
export function checkOffset(source: LogSource, offset: number, name: string): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw outOfRange(source, `${name} is an offset, a whole number from 0 on, not ${String(offset)}`)
  }
  const { startOffset, endOffset } = source
  if (offset >= startOffset && offset <= endOffset) return
  throw outOfRange(
    source,
    `${name} is ${offset}, and the log holds offsets from ${startOffset} to ${endOffset - 1}`,
  )
}

export function outOfRange(source: LogSource, what: string): LogError {
  return new LogError('OFFSET_OUT_OF_RANGE', `${source.path}: ${what}`, { path: source.path })
}

export function closedError(path: string): LogError {
  return new LogError('CLOSED', `${path}: the log was closed: open it again`, { path })
}

/** Whoever waits for a log to grow. Bounded by its readers. */
export class Waiters {
  readonly #waiting = new Set<() => void>()

  wake(): void {
    const all = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of all) resolve()
  }

  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new AbortError(signal))
      const done = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const abort = (): void => {
        this.#waiting.delete(done)
        reject(new AbortError(signal!))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.add(done)
    })
  }
}

/** The log of this process. */
export class OwnLogSource implements LogSource {
  readonly native: NativeLog
  readonly #isFlushedOnly: boolean
  readonly #waiters = new Waiters()
  startOffset: number
  isClosed = false
  cuts = 0
  /** While the log is cut in two steps, its end is that of before. */
  heldEnd: number | undefined

  constructor(native: NativeLog, startOffset: number, isFlushedOnly: boolean) {
    this.native = native
    this.startOffset = startOffset
    this.#isFlushedOnly = isFlushedOnly
  }

  get path(): string {
    return this.native.path
  }

  /** With `fsync`, readers see what no crash takes back. */
  get endOffset(): number {
    if (this.heldEnd !== undefined) return this.heldEnd
    return this.#isFlushedOnly ? this.native.flushedOffset : this.native.logEndOffset
  }

  readBatches(offset: number, maxBytes: number): Promise<CheckedBatches> {
    return this.#whileUncut(() =>
      this.native.readBatches(offset, { maxBytes, minOneBatch: true, maxOffset: this.endOffset }),
    )
  }

  read(offset: number, maxBytes: number): ReadResult | Promise<ReadResult> {
    return this.native.read(offset, { maxBytes, minOneBatch: true, maxOffset: this.endOffset })
  }

  /** A read that a cut came between has found nothing wrong with the log: it looks again. */
  async #whileUncut<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      const { cuts } = this
      try {
        return await read()
      } catch (error) {
        if (cuts === this.cuts) throw toLogError(error, this.path)
      }
    }
  }

  waitForMore(offset: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.endOffset > offset || this.isClosed) return Promise.resolve()
    return this.#waiters.wait(signal)
  }

  wake(): void {
    this.#waiters.wake()
  }
}
