/**
 * A durable append-only log in a folder: the embedded log's public interface. The files are those of a Kafka
 * partition.
 */
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { openLog } from '../native/index.js'
import type { FileRange, LogSettings, NativeLog, RecoveryReport } from '../native/types.js'
import { LogError, toLogError } from './log-error.js'
import { isFolder, LogFolder } from './log-folder.js'
import type { LogHost } from './log-host.js'
import {
  type CompactedLog,
  type CompactOptions,
  indexIntervalBytes,
  LogMaintenance,
  segmentIndexBytes,
} from './log-maintenance.js'
import { type LogOptions, type ResolvedLogOptions, resolveOptions } from './log-options.js'
import { LogReader, type RawBatches, type ReadOptions } from './log-reader.js'
import type { AppendedOffsets, LogRecord, RecordInput } from './log-record.js'
import { checkOffset, closedError, OwnLogSource } from './log-source.js'
import { finishTruncation, truncateLog } from './log-truncation.js'
import { copyBatches, LogWriter } from './log-writer.js'

const never = Number.POSITIVE_INFINITY

export class Log {
  /** The folder, links resolved. */
  readonly path: string
  readonly #native: NativeLog
  readonly #host: LogHost
  readonly #options: ResolvedLogOptions
  readonly #source: OwnLogSource
  readonly #reader: LogReader
  readonly #writer: LogWriter
  readonly #maintenance: LogMaintenance
  #closing: Promise<void> | undefined
  #failure: LogError | undefined

  private constructor(native: NativeLog, host: LogHost, options: ResolvedLogOptions) {
    this.path = native.path
    this.#native = native
    this.#host = host
    this.#options = options
    const isFlushed = options.durability === 'fsync'
    const startOffset = Math.max(host.logStartOffset, native.firstSegmentOffset)
    this.#source = new OwnLogSource(native, startOffset, isFlushed)
    this.#reader = new LogReader(this.#source, options.readAheadBytes)
    this.#writer = new LogWriter(native, { ...options, isFlushed })
    this.#maintenance = new LogMaintenance(native, this.#source, host, options)
    native.onFlush = (offset) => {
      this.#writer.flushed(offset)
      this.#source.wake()
    }
    native.onFailure = (error) => {
      this.#failure = toLogError(Object.assign(error, { code: 'LOG_FAILED' }), this.path)
      this.#writer.fail(this.#failure)
    }
    native.onRoll = () => this.#maintenance.run()
    if (!isFlushed) this.#writer.onAppended = () => this.#source.wake()
  }

  /**
   * Opens the log in folder `path`, which is made if it is not there. After a clean stop nothing is scanned, after a
   * crash what lies past the last checkpoint. Rejects with a LogError: LOCKED, INVALID_OPTION, NOT_A_FOLDER,
   * PERMISSION_DENIED, UNSUPPORTED_FORMAT, NO_SPACE, IO.
   */
  static async open(path: string, options?: LogOptions): Promise<Log> {
    const resolved = resolveOptions(options)
    if (typeof path !== 'string' || path === '') {
      throw new LogError('INVALID_OPTION', 'path is the path of a folder', { option: 'path' })
    }
    if (resolved.readOnly) {
      throw new LogError('INVALID_OPTION', 'readOnly is not supported', { option: 'readOnly' })
    }
    let folder: LogFolder | undefined
    try {
      const absolute = resolve(path)
      folder = await LogFolder.open((await isFolder(absolute)) ? await realpath(absolute) : absolute)
      return await Log.#openOn(folder.path, folder, resolved)
    } catch (error) {
      await folder?.abandon()
      throw toLogError(error, path)
    }
  }

  /** Opens a log whose state `host` keeps; the folder is the host's to lock. Rejects as `open` does. */
  static async openOn(path: string, host: LogHost, options?: LogOptions): Promise<Log> {
    try {
      return await Log.#openOn(path, host, resolveOptions(options))
    } catch (error) {
      throw toLogError(error, path)
    }
  }

