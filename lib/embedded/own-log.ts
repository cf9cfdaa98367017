/**
 * A log that this handle writes: the writer, the maintenance and the state on disk behind the public interface.
 */

import { openLog, SharedLog } from '../native/index.js'
import type { LogSettings, NativeLog, OpenLogOptions } from '../native/types.js'
import { type LogError, toLogError } from './log-error.js'
import { LogFolder } from './log-folder.js'
import type { LogHost } from './log-host.js'
import {
  type CompactedLog,
  type CompactOptions,
  indexIntervalBytes,
  LogMaintenance,
  segmentIndexBytes,
} from './log-maintenance.js'
import {
  adoptOptions,
  type LogOptions,
  type ResolvedLogOptions,
  resolveOptions,
  sharedOptionsOf,
} from './log-options.js'
import { checkOffset, OwnLogSource } from './log-source.js'
import { finishTruncation, truncateLog } from './log-truncation.js'
import { LogWriter } from './log-writer.js'

const never = Number.POSITIVE_INFINITY

export class OwnLog {
  readonly native: NativeLog
  readonly options: ResolvedLogOptions
  readonly source: OwnLogSource
  readonly writer: LogWriter
  readonly maintenance: LogMaintenance
  readonly #host: LogHost
  readonly #shared: SharedLog | undefined
  failure: LogError | undefined

  private constructor(native: NativeLog, host: LogHost, options: ResolvedLogOptions, shared?: SharedLog) {
    this.native = native
    this.options = options
    this.#host = host
    this.#shared = shared
    const isFlushed = options.durability === 'fsync'
    const start = shared ?? { startOffset: Math.max(host.logStartOffset, native.firstSegmentOffset) }
    this.source = new OwnLogSource(native, start, isFlushed)
    this.writer = new LogWriter(native, { ...options, isFlushed })
    this.maintenance = new LogMaintenance(native, this.source, host, options, shared)
    native.onFlush = () => this.source.wake()
    native.onFailure = (error) => {
      this.failure = toLogError(Object.assign(error, { code: 'LOG_FAILED' }), native.path)
      this.writer.fail(this.failure)
    }
    native.onRoll = () => this.maintenance.run()
    native.onCut = () => {
      this.source.cuts++
      this.source.wake()
    }
    if (isFlushed) return
    this.writer.onAppended = () => this.source.wake()
    native.onAppended = () => this.source.wake()
  }

  /** A log whose state `host` keeps, for this handle alone. */
  static async openOn(path: string, host: LogHost, options: ResolvedLogOptions): Promise<OwnLog> {
    const native = await openLog(path, openOptionsOf(host, options))
    try {
      return await OwnLog.#opened(new OwnLog(native, host, options))
    } catch (error) {
      await native.close().catch(() => {})
      throw error
    }
  }

  /** The log of a folder, together with all handles of this process that have it open. */
  static async openShared(path: string, given: LogOptions): Promise<OwnLog> {
    const resolved = resolveOptions(given)
    const shared = new SharedLog(path)
    try {
      await shared.acquire()
      if (shared.note === undefined) return await OwnLog.#openFirst(path, shared, resolved)
      const options = adoptOptions(given, resolved, shared.note)
      shared.join()
      return new OwnLog(shared.native, LogFolder.joined(path, lockOf(shared)), options, shared)
    } catch (error) {
      shared.end()
      throw error
    } finally {
      shared.release()
    }
  }

  static async #openFirst(path: string, shared: SharedLog, options: ResolvedLogOptions): Promise<OwnLog> {
    let isOpen = false
    try {
      const folder = await LogFolder.open(path, async (lockPath) => {
        await shared.lockFolder(lockPath)
        return lockOf(shared)
      })
      const publish = options.durability === 'fsync' ? 'flushed' : 'written'
      await shared.open({ ...openOptionsOf(folder, options), publish })
      isOpen = true
      shared.startOffset = Math.max(folder.logStartOffset, shared.native.firstSegmentOffset)
      const own = await OwnLog.#opened(new OwnLog(shared.native, folder, options, shared))
      shared.share(sharedOptionsOf(options), publish === 'written')
      return own
    } catch (error) {
      if (isOpen) await shared.native.close().catch(() => {})
      shared.clear()
      throw error
    }
  }

  static async #opened(own: OwnLog): Promise<OwnLog> {
    try {
      await finishTruncation(own.native)
      await own.maintenance.noteRecoveryPoint()
      return own
    } catch (error) {
      await own.maintenance.stop()
      throw error
    }
  }

  async flush(): Promise<void> {
    await this.writer.handed()
    await this.native.flush()
  }

  truncate(to: number): Promise<void> {
    return this.maintenance.inTurn(() =>
      this.writer.whileIdle(() => {
        checkOffset(this.source, to, 'to')
        return truncateLog(this.native, to, (offset) => this.maintenance.lowerRecoveryPoint(offset))
      }),
    )
  }

  trim(before: number): Promise<void> {
    return this.maintenance.inTurn(async () => {
      checkOffset(this.source, before, 'before')
      await this.maintenance.trim(before)
    })
  }

  compact(options: CompactOptions): Promise<CompactedLog> {
    return this.maintenance.inTurn(() => this.maintenance.compact(options))
  }

  async close(): Promise<void> {
    await this.writer.drain()
    await this.maintenance.stop()
    this.source.isClosed = true
    this.source.wake()
    if (this.#shared) return this.#closeShared(this.#shared)
    await this.#closeLast()
  }

  async #closeShared(shared: SharedLog): Promise<void> {
    await shared.acquire()
    try {
      if (shared.leave() === 0) await this.#closeLast()
      else if (this.failure === undefined) await this.native.flush()
    } finally {
      shared.release()
      shared.end()
    }
  }

  async #closeLast(): Promise<void> {
    let isClean = this.failure === undefined
    try {
      await this.native.close()
    } catch (error) {
      isClean = false
      if (this.failure === undefined) throw error
    } finally {
      const { flushedOffset: recoveryPoint, sizeInBytes } = this.native
      const logStartOffset = this.source.startOffset
      await this.#host.closed({ isClean, recoveryPoint, logStartOffset, sizeInBytes })
    }
  }
}

function lockOf(shared: SharedLog): { release(): Promise<void> } {
  return { release: async () => shared.clear() }
}

function openOptionsOf(host: LogHost, options: ResolvedLogOptions): OpenLogOptions {
  const { recoveryPoint, cleanShutdown, logStartOffset } = host
  return { ...settingsOf(options), recoveryPoint, cleanShutdown, logStartOffset }
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
