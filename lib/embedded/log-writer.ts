/**
 * The way of records into a log: calls are gathered into batches while earlier ones are under way.
 *
 * Order: records lie in the log in the order of the calls of one writer. Calls of the same turn of the event loop, and
 * those that come while a batch is under way, share the next batch, up to `maxBatchBytes`; a full one goes out beside
 * those that are under way.
 *
 * Durability: with `isFlushed` a call's promise resolves when its records are on disk, else when they are in the page
 * cache. A call is one batch or part of one: after a crash all of its records are there, or none.
 */
import type { AppendResult, NativeLog } from '../native/types.js'
import {
  BATCH_MAGIC,
  BatchField,
  type CompressionName,
  CorruptBatchError,
  compress,
  readBatches,
} from '../protocol/index.js'
import { BatchEncoder } from './batch-encoder.js'
import { bufferPool } from './buffer-pool.js'
import { LogError, toLogError } from './log-error.js'
import type { AppendedOffsets, RecordInput } from './log-record.js'

export interface LogWriterOptions {
  /** Appends resolve when they are on disk. */
  readonly isFlushed: boolean
  readonly compression: CompressionName
  readonly maxBatchBytes: number
  readonly maxPendingBytes: number
  readonly requireKeys: boolean
}

/** Batches that go out beside others because they are full. Two keep the encoder and the disk busy. */
const maxFullUnderWay = 4

/** Refusals are the caller's to see; an append behind a refused one does not rest on it. */
const refusalsSeen = Number.MAX_SAFE_INTEGER

/** The promise of a call, for records `first` to `last` of its batch. */
interface Call {
  readonly first: number
  readonly last: number
  resolve(offsets: AppendedOffsets): void
  reject(error: Error): void
}

/** What goes to the engine at once. */
interface Outgoing {
  readonly encoder?: BatchEncoder
  /** Encoded batches of `appendBatch`. */
  readonly bytes?: Uint8Array
  readonly calls: readonly Call[]
  readonly sizeInBytes: number
}

export class LogWriter {
  readonly #native: NativeLog
  readonly #options: LogWriterOptions
  #open: BatchEncoder | undefined
  #openCalls: Call[] = []
  readonly #full: Outgoing[] = []
  #submitted: Promise<unknown> = Promise.resolve()
  #underWay = 0
  #pendingBytes = 0
  #isScheduled = false
  #isHeld = false
  /** Outgoing ones since the log was opened: cut off, and handed to the engine. */
  #sealed = 0
  #handed = 0
  #failure: LogError | undefined
  readonly #waiting: (() => void)[] = []
  /** Called when records have reached the page cache. */
  onAppended: (() => void) | undefined

  constructor(native: NativeLog, options: LogWriterOptions) {
    this.#native = native
    this.#options = options
  }

  /** Bytes that were taken and are not written (or flushed) yet. */
  get pendingBytes(): number {
    return this.#pendingBytes + (this.#open?.sizeInBytes ?? 0)
  }

  /** Resolves when less than half of `maxPendingBytes` is pending. */
  async ready(): Promise<void> {
    while (this.pendingBytes > this.#options.maxPendingBytes / 2) await this.#progress()
  }

  /** Resolves when nothing is pending. Failures are told to those who appended. */
  async drain(): Promise<void> {
    while (this.#underWay > 0 || this.#full.length > 0 || this.#open !== undefined) await this.#progress()
  }

  /** Resolves when the engine has all that was appended before the call. */
  async handed(): Promise<void> {
    this.#seal()
    this.#schedule()
    const sealed = this.#sealed
    while (this.#handed < sealed) await this.#progress()
  }

  /** Runs `work` while nothing is under way; appends wait. REQUIRES: one at a time. */
  async whileIdle<T>(work: () => Promise<T>): Promise<T> {
    this.#isHeld = true
    try {
      while (this.#underWay > 0) await this.#progress()
      return await work()
    } finally {
      this.#isHeld = false
      this.#schedule()
    }
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  append(records: RecordInput | readonly RecordInput[]): Promise<AppendedOffsets> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenFull()
      if (Array.isArray(records) && records.length === 0) {
        throw new LogError('INVALID_RECORD', 'no records to append: give one at least')
      }
      let encoder = this.#encoder()
      let first = encoder.count
      if (!this.#add(encoder, records)) {
        if (first === 0) throw this.#tooLarge()
        this.#seal()
        encoder = this.#encoder()
        first = 0
        if (!this.#add(encoder, records)) throw this.#tooLarge()
      }
      this.#openCalls.push({ first, last: encoder.count - 1, resolve, reject })
      if (encoder.sizeInBytes >= this.#options.maxBatchBytes) this.#seal()
      this.#schedule()
    })
  }

  /** An encoder without records, of a call that was refused, stays for the next. */
  #add(encoder: BatchEncoder, records: RecordInput | readonly RecordInput[]): boolean {
    let isAdded = false
    try {
      isAdded = encoder.add(records)
    } finally {
      if (!isAdded && encoder.count === 0) this.#discard()
    }
    return isAdded
  }

  /** `bytes` must not be used by the caller any more. */
  appendBatch(bytes: Uint8Array): Promise<AppendedOffsets> {
    return new Promise((resolve, reject) => {
      this.#refuseWhenFull()
      this.#seal()
      const call = { first: 0, last: -1, resolve, reject }
      this.#push({ bytes, calls: [call], sizeInBytes: bytes.length })
      this.#schedule()
    })
  }

  /** The log has failed: it takes no more. */
  fail(error: LogError): void {
    this.#failure ??= error
  }

  #refuseWhenFull(): void {
    if (this.#failure) throw this.#failure
    if (this.pendingBytes <= this.#options.maxPendingBytes) return
    throw new LogError(
      'BACKPRESSURE',
      `${this.pendingBytes} bytes wait to be written, more than maxPendingBytes: await earlier appends, or ready()`,
    )
  }

  #tooLarge(): LogError {
    return new LogError(
      'RECORD_TOO_LARGE',
      `the records of one call take more than maxBatchBytes (${this.#options.maxBatchBytes}): append fewer at once, or raise it`,
    )
  }

  #encoder(): BatchEncoder {
    this.#open ??= new BatchEncoder(bufferPool, this.#options.maxBatchBytes, this.#options.requireKeys)
    return this.#open
  }

  #discard(): void {
    this.#open?.release()
    this.#open = undefined
  }

  /** The open batch takes no more. */
  #seal(): void {
    const encoder = this.#open
    if (encoder === undefined || encoder.count === 0) return
    this.#push({ encoder, calls: this.#openCalls, sizeInBytes: encoder.sizeInBytes })
    this.#open = undefined
    this.#openCalls = []
  }

