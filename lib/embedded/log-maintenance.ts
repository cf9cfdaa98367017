/**
 * What a log does by itself while it is open: it tells its host how far it is on disk, and enforces retention; and
 * what is done to it as a whole, one thing at a time.
 */

import { type CleanableLog, cleanableRange } from '../log/cleanable-log.js'
import { type CompactionResult, compact } from '../log/compaction.js'
import { IoThrottle } from '../log/io-throttle.js'
import { enforceRetention, type RetainableLog, type RetentionSettings } from '../log/retention.js'
import type { SharedLog } from '../native/index.js'
import type { NativeLog, SegmentInfo } from '../native/types.js'
import { readScannedHeaders } from '../protocol/index.js'
import { clearInterval, setInterval } from '../time/index.js'
import { LogError, toLogError } from './log-error.js'
import type { LogHost } from './log-host.js'
import type { ResolvedLogOptions } from './log-options.js'
import type { OwnLogSource } from './log-source.js'

/** How `compact` keeps and bounds. */
export interface CompactOptions {
  /** Tombstones go when they have been in a compacted part of the log for so long (ms). Default 24 hours. */
  deleteRetentionMs?: number
  /** Memory for the map of the keys, 24 bytes each; with more keys the log is gone over again. Default 128 MiB. */
  keyMapBytes?: number
  signal?: AbortSignal
}

/** What a compaction has done. */
export interface CompactedLog {
  bytesRead: number
  bytesWritten: number
  recordsKept: number
}

/** Kafka's `segment.index.bytes` and `index.interval.bytes`. */
export const segmentIndexBytes = 10 << 20
export const indexIntervalBytes = 4_096

/** Batch headers looked at in one piece of work. */
const headersAtOnce = 4_096

export class LogMaintenance implements RetainableLog {
  readonly #native: NativeLog
  readonly #source: OwnLogSource
  readonly #host: LogHost
  readonly #options: ResolvedLogOptions
  readonly #unschedule: () => void
  readonly #shared: SharedLog | undefined
  readonly config: RetentionSettings
  #recoveryPoint: number
  #last: Promise<unknown> = Promise.resolve()
  #isDue = false
  /** Why the last round did not do all that it should; the next one tries again. */
  failure: LogError | undefined

  constructor(
    native: NativeLog,
    source: OwnLogSource,
    host: LogHost,
    options: ResolvedLogOptions,
    shared: SharedLog | undefined,
  ) {
    this.#native = native
    this.#shared = shared
    this.#source = source
    this.#host = host
    this.#options = options
    this.#recoveryPoint = host.recoveryPoint
    const { retentionMs, retentionBytes } = options
    this.config = { delete: true, retentionMs, retentionBytes }
    const schedule = host.schedule?.bind(host) ?? repeat
    this.#unschedule = schedule(() => this.run(), options.maintenanceIntervalMs)
  }

