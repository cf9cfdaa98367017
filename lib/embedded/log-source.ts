/**
 * What is read: a log as those who iterate it see it, be it this process's own or one that another writes.
 */
import type { CheckedBatches, NativeLog, ReadResult } from '../native/types.js'
import { clearInterval, setInterval, sleep, type Timer } from '../time/index.js'
import { AbortError, LogError, type LogErrorCode, toLogError } from './log-error.js'

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
  read(offset: number, maxBytes: number): Promise<ReadResult>
  /** For look-ups alone. */
  readonly native: NativeLog
  /** Runs a look-up again when the log has changed under it. */
  retried<T>(work: () => Promise<T>): Promise<T>
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

/** A look-up that a cut or a trim came between is tried again until the change shows, this often. */
const attempts = 10
const pauseMs = 10

/** What a look-up in a log that is being changed may meet. */
const changing: ReadonlySet<LogErrorCode> = new Set(['OFFSET_OUT_OF_RANGE', 'CORRUPT', 'NOT_FOUND'])

const longestTimerMs = 0x7fff_ffff

/** Whoever waits for a log to grow. Bounded by its readers. */
class Waiters {
  readonly #waiting = new Set<() => void>()
  #keepAlive: Timer | undefined

  wake(): void {
    const all = [...this.#waiting]
    this.#waiting.clear()
    this.#changed()
    for (const resolve of all) resolve()
  }

  /** Records may come from another thread or process: a thread that waits for them must not end. */
  #changed(): void {
    if (this.#waiting.size > 0) {
      this.#keepAlive ??= setInterval(() => {}, longestTimerMs)
    } else {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
    }
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
        this.#changed()
        reject(new AbortError(signal!))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.add(done)
      this.#changed()
    })
  }
}

/** What sources have in common: how they are read, and waited for. */
export abstract class ReadableLogSource implements LogSource {
  readonly #waiters = new Waiters()
  isClosed = false
  cuts = 0
  abstract readonly path: string
  abstract readonly native: NativeLog
  abstract readonly startOffset: number
  abstract readonly endOffset: number

  /** Looks at what the log has become. */
  protected abstract refresh(): Promise<void>

  readBatches(offset: number, maxBytes: number): Promise<CheckedBatches> {
    return this.retried(() =>
      this.native.readBatches(Math.max(offset, this.startOffset), {
        maxBytes,
        minOneBatch: true,
        maxOffset: this.endOffset,
      }),
    )
  }

  read(offset: number, maxBytes: number): Promise<ReadResult> {
    return this.retried(async () =>
      this.native.read(offset, { maxBytes, minOneBatch: true, maxOffset: this.endOffset }),
    )
  }

  /** Files that go, and an end that is cut, while they are read are no error of the log: looks again. */
  async retried<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { cuts, startOffset } = this
      try {
        return await work()
      } catch (error) {
        const failure = toLogError(error, this.path)
        if (attempt === attempts || !changing.has(failure.code)) throw failure
        await this.refresh()
        if (this.cuts === cuts && this.startOffset === startOffset) await sleep(pauseMs)
      }
    }
  }

  waitForMore(offset: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.endOffset > offset || this.isClosed) return Promise.resolve()
    return this.#waiters.wait(signal)
  }

  /** Those who wait look again. */
  wake(): void {
    this.#waiters.wake()
  }
}

/** The log of this process. */
export class OwnLogSource extends ReadableLogSource {
  readonly native: NativeLog
  readonly #isFlushedOnly: boolean
  readonly #start: { startOffset: number }

  /** `start` holds the start offset; handles that share the log share it. */
  constructor(native: NativeLog, start: { startOffset: number }, isFlushedOnly: boolean) {
    super()
    this.native = native
    this.#start = start
    this.#isFlushedOnly = isFlushedOnly
  }

  get startOffset(): number {
    return this.#start.startOffset
  }

  set startOffset(offset: number) {
    this.#start.startOffset = offset
  }

  get path(): string {
    return this.native.path
  }

  /** With `fsync`, readers see what no crash takes back. */
  get endOffset(): number {
    return this.#isFlushedOnly ? this.native.flushedOffset : this.native.logEndOffset
  }

  /** What happens to it shows at once. */
  protected async refresh(): Promise<void> {}
}
