/**
 * What the storage engine offers to TypeScript. The engine owns offsets, files and flush positions; whoever
 * calls it owns protocol state. Every call that may wait on a disk runs on an engine thread.
 *
 * Offsets, positions and timestamps are numbers within ±(2^53−1). Sizes are bytes, times are ms.
 */

/** How an engine call failed. Each maps to one Kafka error in the room that speaks the protocol. */
export type EngineErrorCode =
  /** CRC, length, magic or record structure does not check out. */
  | 'CORRUPT_BATCH'
  /** The batch is whole, but what it says is not allowed here (count, deltas, key missing in a compacted log). */
  | 'INVALID_RECORD'
  /** A timestamp lies outside the configured bounds. */
  | 'INVALID_TIMESTAMP'
  /** Larger than `maxMessageBytes`. */
  | 'BATCH_TOO_LARGE'
  /** An offset below the log start or above the log end. */
  | 'OFFSET_OUT_OF_RANGE'
  /** The stored bytes do not check out. */
  | 'CORRUPT_LOG'
  /** The disk is full. */
  | 'NO_SPACE'
  /** Any other system call failed; `errno` and `path` say which. */
  | 'IO'
  /** An earlier write or fsync failed; the log refuses writes until it is reopened. */
  | 'LOG_FAILED'
  /** An append that was submitted before this one was refused; this one's bytes are untouched: submit it again. */
  | 'PREVIOUS_REFUSED'
  /** The log was closed. */
  | 'CLOSED'
  /** Another process or handle holds the folder's lock. */
  | 'LOCKED'
  | 'INVALID_ARGUMENT'
  /** A segment goes on with record batches of another magic than 2: the log is not opened, and nothing is cut. */
  | 'UNSUPPORTED_FORMAT'

/** A failed engine call. */
export interface EngineErrorFields {
  readonly code: EngineErrorCode
  /** Linux errno, 0 where no system call failed. */
  readonly errno: number
  readonly path?: string
}

/** Settings of one log; `configure` replaces them while the log is open. */
export interface LogSettings {
  /** Roll when the active segment would pass this size (`segment.bytes`). */
  segmentBytes: number
  /** Roll when the active segment's first record is older than this (`segment.ms`, jitter already taken off). */
  segmentMs: number
  /** A sparse index entry about every so many bytes (`index.interval.bytes`). */
  indexIntervalBytes: number
  /** Size at which an index is full and forces a roll (`segment.index.bytes`). */
  segmentIndexBytes: number
  /** Largest batch accepted (`max.message.bytes`). */
  maxMessageBytes: number
  /** `LogAppendTime` overwrites maxTimestamp, sets the attribute bit and recomputes the CRC. */
  timestampType: 'CreateTime' | 'LogAppendTime'
  /** CreateTime bounds around now (`message.timestamp.before.max.ms` and `.after.max.ms`). */
  timestampBeforeMaxMs: number
  timestampAfterMaxMs: number
  /** Every record must have a key (compacted topics); uncompressed batches are checked by the engine. */
  requireKey: boolean
  /** fdatasync after so many records (`flush.messages`) or so much time (`flush.ms`); Infinity: never by itself. */
  flushMessages: number
  flushMs: number
}

export interface OpenLogOptions extends LogSettings {
  /**
   * Everything below this offset is on disk and needs no scan (from the recovery checkpoint); 0 scans it all. −1
   * where nothing is known of the log: a gap between two segments may be compaction's then, and is left alone.
   */
  recoveryPoint: number
  /** True after a clean stop: nothing is scanned. */
  cleanShutdown: boolean
  /** First offset that readers may see; records below it may still be on disk. */
  logStartOffset: number
  /**
   * What `followLog` in other processes is told of: records on disk, or all that were written. Nothing by default,
   * which spares a file and a write to it for each append or flush.
   */
  publish?: 'flushed' | 'written'
  /** Written into the folder of a log that has no segment yet, on disk before it has one. */
  firstFile?: { name: string; text: string }
}

/** What recovery found when a log was opened. */
export interface RecoveryReport {
  /** Bytes read to check batches. */
  scannedBytes: number
  /** Bytes of a torn or corrupt tail that were cut. */
  truncatedBytes: number
  /** Index files that were rebuilt. */
  rebuiltIndexes: number
}

