/** A compacted log on disk, what is in it, and a cleaner for it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import type {
  AbortedRange,
  ActiveProducer,
  CleanableLog,
  CompactionSettings,
} from '../../lib/log/cleanable-log.js'
import { addon } from '../../lib/native/addon.js'
import { files, type LogSettings, type NativeLog, openLog } from '../../lib/native/index.js'
import {
  type BatchHeader,
  type BatchInput,
  type CompressionName,
  type ControlType,
  decodeBatch,
  encodeCompressedBatch,
  encodeEndTransactionMarker,
  type LogRecord,
  readBatchHeader,
} from '../../lib/protocol/index.js'
import { type CleanerSettings, LogCleaner } from '../../lib/storage/cleaner.js'

const never = Number.POSITIVE_INFINITY

const settings: LogSettings = {
  segmentBytes: 1 << 20,
  segmentMs: never,
  indexIntervalBytes: 512,
  segmentIndexBytes: 10 << 20,
  maxMessageBytes: 4 << 20,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: never,
  timestampAfterMaxMs: never,
  requireKey: true,
  flushMessages: never,
  flushMs: never,
}

export interface Kept {
  offset: number
  key: string
  /** Null: a tombstone. */
  value: string | null
  timestamp: number
}

export class CompactedLog implements CleanableLog {
  readonly topic = 'users'
  readonly partition: number
  config: CompactionSettings
  isFailed = false
  logStartOffset = 0
  /** What readers may see; the log's end while undefined. */
  stableOffset: number | undefined
  producers: ActiveProducer[] = []
  aborted: AbortedRange[] = []
  native: NativeLog

  private constructor(partition: number, native: NativeLog, config: CompactionSettings) {
    this.partition = partition
    this.native = native
    this.config = config
  }

  static async open(
    t: ExecutionContext,
    folder: string,
    overrides: Partial<CompactionSettings> = {},
    partition = 0,
  ): Promise<CompactedLog> {
    const native = await openNative(folder, partition, overrides.segmentBytes)
    const log = new CompactedLog(partition, native, {
      compact: true,
      deleteRetentionMs: 1_000,
      minCleanableDirtyRatio: 0,
      minCompactionLagMs: 0,
      maxCompactionLagMs: never,
      segmentBytes: settings.segmentBytes,
      segmentIndexBytes: settings.segmentIndexBytes,
      indexIntervalBytes: settings.indexIntervalBytes,
      ...overrides,
    })
    t.teardown(() => log.native.close().catch(() => {}))
    return log
  }

  get highWatermark(): number {
    return this.stableOffset ?? this.native.logEndOffset
  }

  get lastStableOffset(): number {
    return this.highWatermark
  }

  activeProducers(): Iterable<ActiveProducer> {
    return this.producers
  }

  async abortedTransactions(from: number, end: number): Promise<readonly AbortedRange[]> {
    return this.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < end)
  }

  /** Appends a batch of `[key, value]`; a null value is a tombstone. */
  async write(
    records: readonly (readonly [key: string, value: string | null])[],
    { timestamp = 1_000, compression = 'none' as CompressionName, ...batch }: BatchOptions = {},
  ): Promise<void> {
    const bytes = await encodeCompressedBatch(
      {
        ...batch,
        records: records.map(([key, value]) => ({
          timestamp,
          key: Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
        })),
      },
      compression,
    )
    await this.native.append(bytes, { leaderEpoch: 3, origin: 'leader', refusalsSeen: 0, flush: 'none' })
  }

  /** Appends the marker that ends the producer's transaction. */
  async end(type: ControlType, producerId: number): Promise<void> {
    const marker = encodeEndTransactionMarker(type, 0, { producerId, producerEpoch: 0, timestamp: 1_000 })
    await this.native.append(marker, {
      leaderEpoch: 3,
      origin: 'coordinator',
      refusalsSeen: 0,
      flush: 'none',
    })
  }

  /** Seals what is there, so that it can be cleaned. */
  async roll(): Promise<void> {
    await this.native.roll()
  }

  /** Closes the log and opens it as after a crash. */
  async reopen(): Promise<void> {
    await this.native.close().catch(() => {})
    this.native = await openNative(join(this.native.path, '..'), this.partition, this.config.segmentBytes)
  }

  async batches(): Promise<{ header: BatchHeader; records: LogRecord[] }[]> {
    const batches: { header: BatchHeader; records: LogRecord[] }[] = []
    let offset = this.native.firstSegmentOffset
    while (offset < this.native.logEndOffset) {
      const bytes = await this.native.readBytes(offset, {
        maxBytes: 1 << 16,
        minOneBatch: true,
        maxOffset: never,
      })
      let at = 0
      while (at + 61 <= bytes.length && at + readBatchHeader(bytes, at).sizeInBytes <= bytes.length) {
        const header = readBatchHeader(bytes, at)
        batches.push({ header, records: (await decodeBatch(bytes, at, 1 << 26)).records })
        offset = Number(header.baseOffset) + header.lastOffsetDelta + 1
        at += header.sizeInBytes
      }
      if (at === 0) break
    }
    return batches
  }

  async records(): Promise<Kept[]> {
    const kept: Kept[] = []
    for (const { header, records } of await this.batches()) {
      if (header.isControl) continue
      for (const { offset, key, value, timestamp } of records) {
        kept.push({
          offset,
          key: Buffer.from(key!).toString(),
          value: value === null ? null : Buffer.from(value).toString(),
          timestamp: Number(timestamp),
        })
      }
    }
    return kept
  }

  /** `key=value@offset`, a tombstone as `key@offset`. */
  async contents(): Promise<string[]> {
    return (await this.records()).map(
      ({ key, value, offset }) => `${key}${value === null ? '' : `=${value}`}@${offset}`,
    )
  }
}

export interface BatchOptions extends Omit<BatchInput, 'records'> {
  timestamp?: number
  compression?: CompressionName
}

function openNative(folder: string, partition: number, segmentBytes = settings.segmentBytes) {
  return openLog(join(folder, `users-${partition}`), {
    ...settings,
    segmentBytes,
    recoveryPoint: 0,
    cleanShutdown: false,
    logStartOffset: 0,
  })
}

export interface Clock {
  nowMs: number
}

export async function openCleaner(
  t: ExecutionContext,
  dataDir: string,
  logs: readonly CleanableLog[],
  overrides: Partial<CleanerSettings> = {},
  clock: Clock = { nowMs: 10_000 },
): Promise<LogCleaner> {
  const cleaner = await LogCleaner.open({
    dataDir,
    files,
    settings: { backoffMs: 10, dedupeBufferSize: 1 << 20, ioMaxBytesPerSecond: never, ...overrides },
    logs: () => logs,
    log: pino({ level: 'silent' }),
    now: () => clock.nowMs,
  })
  t.teardown(() => cleaner.close())
  return cleaner
}

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-cleaner-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface FileFault {
  operation: 'open' | 'read' | 'write' | 'sync' | 'truncate' | 'rename' | 'unlink' | 'syncFolder'
  path: string
  after?: number
  times?: number
  errno: number
}

/** Process-wide: tests that use it run one after the other. */
export function setFaults(faults: FileFault[]): void {
  ;(addon as { setFaults(faults: FileFault[]): void }).setFaults(faults)
}
