/**
 * A log that this handle writes: the writer, the maintenance and the state on disk behind the public interface.
 */
import { openLog } from '../native/index.js'
import type { LogSettings, NativeLog } from '../native/types.js'
import { type LogError, toLogError } from './log-error.js'
import type { LogHost } from './log-host.js'
import {
  type CompactedLog,
  type CompactOptions,
  indexIntervalBytes,
  LogMaintenance,
  segmentIndexBytes,
} from './log-maintenance.js'
import type { ResolvedLogOptions } from './log-options.js'
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
  failure: LogError | undefined

  private constructor(native: NativeLog, host: LogHost, options: ResolvedLogOptions) {
    this.native = native
    this.options = options
    this.#host = host
    const isFlushed = options.durability === 'fsync'
    const startOffset = Math.max(host.logStartOffset, native.firstSegmentOffset)
    this.source = new OwnLogSource(native, startOffset, isFlushed)
    this.writer = new LogWriter(native, { ...options, isFlushed })
    this.maintenance = new LogMaintenance(native, this.source, host, options)
    native.onFlush = (offset) => {
      this.writer.flushed(offset)
      this.source.wake()
    }
    native.onFailure = (error) => {
      this.failure = toLogError(Object.assign(error, { code: 'LOG_FAILED' }), native.path)
      this.writer.fail(this.failure)
    }
    native.onRoll = () => this.maintenance.run()
    native.onCut = () => {
      this.source.cuts++
      this.source.wake()
    }
    if (!isFlushed) this.writer.onAppended = () => this.source.wake()
  }

  static async open(
    path: string,
    host: LogHost,
    options: ResolvedLogOptions,
    isPublished: boolean,
  ): Promise<OwnLog> {
    const { recoveryPoint, cleanShutdown, logStartOffset } = host
    const publish = options.durability === 'fsync' ? 'flushed' : 'written'
    const native = await openLog(path, {
      ...settingsOf(options),
      recoveryPoint,
      cleanShutdown,
      logStartOffset,
      publish: isPublished ? publish : undefined,
    })
    try {
      await finishTruncation(native)
      const own = new OwnLog(native, host, options)
      await own.maintenance.noteRecoveryPoint()
      return own
    } catch (error) {
      await native.close().catch(() => {})
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