export interface AppendOptions {
  leaderEpoch: number
  /**
   * `leader`: offsets are assigned, bounds are checked. `follower`: the batches carry their offsets and epochs.
   * `encoder`: one that this process encoded, without its CRC, which the engine computes; its records are not checked.
   */
  origin: 'leader' | 'follower' | 'coordinator' | 'encoder'
  /**
   * How many refused appends (any code but PREVIOUS_REFUSED) of this log the caller had seen when it submitted
   * this one. Each refusal raises the engine's own count by one; an append that comes with a lower count fails
   * with PREVIOUS_REFUSED, so that nothing is appended on the strength of a batch that was not.
   */
  refusalsSeen: number
  /**
   * Ask for an fdatasync as soon as the append is done. With `asked` the promise settles before, and `onFlush` tells
   * when it has happened; with `awaited` it settles when it has, and rejects LOG_FAILED where that fails.
   */
  flush: 'none' | 'asked' | 'awaited'
}

export interface AppendResult {
  /** Offset of the first and the last record appended. */
  baseOffset: number
  lastOffset: number
  /** The log's time under LogAppendTime, else −1. */
  logAppendTimeMs: number
  /** Largest timestamp among the records. */
  maxTimestampMs: number
}

/**
 * A run of bytes in a segment file: whole batches, but for the end, which may cut one. Holds the file open, also
 * after the segment was deleted, until `release` is called (or it is collected as garbage).
 */
export interface FileRange {
  readonly byteLength: number
  release(): void
}

export interface ReadOptions {
  /** Upper bound of the bytes returned, but for the first batch, which is returned whole when `minOneBatch` is set. */
  maxBytes: number
  minOneBatch: boolean
  /** Exclusive upper bound of the offsets returned: high watermark, last stable offset or log end. */
  maxOffset: number
}

export interface ReadResult {
  /** Null where there is nothing to read at this offset yet. */
  range: FileRange | null
  /** Base offset of the first batch in the range, −1 without one. */
  firstBatchOffset: number
  /** Bytes of the range, 0 without one. */
  byteLength: number
}

/** Consecutive whole batches whose CRCs were found right. */
export interface CheckedBatches {
  readonly bytes: Uint8Array
  /** Offset behind the last of them, −1 without one. */
  readonly nextOffset: number
  /** True where one of them is compressed. */
  readonly isCompressed: boolean
}

/** Packed headers of consecutive batches: 61 bytes each, as on disk. */
export interface BatchHeaders {
  count: number
  headers: Uint8Array
  /** Offset to continue from; equals `to` (or the log end) when the walk is done. */
  nextOffset: number
}

export interface SegmentInfo {
  baseOffset: number
  sizeInBytes: number
  /** −1 when the segment is empty. */
  maxTimestampMs: number
  /** Last offset of the first batch that has the largest timestamp, −1 when empty. */
  maxTimestampOffset: number
  lastModifiedMs: number
  /** True for the segment that takes appends. */
  active: boolean
}

/** One log: the segments of a partition. All methods may be called while others are under way. */
export interface NativeLog {
  readonly path: string
  readonly recovery: RecoveryReport
  /** First offset of the first segment; not the log start offset, which the owner keeps. */
  readonly firstSegmentOffset: number
  /** Offset the next record gets; rises when an append has reached the page cache. */
  readonly logEndOffset: number
  /** All below it is on disk. */
  readonly flushedOffset: number
  readonly sizeInBytes: number

  /**
   * Appends the batches in `bytes` (one or more, whole). Submissions complete in order; when one fails for the
   * disk's sake all that were submitted after it fail too. The bytes are written to (base offset, leader epoch,
   * timestamps) and must not be touched until the promise settles.
   */
  append(bytes: Uint8Array, options: AppendOptions): Promise<AppendResult>
  /** Called on the event loop whenever `flushedOffset` has risen. One listener. */
  onFlush: ((flushedOffset: number) => void) | undefined
  /** Called once when the log fails (disk full, I/O error, failed fsync). One listener. */
  onFailure: ((error: Error & EngineErrorFields) => void) | undefined
  /** Called after a roll with the base offset of the new active segment. One listener. */
  onRoll: ((baseOffset: number) => void) | undefined

