/**
 * A log as the cleaner sees it, and how far it can be cleaned: its clean part was cleaned before, its dirty part may
 * hold newer records of the same keys, and the rest must not be touched yet.
 */
import type { NativeLog, SegmentInfo } from '../native/types.js'
import { BatchHeader } from '../protocol/index.js'

export interface CompactionSettings {
  /** `cleanup.policy` holds `compact`. */
  readonly compact: boolean
  readonly deleteRetentionMs: number
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly maxCompactionLagMs: number
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
}

/** The last record of a producer that the log still remembers. */
export interface ActiveProducer {
  readonly producerId: number | bigint
  readonly lastOffset: number
}

/** A transaction whose records do not count: from its first batch to its marker. */
export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
}

/** A log that may be compacted. Properties are read anew for each cleaning. */
export interface CleanableLog {
  readonly topic: string
  readonly partition: number
  readonly config: CompactionSettings
  /** True where the log takes no more writes: it is left alone. */
  readonly isFailed: boolean
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly native: NativeLog
  activeProducers(): Iterable<ActiveProducer>
  /** The aborted transactions that reach into `from`–`end` (exclusive). */
  abortedTransactions(from: number, end: number): Promise<readonly AbortedRange[]>
}

/** What a cleaning of the log would cover. */
export interface CleanableRange {
  readonly log: CleanableLog
  /** Where the dirty part begins. */
  readonly firstDirtyOffset: number
  /** Base offset of the first segment that must stay as it is. */
  readonly firstUncleanableOffset: number
  readonly cleanBytes: number
  readonly dirtyBytes: number
  /** The oldest dirty record has waited longer than `max.compaction.lag.ms`. */
  readonly isOverdue: boolean
}

/** The dirty part's share of what a cleaning would read. */
export function dirtyRatio({ cleanBytes, dirtyBytes }: CleanableRange): number {
  const total = cleanBytes + dirtyBytes
  return total === 0 ? 0 : dirtyBytes / total
}

export function isDue(range: CleanableRange): boolean {
  if (range.dirtyBytes === 0) return false
  return range.isOverdue || dirtyRatio(range) > range.log.config.minCleanableDirtyRatio
}

/** `cleanedUpTo` is the checkpoint: the offset up to which the log was cleaned before. */
export async function cleanableRange(
  log: CleanableLog,
  cleanedUpTo: number | undefined,
  nowMs: number,
): Promise<CleanableRange> {
  const segments = log.native.segments()
  const firstDirtyOffset = dirtyStart(log, cleanedUpTo)
  const firstUncleanableOffset = uncleanableStart(log, segments, firstDirtyOffset, nowMs)
  let cleanBytes = 0
  let dirtyBytes = 0
  for (const [index, { baseOffset, sizeInBytes }] of segments.entries()) {
    if (baseOffset >= firstUncleanableOffset) break
    const end = segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY
    if (end > firstDirtyOffset) dirtyBytes += sizeInBytes
    else cleanBytes += sizeInBytes
  }
  const isOverdue = await hasWaitedTooLong(log, segments, firstDirtyOffset, firstUncleanableOffset, nowMs)
  return { log, firstDirtyOffset, firstUncleanableOffset, cleanBytes, dirtyBytes, isOverdue }
}

/** A checkpoint outside the log says nothing about it: then all of it is dirty. */
function dirtyStart(log: CleanableLog, cleanedUpTo: number | undefined): number {
  const isInLog =
    cleanedUpTo !== undefined && cleanedUpTo >= log.logStartOffset && cleanedUpTo <= log.native.logEndOffset
  return isInLog ? cleanedUpTo : log.logStartOffset
}

/** Base offset of the first segment that is active, not wholly stable, or too young. */
function uncleanableStart(
  log: CleanableLog,
  segments: readonly SegmentInfo[],
  firstDirtyOffset: number,
  nowMs: number,
): number {
  const stableEnd = Math.min(log.highWatermark, log.lastStableOffset)
  const youngest = nowMs - Math.max(log.config.minCompactionLagMs, 0)
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.baseOffset
    if (segment.active || end === undefined || end > stableEnd) return segment.baseOffset
    const isDirty = end > firstDirtyOffset
    const isYoung = log.config.minCompactionLagMs > 0 && timestampOf(segment) > youngest
    if (isDirty && isYoung) return segment.baseOffset
  }
  return segments.at(-1)?.baseOffset ?? 0
}

function timestampOf({ maxTimestampMs, lastModifiedMs }: SegmentInfo): number {
  return maxTimestampMs >= 0 ? maxTimestampMs : lastModifiedMs
}

async function hasWaitedTooLong(
  log: CleanableLog,
  segments: readonly SegmentInfo[],
  firstDirtyOffset: number,
  firstUncleanableOffset: number,
  nowMs: number,
): Promise<boolean> {
  const maxLagMs = Math.max(log.config.maxCompactionLagMs, 0)
  // Kafka's "never" is the largest int64.
  if (maxLagMs >= Number.MAX_SAFE_INTEGER) return false
  const oldest = nowMs - maxLagMs
  for (const [index, { baseOffset, sizeInBytes }] of segments.entries()) {
    if (baseOffset >= firstUncleanableOffset) return false
    const end = segments[index + 1]?.baseOffset ?? 0
    if (end <= firstDirtyOffset || sizeInBytes === 0) continue
    const { count, headers } = await log.native.scanHeaders(baseOffset, end, 1)
    if (count === 0) continue
    const maxTimestampMs = Number(new BatchHeader(headers).maxTimestamp)
    if (maxTimestampMs > 0 && maxTimestampMs < oldest) return true
  }
  return false
}
