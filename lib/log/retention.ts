/**
 * Retention: raises a log's start over the segments that are too old or too many, and deletes those that lie wholly
 * below it. Only whole sealed segments go; one that takes appends is sealed first when it has to go too.
 *
 * INVARIANT: nothing at or above the high watermark goes.
 */
import type { SegmentInfo } from '../native/types.js'

export interface RetentionSettings {
  /** `cleanup.policy` holds `delete`; without it only what DeleteRecords left behind goes. */
  readonly delete: boolean
  /** Infinity or negative: no bound. */
  readonly retentionMs: number
  readonly retentionBytes: number
}

/** A log that retention is enforced on. */
export interface RetainableLog {
  readonly config: RetentionSettings
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly logStartOffset: number
  /** Oldest first. */
  segments(): readonly SegmentInfo[]
  roll(): Promise<unknown>
  /** Of segments that seem to end below `belowMs`: makes sure that they do. */
  checkTimestamps(belowMs: number): Promise<void>
  raiseLogStartOffset(offset: number): boolean
  /** Deletes the sealed segments wholly below the log start offset; resolves with how many. */
  deleteOldSegments(): Promise<number>
}

/** Enforces retention once; resolves with the number of segments deleted. */
export async function enforceRetention(log: RetainableLog, nowMs: number): Promise<number> {
  if (log.config.delete) {
    // A segment's age comes from its index, which may be damaged.
    if (startByAge(log, nowMs) > log.logStartOffset) await log.checkTimestamps(nowMs - log.config.retentionMs)
    const start = Math.max(startByAge(log, nowMs), startBySize(log))
    const active = log.segments().at(-1)
    if (active && start > active.baseOffset) await log.roll()
    log.raiseLogStartOffset(start)
  }
  return log.deleteOldSegments()
}

/** Where the first segment begins that is young enough, below the high watermark. */
function startByAge(log: RetainableLog, nowMs: number): number {
  const { retentionMs } = log.config
  if (retentionMs < 0 || retentionMs === Number.POSITIVE_INFINITY) return log.logStartOffset
  return startAfter(log, (segment) => nowMs - timestampOf(segment) > retentionMs)
}

/** Where the log has to begin so that what stays is at least `retention.bytes`, and no segment more. */
function startBySize(log: RetainableLog): number {
  const { retentionBytes } = log.config
  if (retentionBytes < 0 || retentionBytes === Number.POSITIVE_INFINITY) return log.logStartOffset
  let excess = -retentionBytes
  for (const { sizeInBytes } of log.segments()) excess += sizeInBytes
  return startAfter(log, ({ sizeInBytes }) => {
    if (excess < sizeInBytes) return false
    excess -= sizeInBytes
    return true
  })
}

/** The end of the run of oldest segments that `goes` lets go. */
function startAfter(log: RetainableLog, goes: (segment: SegmentInfo) => boolean): number {
  const segments = log.segments()
  let start = log.logStartOffset
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.baseOffset ?? log.logEndOffset
    // A sealed segment without records is what compaction has left of one.
    const isEmpty = segment.active && segment.sizeInBytes === 0
    if (isEmpty || end > log.highWatermark || !goes(segment)) break
    start = Math.max(start, end)
  }
  return start
}

function timestampOf({ maxTimestampMs, lastModifiedMs }: SegmentInfo): number {
  return maxTimestampMs >= 0 ? maxTimestampMs : lastModifiedMs
}
