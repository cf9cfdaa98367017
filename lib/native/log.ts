/**
 * NativeLog on the addon: turns calls into operations and completions into promises.
 */
import { randomUUID } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import type { LogHandle } from './binding.js'
import { binding } from './binding.js'
import type { LogListener } from './completions.js'
import * as completions from './completions.js'
import { engineError } from './errors.js'
import type {
  AppendOptions,
  AppendResult,
  BatchHeaders,
  CheckedBatches,
  EngineErrorFields,
  FileRange,
  FollowedLog,
  FollowedLogState,
  LogSettings,
  NativeLog,
  OpenLogOptions,
  ReadOptions,
  ReadResult,
  RecoveryReport,
  SegmentInfo,
} from './types.js'

const { numbers, scratch, VALUE } = completions

/** The order of BatchOrigin in the engine. */
const origins = { leader: 0, coordinator: 1, follower: 2, encoder: 3 } as const

/** The order of Flush in the engine. */
const flushes = { none: 0, asked: 1, awaited: 2 } as const

const NOTHING: ReadResult = Object.freeze({ range: null, firstBatchOffset: -1, byteLength: 0 })

const nothing = (): undefined => undefined
const firstValue = (at: number): number => numbers[at + VALUE]!

function readResult(at: number, payload: unknown): ReadResult {
  if (!payload) return NOTHING
  return {
    range: payload as FileRange,
    firstBatchOffset: numbers[at + VALUE]!,
    byteLength: numbers[at + VALUE + 1]!,
  }
}

/** As Kafka names a folder that is being removed: cut to what a file system takes as a name. */
function deletedName(name: string): string {
  const suffix = `.${randomUUID().replaceAll('-', '')}-delete`
  return name.slice(0, 255 - suffix.length) + suffix
}

/** An append on its way. Holds the bytes, which the engine uses until the completion. */
class Append implements completions.Operation {
  readonly bytes: Uint8Array
  readonly resolve: (result: AppendResult) => void
  readonly fail: (error: Error) => void

  constructor(bytes: Uint8Array, resolve: (result: AppendResult) => void, reject: (error: Error) => void) {
    this.bytes = bytes
    this.resolve = resolve
    this.fail = reject
  }

  succeed(at: number): void {
    this.resolve({
      baseOffset: numbers[at + VALUE]!,
      lastOffset: numbers[at + VALUE + 1]!,
      logAppendTimeMs: numbers[at + VALUE + 2]!,
      maxTimestampMs: numbers[at + VALUE + 3]!,
    })
  }
}

export class Log implements NativeLog, LogListener {
  readonly path: string
  recovery: RecoveryReport = { scannedBytes: 0, truncatedBytes: 0, rebuiltIndexes: 0 }
  onFlush: ((flushedOffset: number) => void) | undefined
  onFailure: ((error: Error & EngineErrorFields) => void) | undefined
  onRoll: ((baseOffset: number) => void) | undefined
  onCut: ((endOffset: number) => void) | undefined
  onAppended: ((endOffset: number) => void) | undefined
  readonly #id: number
  readonly #handle: LogHandle
  readonly #isShared: boolean

  /** `share` is given the handle of a log that handles of this process share. */
  constructor(path: string, share?: (handle: LogHandle) => void) {
    this.path = path
    this.#id = completions.addListener(() => this)
    this.#handle = new binding.Log(this.#id, path, share !== undefined)
    this.#isShared = share !== undefined
    share?.(this.#handle)
  }

  /** Nothing is heard of the log any more. */
  forget(): void {
    completions.removeListener(this.#id)
  }

  get firstSegmentOffset(): number {
    return this.#handle.firstSegmentOffset
  }
  get logEndOffset(): number {
    return this.#handle.logEndOffset
  }
  get flushedOffset(): number {
    return this.#handle.flushedOffset
  }
  get sizeInBytes(): number {
    return this.#handle.sizeInBytes
  }

  flushed(offset: number): void {
    this.onFlush?.(offset)
  }
  failed(error: Error): void {
    this.onFailure?.(error as Error & EngineErrorFields)
  }
  rolled(baseOffset: number): void {
    this.onRoll?.(baseOffset)
  }

  appended(endOffset: number): void {
    this.onAppended?.(endOffset)
  }
  cut(endOffset: number): void {
    this.onCut?.(endOffset)
  }

  async open(options: OpenLogOptions): Promise<void> {
    try {
      this.recovery = await completions.run(
        (id) => this.#handle.open(id, options),
        (at) => ({
          scannedBytes: numbers[at + VALUE]!,
          truncatedBytes: numbers[at + VALUE + 1]!,
          rebuiltIndexes: numbers[at + VALUE + 2]!,
        }),
      )
    } catch (error) {
      if (!this.#isShared) this.forget()
      throw error
    }
  }

  append(bytes: Uint8Array, options: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const id = completions.begin(new Append(bytes, resolve, reject))
      this.#handle.append(
        id,
        bytes,
        options.leaderEpoch,
        origins[options.origin],
        flushes[options.flush],
        options.refusalsSeen,
      )
    })
  }

