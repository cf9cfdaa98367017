/**
 * A log of a directory: what Log offers, over a log that is opened when it is used and closed when others need its
 * place. Calls reach the log in the order in which they were made, also those that wait for it to be opened.
 */

import type { FileRange, RecoveryReport } from '../native/types.js'
import { DeferredIterator } from './deferred-iterator.js'
import type { Log } from './log.js'
import { LogError } from './log-error.js'
import type { CompactedLog, CompactOptions } from './log-maintenance.js'
import type { RawBatches, ReadOptions } from './log-reader.js'
import type { AppendedOffsets, LogRecord, RecordInput } from './log-record.js'
import { closedError } from './log-source.js'
import { copyBatches } from './log-writer.js'
import type { LogState } from './logs-checkpoint.js'
import { copyRecords } from './record-copy.js'

/** What the directory does for its logs. */
export interface LogKeeper {
  readonly maxPendingBytes: number
  open(log: DirectoryLog): Promise<Log>
  /** It is used now. */
  touch(log: DirectoryLog): void
  /** Closed by its owner: the next `log(name)` gives another handle. */
  forget(log: DirectoryLog): void
}

/** A log of a LogDirectory: opened by its first use, closed while others need its place. Else as a `Log`. */
export class DirectoryLog implements Pick<Log, keyof Log> {
  readonly name: string
  /** The folder. */
  readonly path: string
  readonly #keeper: LogKeeper
  readonly #stateOf: () => LogState | undefined
  #log: Log | undefined
  #opening: Promise<Log> | undefined
  /** Calls that wait for the log to be opened, and the bytes that they would append. */
  #waiting = 0
  #waitingBytes = 0
  #uses = 0
  #resting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #recovery: RecoveryReport | undefined
  /** What was known of it when it was not open last, while the directory does not know. */
  #rested: LogState | undefined

  constructor(name: string, path: string, keeper: LogKeeper, stateOf: () => LogState | undefined) {
    this.name = name
    this.path = path
    this.#keeper = keeper
    this.#stateOf = stateOf
  }

  /** What the last opening had to read and cut. As for offsets and size, NOT_OPENED where nobody can know yet. */
  get recovery(): RecoveryReport {
    if (this.#recovery === undefined) throw this.#notOpened()
    return this.#recovery
  }

  get startOffset(): number {
    return this.#log?.startOffset ?? this.#known().logStartOffset
  }

  get endOffset(): number {
    return this.#log?.endOffset ?? this.#known().recoveryPoint
  }

  get flushedOffset(): number {
    return this.#log?.flushedOffset ?? this.#known().recoveryPoint
  }

  get sizeInBytes(): number {
    return this.#log?.sizeInBytes ?? this.#known().sizeInBytes
  }

  get pendingBytes(): number {
    return this.#waitingBytes + (this.#log?.pendingBytes ?? 0)
  }

  get failure(): LogError | undefined {
    return this.#log?.failure
  }

  get maintenanceFailure(): LogError | undefined {
    return this.#log?.maintenanceFailure
  }

  append(records: RecordInput | readonly RecordInput[]): Promise<AppendedOffsets> {
    const log = this.#ready()
    if (log) return this.#during(log.append(records))
    const { records: copied, sizeInBytes } = copyRecords(records)
    return this.#wait(sizeInBytes, (opened) => opened.append(copied))
  }

  async appendBatch(bytes: Uint8Array): Promise<AppendedOffsets> {
    const log = this.#ready()
    if (log) return this.#during(log.appendBatch(bytes))
    const copied = copyBatches(bytes)
    return this.#wait(copied.byteLength, (opened) => opened.appendBatch(copied))
  }

  ready(): Promise<void> {
    return this.#use((log) => log.ready())
  }

  read(options?: ReadOptions): AsyncIterableIterator<LogRecord> {
    return this.#iterate((log) => log.read(options))
  }

  follow(options?: Pick<ReadOptions, 'from' | 'signal'>): AsyncIterableIterator<LogRecord> {
    return this.#iterate((log) => log.follow(options))
  }

  readBatch(options?: Pick<ReadOptions, 'from' | 'maxBytes'>): Promise<RawBatches> {
    return this.#use((log) => log.readBatch(options))
  }

  readBatches(options?: ReadOptions): AsyncIterableIterator<RawBatches> {
    return this.#iterate((log) => log.readBatches(options))
  }

  readRange(
    from: number,
    options?: { maxBytes?: number },
  ): Promise<{ range: FileRange; baseOffset: number; nextOffset: number } | null> {
    return this.#use((log) => log.readRange(from, options))
  }

  offsetForTimestamp(timestampMs: number): Promise<number | null> {
    return this.#use((log) => log.offsetForTimestamp(timestampMs))
  }

  flush(): Promise<void> {
    return this.#use((log) => log.flush())
  }

  truncate(to: number): Promise<void> {
    return this.#use((log) => log.truncate(to))
  }

  trim(before: number): Promise<void> {
    return this.#use((log) => log.trim(before))
  }

  compact(options?: CompactOptions): Promise<CompactedLog> {
    return this.#use((log) => log.compact(options))
  }

  /** Of this handle, which everybody has who asked the directory for the name. The directory stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Open, and nobody would notice if it were closed. For the directory. */
  get isIdle(): boolean {
    const log = this.#log
    return log !== undefined && this.#uses + this.#waiting === 0 && !log.failure && !this.#closing
  }

  /** Closes the log until it is used again. For the directory; REQUIRES: isIdle. */
  rest(): Promise<void> {
    const log = this.#log!
    const { startOffset: logStartOffset, endOffset: recoveryPoint, sizeInBytes } = log
    this.#rested = { name: this.name, logStartOffset, recoveryPoint, sizeInBytes }
    this.#log = undefined
    const resting = log.close().finally(() => {
      if (this.#resting === resting) this.#resting = undefined
    })
    this.#resting = resting
    return resting
  }

  async #close(): Promise<void> {
    try {
      await this.#opening?.catch(() => {})
      // Those that wait for the opening have made their calls when this goes on.
      await this.#resting
      await this.#log?.close()
    } finally {
      this.#log = undefined
      this.#keeper.forget(this)
    }
  }

  /** The log where a call can be made at once, without overtaking another. */
  #ready(): Log | undefined {
    if (this.#closing || this.#waiting > 0 || this.#log === undefined) return undefined
    this.#keeper.touch(this)
    return this.#log
  }

  #use<T>(call: (log: Log) => Promise<T>): Promise<T> {
    const log = this.#ready()
    return log ? this.#during(call(log)) : this.#wait(0, call)
  }