  #push(outgoing: Outgoing): void {
    this.#full.push(outgoing)
    this.#sealed++
    this.#pendingBytes += outgoing.sizeInBytes
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /**
   * At the end of this turn, when all who have learned of an earlier append have appended anew: a microtask alone
   * would come before theirs, and its batch hold one record of sixteen.
   */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(this.#atEndOfTurn)
  }

  readonly #atEndOfTurn = (): void => process.nextTick(this.#send)

  readonly #send = (): void => {
    this.#isScheduled = false
    if (this.#isHeld) return
    while (this.#full.length > 0 && this.#underWay < maxFullUnderWay) this.#submit(this.#full.shift()!)
    if (this.#underWay > 0 || this.#open === undefined) return
    this.#seal()
    this.#submit(this.#full.shift()!)
  }

  #submit(outgoing: Outgoing): void {
    this.#underWay++
    const written =
      this.#options.compression === 'none' ? this.#hand(outgoing, 'none') : this.#compressAndHand(outgoing)
    written.then(
      (result) => this.#written(outgoing, result),
      (error: unknown) => this.#reject(outgoing, toLogError(error, this.#native.path)),
    )
  }

  /** Compression runs beside that of others; the engine gets the batches in order. */
  #compressAndHand(outgoing: Outgoing): Promise<AppendResult> {
    const { encoder } = outgoing
    const compressed = encoder && compress(this.#options.compression, encoder.records)
    const before = this.#submitted
    const handed = (async () => {
      const records = await compressed
      await before
      const isSmaller = encoder !== undefined && records!.length < encoder.records.length
      if (isSmaller) encoder.replaceRecords(records!)
      // In an object, since what an async function returns is awaited.
      return { appended: this.#hand(outgoing, isSmaller ? this.#options.compression : 'none') }
    })()
    this.#submitted = handed.catch(() => {})
    return handed.then(({ appended }) => appended)
  }

  #hand({ encoder, bytes }: Outgoing, compression: CompressionName): Promise<AppendResult> {
    this.#handed++
    this.#wake()
    return this.#native.append(bytes ?? encoder!.finish(compression), {
      leaderEpoch: 0,
      origin: bytes ? 'leader' : 'encoder',
      refusalsSeen,
      flush: this.#options.isFlushed ? 'awaited' : 'none',
    })
  }

  #written(outgoing: Outgoing, result: AppendResult): void {
    this.onAppended?.()
    const { baseOffset, lastOffset } = result
    for (const { first, last, resolve } of outgoing.calls) {
      resolve({ baseOffset: baseOffset + first, lastOffset: last < 0 ? lastOffset : baseOffset + last })
    }
    this.#done(outgoing)
  }

  #reject(outgoing: Outgoing, error: LogError): void {
    for (const { reject } of outgoing.calls) reject(error)
    this.#done(outgoing)
  }

  #done({ encoder, sizeInBytes }: Outgoing): void {
    encoder?.release()
    this.#underWay--
    this.#pendingBytes -= sizeInBytes
    this.#wake()
    if (this.#full.length > 0 || this.#open !== undefined) this.#schedule()
  }
}

/**
 * A copy of encoded batches as a log takes them: offsets count from 0 in each. Throws INVALID_BATCH where a length does
 * not fit, UNSUPPORTED_FORMAT for another magic than 2.
 */
export function copyBatches(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes)
  let at = 0
  try {
    for (const { start, sizeInBytes } of readBatches(copy, 'strict')) {
      copy.fill(0, start, start + BatchField.BATCH_LENGTH)
      at = start + sizeInBytes
    }
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error
    const magic = copy[at + BatchField.MAGIC]
    if (magic !== undefined && magic !== BATCH_MAGIC) {
      throw new LogError('UNSUPPORTED_FORMAT', `a record batch of magic ${magic}: convert it to magic 2`)
    }
    throw new LogError('INVALID_BATCH', `no whole record batch at byte ${at} of ${copy.length}`)
  }
  if (at === 0) throw new LogError('INVALID_BATCH', 'no record batch to append: give one at least')
  return copy
}