  /** A round, soon; never two at once. */
  run(): void {
    if (this.#isDue || this.#shared?.isFirst === false) return
    this.#isDue = true
    this.inTurn(() => this.#round()).catch(() => {})
  }

  async #round(): Promise<void> {
    this.#isDue = false
    try {
      await this.noteRecoveryPoint()
      await enforceRetention(this, Date.now())
      this.failure = undefined
    } catch (error) {
      this.failure = toLogError(error, this.#native.path)
    }
  }

  /** Resolves when what is under way is done; nothing begins any more. */
  async stop(): Promise<void> {
    this.#unschedule()
    this.#isDue = true
    await this.#last
  }

  /** What changes the log as a whole goes one after the other, over all handles that share it. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#alone(work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    await this.#shared?.acquire()
    try {
      return await work()
    } finally {
      this.#shared?.release()
    }
  }

  async writeRecoveryPoint(): Promise<void> {
    const { flushedOffset } = this.#native
    await this.#host.writeRecoveryPoint(flushedOffset)
    this.#recoveryPoint = flushedOffset
  }

  async noteRecoveryPoint(): Promise<void> {
    const { flushedOffset } = this.#native
    if (flushedOffset !== this.#recoveryPoint) await this.#host.noteRecoveryPoint(flushedOffset)
    this.#recoveryPoint = flushedOffset
  }

  /** Another handle may have raised it beyond what is known here: it is written in any case. */
  async lowerRecoveryPoint(offset: number): Promise<void> {
    await this.#host.writeRecoveryPoint(Math.min(offset, this.#native.flushedOffset))
    this.#recoveryPoint = offset
  }

  /** Raises the start, durably, and deletes the segments wholly below it. */
  async trim(before: number): Promise<void> {
    const active = this.#native.segments().at(-1)
    if (active && active.sizeInBytes > 0 && before === this.#native.logEndOffset) await this.#native.roll()
    this.raiseLogStartOffset(before)
    await this.deleteOldSegments()
  }

  async compact({
    deleteRetentionMs = 24 * 3_600_000,
    keyMapBytes = 128 << 20,
    signal,
  }: CompactOptions): Promise<CompactedLog> {
    const { native } = this.#source
    await native.roll()
    await native.flush()
    // A gap above the recovery point would be taken for a loss.
    await this.writeRecoveryPoint()
    const options = {
      keyMapBytes,
      throttle: new IoThrottle(() => Number.POSITIVE_INFINITY),
      signal: signal ?? new AbortController().signal,
      nowMs: Date.now(),
    }
    const total = { bytesRead: 0, bytesWritten: 0, recordsKept: 0 }
    let cleanedUpTo: number | undefined
    for (;;) {
      const range = await cleanableRange(this.#cleanable(deleteRetentionMs), cleanedUpTo, options.nowMs)
      if (range.firstDirtyOffset >= range.firstUncleanableOffset) return total
      const result: CompactionResult = await compact(range, options)
      total.bytesRead += result.bytesRead
      total.bytesWritten += result.bytesWritten
      total.recordsKept = result.recordsKept
      if (result.endOffset >= range.firstUncleanableOffset) return total
      cleanedUpTo = result.endOffset
    }
  }

  #cleanable(deleteRetentionMs: number): CleanableLog {
    const source = this.#source
    return {
      topic: 'log',
      partition: 0,
      config: {
        compact: true,
        deleteRetentionMs,
        minCleanableDirtyRatio: 0,
        minCompactionLagMs: 0,
        maxCompactionLagMs: Number.POSITIVE_INFINITY,
        segmentBytes: this.#options.segmentBytes,
        segmentIndexBytes,
        indexIntervalBytes,
      },
      isFailed: false,
      logStartOffset: source.startOffset,
      highWatermark: source.endOffset,
      lastStableOffset: source.endOffset,
      native: source.native,
      activeProducers: () => [],
      abortedTransactions: async (from, end) => {
        await refuseTransactions(source.native, from, end)
        return []
      },
    }
  }

  get highWatermark(): number {
    return this.#native.flushedOffset
  }

  get logEndOffset(): number {
    return this.#native.logEndOffset
  }

  get logStartOffset(): number {
    return this.#source.startOffset
  }

  segments(): readonly SegmentInfo[] {
    return this.#native.segments()
  }

  roll(): Promise<unknown> {
    return this.#native.roll()
  }

  checkTimestamps(belowMs: number): Promise<void> {
    return this.#native.checkTimestamps(belowMs)
  }

  raiseLogStartOffset(offset: number): boolean {
    if (offset <= this.#source.startOffset) return false
    this.#source.startOffset = offset
    return true
  }

  /** A segment goes when nobody can come to expect it again: the start that excludes it is on disk. */
  async deleteOldSegments(): Promise<number> {
    const { startOffset } = this.#source
    if (startOffset > this.#host.logStartOffset) {
      await this.#host.writeLogStartOffset(startOffset)
      await this.#native.publishStart(startOffset)
    }
    const second = this.#native.segments()[1]
    if (second === undefined || second.baseOffset > startOffset) return 0
    return this.#native.deleteSegmentsBefore(startOffset)
  }
}

function repeat(round: () => void, intervalMs: number): () => void {
  const timer = setInterval(round, intervalMs).unref()
  return () => clearInterval(timer)
}

/** Which records of a transaction count is known to the broker that wrote it alone. */
async function refuseTransactions(native: NativeLog, from: number, end: number): Promise<void> {
  for (let offset = from; offset < end; ) {
    const { count, headers, nextOffset } = await native.scanHeaders(offset, end, headersAtOnce)
    for (const { isTransactional } of readScannedHeaders(headers)) {
      if (!isTransactional) continue
      throw new LogError(
        'UNSUPPORTED_FORMAT',
        `${native.path} holds records of transactions: compact it by the broker that wrote them`,
        { path: native.path },
      )
    }
    if (count === 0 || nextOffset <= offset) return
    offset = nextOffset
  }
}