  /** The log stays open until `work` is done. */
  async #during<T>(work: Promise<T>): Promise<T> {
    this.#uses++
    try {
      return await work
    } finally {
      this.#uses--
    }
  }

  async #wait<T>(bytes: number, call: (log: Log) => Promise<T>): Promise<T> {
    if (this.#closing) throw closedError(this.path)
    if (bytes > 0 && this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#keeper.maxPendingBytes) {
      throw new LogError(
        'BACKPRESSURE',
        `${this.path}: too much waits for the log to be opened: await ready()`,
        {
          path: this.path,
        },
      )
    }
    this.#waiting++
    this.#waitingBytes += bytes
    let called: Promise<T>
    try {
      const log = await this.#opened()
      called = call(log)
    } finally {
      this.#waiting--
      this.#waitingBytes -= bytes
    }
    return this.#during(called)
  }

  /** All that wait share a promise, so that they go on in the order in which they came. */
  #opened(): Promise<Log> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<Log> {
    try {
      // Where the end could not be written the log is recovered now.
      await this.#resting?.catch(() => {})
      const state = this.#stateOf()
      if (state !== undefined && state.sizeInBytes >= 0) this.#rested = { ...state }
      this.#log ??= await this.#keeper.open(this)
      this.#recovery = this.#log.recovery
      this.#keeper.touch(this)
      return this.#log
    } finally {
      // Not before those that waited: until then a call waits with them.
      queueMicrotask(() => {
        this.#opening = undefined
      })
    }
  }

  #iterate<T>(start: (log: Log) => AsyncIterableIterator<T>): AsyncIterableIterator<T> {
    const release = (): void => {
      this.#uses--
    }
    const log = this.#ready()
    if (log) {
      // What is asked for is checked, and the end is looked at, now.
      const inner = start(log)
      return new DeferredIterator(async () => {
        this.#uses++
        return inner
      }, release)
    }
    if (this.#closing) throw closedError(this.path)
    return new DeferredIterator(() => {
      this.#uses++
      return this.#wait(0, async (opened) => start(opened))
    }, release)
  }

  #known(): LogState {
    const state = this.#stateOf()
    if (state !== undefined && state.sizeInBytes >= 0) return state
    if (this.#rested === undefined) throw this.#notOpened()
    return this.#rested
  }

  #notOpened(): LogError {
    return new LogError(
      'NOT_OPENED',
      `${this.path}: not known before the log was opened: await ready() first`,
      {
        path: this.path,
      },
    )
  }
}