  flush(): Promise<number> {
    return completions.run((id) => this.#handle.flush(id), firstValue)
  }

  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    const { maxBytes, minOneBatch, maxOffset } = options
    const id = completions.nextOperation()
    const answer = this.#handle.read(id, offset, maxBytes, minOneBatch, maxOffset)
    if (answer === null) return NOTHING
    if (typeof answer === 'number') throw engineError(answer, 0, this.path)
    if (answer !== undefined) {
      return { range: answer, firstBatchOffset: scratch[0]!, byteLength: scratch[1]! }
    }
    return new Promise((resolve, reject) => {
      completions.begin({
        succeed: (at, payload) => resolve(readResult(at, payload)),
        fail: reject,
      })
    })
  }

  readBytes(offset: number, options: ReadOptions): Promise<Uint8Array> {
    const { maxBytes, minOneBatch, maxOffset } = options
    return completions.run(
      (id) => this.#handle.readBytes(id, offset, maxBytes, minOneBatch, maxOffset),
      (_at, payload) => payload as Uint8Array,
    )
  }

  readBatches(offset: number, options: ReadOptions): Promise<CheckedBatches> {
    const { maxBytes, minOneBatch, maxOffset } = options
    return completions.run(
      (id) => this.#handle.readBatches(id, offset, maxBytes, minOneBatch, maxOffset),
      (at, payload) => ({
        bytes: payload as Uint8Array,
        nextOffset: numbers[at + VALUE]!,
        isCompressed: numbers[at + VALUE + 1] === 1,
      }),
    )
  }

  scanHeaders(from: number, to: number, maxBatches: number): Promise<BatchHeaders> {
    return completions.run(
      (id) => this.#handle.scanHeaders(id, from, to, maxBatches),
      (at, payload) => ({
        count: numbers[at + VALUE]!,
        headers: payload as Uint8Array,
        nextOffset: numbers[at + VALUE + 1]!,
      }),
    )
  }

  findBatchByTimestamp(timestampMs: number, fromOffset: number): Promise<number> {
    return completions.run((id) => this.#handle.findByTimestamp(id, timestampMs, fromOffset), firstValue)
  }

  checkTimestamps(belowMs: number): Promise<void> {
    return completions.run((id) => this.#handle.checkTimestamps(id, belowMs), nothing)
  }

  segments(): SegmentInfo[] {
    const packed = this.#handle.segments()
    const segments: SegmentInfo[] = []
    for (let at = 0; at < packed.length; at += 6) {
      segments.push({
        baseOffset: packed[at]!,
        sizeInBytes: packed[at + 1]!,
        maxTimestampMs: packed[at + 2]!,
        maxTimestampOffset: packed[at + 3]!,
        lastModifiedMs: packed[at + 4]!,
        active: packed[at + 5] === 1,
      })
    }
    return segments
  }

  roll(): Promise<number> {
    return completions.run((id) => this.#handle.roll(id), firstValue)
  }

  deleteSegmentsBefore(offset: number): Promise<number> {
    return completions.run((id) => this.#handle.deleteSegmentsBefore(id, offset), firstValue)
  }

  truncate(offset: number): Promise<void> {
    return completions.run((id) => this.#handle.truncate(id, offset), nothing)
  }

  replaceEnd(offset: number, kept: Uint8Array): Promise<void> {
    return completions.run((id) => this.#handle.replaceEnd(id, offset, kept), nothing, kept)
  }

  publishStart(offset: number): Promise<void> {
    return completions.run((id) => this.#handle.publishStart(id, offset), nothing)
  }

  refresh(segmentsToo: boolean): Promise<FollowedLogState> {
    return completions.run(
      (id) => this.#handle.refresh(id, segmentsToo),
      (at) => ({
        logStartOffset: numbers[at + VALUE]!,
        cuts: numbers[at + VALUE + 1]!,
        isPublished: numbers[at + VALUE + 2] === 1,
      }),
    )
  }

  reset(offset: number): Promise<void> {
    return completions.run((id) => this.#handle.reset(id, offset), nothing)
  }

  replaceSegments(cleanedBaseOffsets: number[], replacedBaseOffsets: number[]): Promise<void> {
    return completions.run(
      (id) => this.#handle.replaceSegments(id, cleanedBaseOffsets, replacedBaseOffsets),
      nothing,
    )
  }

  configure(settings: LogSettings): void {
    this.#handle.configure(settings)
  }

  async close(): Promise<void> {
    try {
      await completions.run((id) => this.#handle.close(id), nothing)
    } finally {
      completions.removeListener(this.#id)
    }
  }

  async remove(): Promise<void> {
    const renamed = join(dirname(this.path), deletedName(basename(this.path)))
    try {
      await completions.run((id) => this.#handle.remove(id, renamed), nothing)
    } finally {
      completions.removeListener(this.#id)
    }
  }
}

/** Opens the log in folder `path`, which is made if it is not there, and recovers what needs to be. */
export async function openLog(path: string, options: OpenLogOptions): Promise<NativeLog> {
  const log = new Log(path)
  await log.open(options)
  return log
}

/** Reads the log in folder `path` beside whoever writes it. Nothing is looked up before the first `refresh`. */
export function followLog(path: string): FollowedLog {
  const log = new Log(path)
  return { native: log, refresh: (segmentsToo) => log.refresh(segmentsToo) }
}