  static async #openOn(path: string, host: LogHost, options: ResolvedLogOptions): Promise<Log> {
    const { recoveryPoint, cleanShutdown, logStartOffset } = host
    const native = await openLog(path, {
      ...settingsOf(options),
      recoveryPoint,
      cleanShutdown,
      logStartOffset,
    })
    try {
      await finishTruncation(native)
      const log = new Log(native, host, options)
      await log.#maintenance.writeRecoveryPoint()
      return log
    } catch (error) {
      await native.close().catch(() => {})
      throw error
    }
  }

  /** What opening it had to read and cut. */
  get recovery(): RecoveryReport {
    return this.#native.recovery
  }

  /** First offset that can be read. */
  get startOffset(): number {
    return this.#source.startOffset
  }

  /**
   * Offset behind the last record that can be read: with `fsync` behind the last one on disk, else behind the last
   * one written.
   */
  get endOffset(): number {
    return this.#source.endOffset
  }

  /** All below it is on disk. */
  get flushedOffset(): number {
    return this.#native.flushedOffset
  }

  /** Bytes of all segments. */
  get sizeInBytes(): number {
    return this.#native.sizeInBytes
  }

  /** Bytes that were appended and are not written (with `fsync`: flushed) yet. */
  get pendingBytes(): number {
    return this.#writer.pendingBytes
  }

  /** Why the log takes no more records, after a failed write or fsync: close it and open it again. */
  get failure(): LogError | undefined {
    return this.#failure
  }

  /** Why the last checkpoint or retention round failed; it is tried again. */
  get maintenanceFailure(): LogError | undefined {
    return this.#maintenance.failure
  }

  /**
   * Appends one record or several, which lie next to each other in the log. Resolves with their offsets when they are
   * as durable as the log's option says. After a crash all records of a call are there or none. The bytes are copied
   * before it returns. Rejects with INVALID_RECORD, RECORD_TOO_LARGE, BACKPRESSURE, FAILED, NO_SPACE, CLOSED.
   */
  append(records: RecordInput | readonly RecordInput[]): Promise<AppendedOffsets> {
    if (this.#closing) return Promise.reject(closedError(this.path))
    return this.#writer.append(records)
  }

  /**
   * Appends encoded record batches of magic 2, whole, one or several. Their offsets are replaced by the log's; CRC,
   * counts and records are checked first. Rejects with INVALID_BATCH, UNSUPPORTED_FORMAT and as `append` does.
   */
  async appendBatch(bytes: Uint8Array): Promise<AppendedOffsets> {
    this.#refuseClosed()
    return this.#writer.appendBatch(copyBatches(bytes))
  }

  /** Resolves when less than half of `maxPendingBytes` is pending: for those who append without awaiting. */
  ready(): Promise<void> {
    return this.#writer.ready()
  }

  /**
   * The records of a range, by default all that are there now. The iterator holds two chunks of `readAheadBytes` at
   * most; it reads on as it is iterated.
   */
  read(options?: ReadOptions): AsyncIterableIterator<LogRecord> {
    return this.#reader.read(options)
  }

  /** Records from `from` on, and those that arrive: ends by abort, `break` or `close` (with CLOSED) only. */
  follow(options?: Pick<ReadOptions, 'from' | 'signal'>): AsyncIterableIterator<LogRecord> {
    return this.#reader.follow(options)
  }

  /** Whole batches as they lie on disk, their CRCs checked, from the one that holds `from` on. */
  readBatch(options?: Pick<ReadOptions, 'from' | 'maxBytes'>): Promise<RawBatches> {
    return this.#reader.readBatch(options)
  }

  /** `readBatch` over a range, the next chunk being read while one is iterated. */
  readBatches(options?: ReadOptions): AsyncIterableIterator<RawBatches> {
    return this.#reader.readBatches(options)
  }

  /**
   * Whole batches from the one that holds `from` on as a range of a file, for sendfile; null at the end of the log.
   * Release it when it has been sent.
   */
  readRange(
    from: number,
    options?: { maxBytes?: number },
  ): Promise<{ range: FileRange; baseOffset: number; nextOffset: number } | null> {
    return this.#reader.readRange(from, options)
  }

  /** Offset of the first record with this timestamp (ms since 1970) or a later one; null where there is none. */
  offsetForTimestamp(timestampMs: number): Promise<number | null> {
    return this.#reader.offsetForTimestamp(timestampMs)
  }

  /** Resolves when all that was appended before the call is on disk. */
  async flush(): Promise<void> {
    this.#refuseClosed()
    await this.#run(async () => {
      await this.#writer.handed()
      await this.#native.flush()
    })
  }

  /** Removes the records from `to` on, durably; their offsets are given out again. */
  async truncate(to: number): Promise<void> {
    this.#refuseClosed()
    await this.#change(() =>
      this.#writer.whileIdle(async () => {
        checkOffset(this.#source, to, 'to')
        this.#source.heldEnd = Math.min(to, this.#source.endOffset)
        try {
          await truncateLog(this.#native, to, (offset) => this.#maintenance.lowerRecoveryPoint(offset))
        } finally {
          this.#source.cuts++
          this.#source.heldEnd = undefined
          this.#source.wake()
        }
      }),
    )
  }

  /** Makes `before` the first offset that can be read, durably, and deletes the segments wholly below it. */
  async trim(before: number): Promise<void> {
    this.#refuseClosed()
    await this.#change(async () => {
      checkOffset(this.#source, before, 'before')
      await this.#maintenance.trim(before)
    })
  }

  /**
   * Keeps the last record of each key, and drops the older ones; offsets do not change. Needs `requireKeys`: as in
   * Kafka, records without key go.
   */
  async compact(options: CompactOptions = {}): Promise<CompactedLog> {
    this.#refuseClosed()
    if (!this.#options.requireKeys) {
      throw new LogError(
        'INVALID_OPTION',
        'compact removes records without key: open the log with requireKeys, so that there are none',
        { option: 'requireKeys' },
      )
    }
    return this.#change(() => this.#maintenance.compact(options))
  }

  /**
   * Writes what was appended, flushes it, and leaves a mark, so that the next opening scans nothing. Iterators under
   * way reject with CLOSED. Once closed it stays so; further calls wait for the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writer.drain()
    await this.#maintenance.stop()
    this.#source.isClosed = true
    this.#source.wake()
    let isClean = this.#failure === undefined
    try {
      await this.#native.close()
    } catch (error) {
      isClean = false
      if (this.#failure === undefined) throw toLogError(error, this.path)
    } finally {
      const recoveryPoint = this.#native.flushedOffset
      await this.#run(() =>
        this.#host.closed({ isClean, recoveryPoint, logStartOffset: this.#source.startOffset }),
      )
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #refuseClosed(): void {
    if (this.#closing) throw closedError(this.path)
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(() => this.#maintenance.inTurn(work))
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toLogError(error, this.path)
    }
  }
}

function settingsOf(options: ResolvedLogOptions): LogSettings {
  return {
    segmentBytes: options.segmentBytes,
    segmentMs: options.segmentMs,
    indexIntervalBytes,
    segmentIndexBytes,
    maxMessageBytes: options.maxBatchBytes,
    timestampType: 'CreateTime',
    timestampBeforeMaxMs: never,
    timestampAfterMaxMs: never,
    requireKey: options.requireKeys,
    flushMessages: never,
    flushMs: options.durability === 'interval' ? options.flushIntervalMs : never,
  }
}
