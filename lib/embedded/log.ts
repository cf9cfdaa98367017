/**
 * A durable append-only log in a folder: the embedded log's public interface. The files are those of a Kafka
 * partition.
 */
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { files } from '../native/index.js'
import type { FileRange, RecoveryReport } from '../native/types.js'
import { FollowedLogSource } from './followed-log-source.js'
import { LogError, toLogError } from './log-error.js'
import { isFolder } from './log-folder.js'
import type { LogHost } from './log-host.js'
import type { CompactedLog, CompactOptions } from './log-maintenance.js'
import { type LogOptions, type ResolvedLogOptions, resolveOptions } from './log-options.js'
import { LogReader, type RawBatches, type ReadOptions } from './log-reader.js'
import type { AppendedOffsets, LogRecord, RecordInput } from './log-record.js'
import { closedError } from './log-source.js'
import { copyBatches } from './log-writer.js'
import { OwnLog } from './own-log.js'

/** An append-only log in a folder. `Log.open` opens one; `close`, or the end of an `await using` block, closes it. */
export class Log {
  /** The folder, links resolved. */
  readonly path: string
  /** Undefined where the log is read only. */
  readonly #own: OwnLog | undefined
  readonly #source: OwnLog['source'] | FollowedLogSource
  readonly #reader: LogReader
  #closing: Promise<void> | undefined

  private constructor(log: OwnLog | FollowedLogSource, { readAheadBytes }: ResolvedLogOptions) {
    this.#own = log instanceof OwnLog ? log : undefined
    this.#source = log instanceof OwnLog ? log.source : log
    this.path = this.#source.path
    this.#reader = new LogReader(this.#source, readAheadBytes)
  }

  /**
   * Opens the log in folder `path`, which is made if it is not there. After a clean stop nothing is scanned, after a
   * crash what lies past the last checkpoint. With `readOnly` it is read beside whoever writes it, and nothing is made.
   * Rejects with a LogError: LOCKED, INVALID_OPTION, NOT_A_FOLDER, NOT_FOUND, PERMISSION_DENIED, UNSUPPORTED_FORMAT,
   * NO_SPACE, IO.
   */
  static async open(path: string, options?: LogOptions): Promise<Log> {
    const resolved = resolveOptions(options)
    if (typeof path !== 'string' || path === '') {
      throw new LogError('INVALID_OPTION', 'path is the path of a folder', { option: 'path' })
    }
    try {
      const absolute = resolve(path)
      const isThere = await isFolder(absolute)
      const real = isThere ? await realpath(absolute) : absolute
      if (resolved.readOnly) {
        if (!isThere) throw new LogError('NOT_FOUND', `${path}: there is no such folder to read`, { path })
        return new Log(await FollowedLogSource.open(real), resolved)
      }
      if (!isThere) await files.makeFolder(real)
      return new Log(await OwnLog.openShared(await realpath(real), options ?? {}), resolved)
    } catch (error) {
      throw toLogError(error, path)
    }
  }

  /**
   * Opens a log whose state `host` keeps; the folder is the host's to lock. Others cannot follow it by `readOnly`
   * further than its batches are whole. Rejects as `open` does.
   */
  static async openOn(path: string, host: LogHost, options?: LogOptions): Promise<Log> {
    const resolved = resolveOptions(options)
    try {
      return new Log(await OwnLog.openOn(path, host, resolved), resolved)
    } catch (error) {
      throw toLogError(error, path)
    }
  }

  /** What opening it had to read and cut. */
  get recovery(): RecoveryReport {
    return this.#source.native.recovery
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

  /** All below it is on disk. With `readOnly` as much of that as is known. */
  get flushedOffset(): number {
    return this.#source.native.flushedOffset
  }

  /** Bytes of all segments. */
  get sizeInBytes(): number {
    return this.#source.native.sizeInBytes
  }

  /** Bytes that were appended and are not written (with `fsync`: flushed) yet. */
  get pendingBytes(): number {
    return this.#own?.writer.pendingBytes ?? 0
  }

  /** Why the log takes no more records, after a failed write or fsync: close it and open it again. */
  get failure(): LogError | undefined {
    return this.#own?.failure
  }

  /** Why the last checkpoint or retention round failed; it is tried again. */
  get maintenanceFailure(): LogError | undefined {
    return this.#own?.maintenance.failure
  }

  /**
   * Appends one record or several, which lie next to each other in the log. Resolves with their offsets when they are
   * as durable as the log's option says. After a crash all records of a call are there or none. The bytes are copied
   * before it returns. Rejects with INVALID_RECORD, RECORD_TOO_LARGE, BACKPRESSURE, FAILED, NO_SPACE, CLOSED.
   */
  append(records: RecordInput | readonly RecordInput[]): Promise<AppendedOffsets> {
    const own = this.#own
    if (this.#closing || own === undefined) return Promise.reject(this.#refusal())
    return own.writer.append(records)
  }

  /**
   * Appends encoded record batches of magic 2, whole, one or several. Their offsets are replaced by the log's; CRC,
   * counts and records are checked first. Rejects with INVALID_BATCH, UNSUPPORTED_FORMAT and as `append` does.
   */
  async appendBatch(bytes: Uint8Array): Promise<AppendedOffsets> {
    return this.#writable.writer.appendBatch(copyBatches(bytes))
  }

  /** Resolves when less than half of `maxPendingBytes` is pending: for those who append without awaiting. */
  async ready(): Promise<void> {
    return this.#writable.writer.ready()
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
  flush(): Promise<void> {
    return this.#change((own) => own.flush())
  }

  /** Removes the records from `to` on, durably; their offsets are given out again. */
  truncate(to: number): Promise<void> {
    return this.#change((own) => own.truncate(to))
  }

  /** Makes `before` the first offset that can be read, durably, and deletes the segments wholly below it. */
  trim(before: number): Promise<void> {
    return this.#change((own) => own.trim(before))
  }

  /**
   * Keeps the last record of each key, and drops the older ones; offsets do not change. Needs `requireKeys`: as in
   * Kafka, records without key go. Refused where the log holds records of transactions.
   */
  compact(options: CompactOptions = {}): Promise<CompactedLog> {
    return this.#change((own) => {
      if (own.options.requireKeys) return own.compact(options)
      throw new LogError(
        'INVALID_OPTION',
        'compact removes records without key: open the log with requireKeys, so that there are none',
        { option: 'requireKeys' },
      )
    })
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
    try {
      await (this.#own ?? (this.#source as FollowedLogSource)).close()
    } catch (error) {
      throw toLogError(error, this.path)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #writable(): OwnLog {
    if (this.#closing || this.#own === undefined) throw this.#refusal()
    return this.#own
  }

  #refusal(): LogError {
    if (this.#closing) return closedError(this.path)
    return new LogError(
      'READ_ONLY',
      `${this.path}: the log was opened with readOnly: open it without to change it`,
      {
        path: this.path,
      },
    )
  }

  async #change<T>(work: (own: OwnLog) => Promise<T>): Promise<T> {
    const own = this.#writable
    try {
      return await work(own)
    } catch (error) {
      throw toLogError(error, this.path)
    }
  }
}