  /** Resolves when all that was appended before the call is on disk. Batched with other logs' flushes. */
  flush(): Promise<number>
  /**
   * Turns an offset into a file range. Answers at once where the look-up cannot wait on a disk, else by promise.
   * Throws or rejects OFFSET_OUT_OF_RANGE below the first segment or above the log end.
   */
  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult>
  /** The same as bytes in memory. */
  readBytes(offset: number, options: ReadOptions): Promise<Uint8Array>
  /**
   * Whole batches in memory, those of them that end below `maxOffset`; none where there is nothing to read. Rejects
   * CORRUPT_LOG where a batch does not check out, its CRC included.
   */
  readBatches(offset: number, options: ReadOptions): Promise<CheckedBatches>
  /** Headers of the batches from the one that holds `from` up to `to` (exclusive). */
  scanHeaders(from: number, to: number, maxBatches: number): Promise<BatchHeaders>
  /** First batch whose maxTimestamp is at least `timestampMs`: its base offset, or −1. */
  findBatchByTimestamp(timestampMs: number, fromOffset: number): Promise<number>
  /**
   * Makes sure that no segment's `maxTimestampMs` is below `belowMs` only because its time index is damaged. Before
   * segments are deleted by their age.
   */
  checkTimestamps(belowMs: number): Promise<void>

  segments(): SegmentInfo[]
  /** Seals the active segment and starts a new one; nothing happens when it is empty. Resolves with its base offset. */
  roll(): Promise<number>
  /** Deletes whole sealed segments whose records all lie below `offset`; resolves with how many. */
  deleteSegmentsBefore(offset: number): Promise<number>
  /**
   * Removes all batches that reach `offset`: the log ends where the batch that holds it began. REQUIRES: a
   * recovery point past the new end was lowered durably, before `reset` to 0.
   */
  truncate(offset: number): Promise<void>
  /**
   * Flushes what was appended, cuts the log at `offset`, and puts `kept` there (whole batches from that offset on, or
   * nothing), flushed; nothing is appended in between. The bytes must not be touched until the promise settles.
   */
  replaceEnd(offset: number, kept: Uint8Array): Promise<void>
  /** Called when `replaceEnd` has cut the log. One listener. */
  onCut: ((endOffset: number) => void) | undefined
  /** Called when another handle of a shared log has appended, if it was shared so. One listener. */
  onAppended: ((endOffset: number) => void) | undefined
  /** Tells those who follow the log in other processes where it starts. Only with `publish`. */
  publishStart(offset: number): Promise<void>
  /** Removes everything and starts anew at `offset`. */
  reset(offset: number): Promise<void>
  /**
   * Swaps `cleaned` (written beside the log with suffix `.cleaned`) in for the sealed segments that it replaces,
   * by way of `.swap`, so that a crash at any rename leaves the old or the new ones.
   */
  replaceSegments(cleanedBaseOffsets: number[], replacedBaseOffsets: number[]): Promise<void>
  configure(settings: LogSettings): void
  /** Waits for what was submitted, flushes, releases files. */
  close(): Promise<void>
  /** Closes, then renames the folder to `NAME.UUID-delete` and removes it in the background. */
  remove(): Promise<void>
}

/** What is known of a log that another process writes. */
export interface FollowedLogState {
  /** What its writer says, 0 where it says nothing. */
  readonly logStartOffset: number
  /** Raised when the log's end was cut. */
  readonly cuts: number
  /** Its writer says how far it may be read. Else it may be read as far as its batches are whole. */
  readonly isPublished: boolean
}

/** A log that another process writes, read without its lock; `native` takes no calls that change it. */
export interface FollowedLog {
  readonly native: NativeLog
  /** Looks up what the log holds by now: in new segments, and without those that are gone, only with `segmentsToo`. */
  refresh(segmentsToo: boolean): Promise<FollowedLogState>
}

/** The file layer, for all that is written below a data folder outside of segments. Runs on engine threads. */
export interface Files {
  /** Writes beside, fsyncs, renames over, fsyncs the folder. */
  writeAtomically(path: string, bytes: Uint8Array): Promise<void>
  read(path: string): Promise<Uint8Array>
  /** With the parents that are missing; durable. No error when it is there. */
  makeFolder(path: string): Promise<void>
  remove(path: string): Promise<void>
  /** With all that is in it. */
  removeFolder(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  syncFolder(path: string): Promise<void>
  /** Takes an F_OFD_SETLK write lock on `path` (created if absent); rejects LOCKED when another holds it. */
  lock(path: string): Promise<FileLock>
}

export interface FileLock {
  release(): Promise<void>
}
