/**
 * Appends a shard's records to its partition of `__consumer_offsets`, one batch at a time: what arrives while an
 * append is under way goes into the next one. Writes take effect in the order in which they were asked for, each
 * only after its append succeeded, so that the state in memory is never ahead of the log.
 */
import { ErrorCode, KafkaError } from '../../protocol/index.js'
import { type GroupRecord, sizeOfRecord } from '../group/group-records.js'
import type { Time } from './clock.js'
import { Deadline } from './deadline.js'
import { compressionOf, encodeGroupBatch } from './record-batches.js'

/** A batch takes writes up to this size, half of what `__consumer_offsets` accepts by default. */
const MAX_BATCH_BYTES = 512 * 1024

/**
 * Above this, writes are refused: a partition whose log does not answer must not collect all that is sent to it.
 * The frames that the requests came in are bounded too, but these records outlive them.
 */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024

export interface Write {
  readonly records: readonly GroupRecord[]
  /** Called when the records are committed, also where whoever asked for it has had a time-out meanwhile. */
  readonly apply?: () => void
  /** Called when they are not. */
  readonly revert?: () => void
}

interface Queued {
  /** Null for one that waits for all before it. */
  readonly write: Write | null
  readonly bytes: number
  readonly expiresAt: number
  /** Runs once all earlier writes have been applied; what it returns is written next. */
  readonly build?: () => readonly Write[]
  readonly resolve: () => void
  readonly reject: (error: KafkaError) => void
}

export interface RecordWriterOptions {
  readonly time: Time
  readonly append: (batch: Uint8Array) => Promise<unknown>
  readonly timeoutMs: () => number
  readonly compressionCodec: () => number
  /** Told of the first failure of an append, or write refused for want of space or time, since the last success. */
  readonly onFailure: (error: unknown) => void
}

export class RecordWriter {
  readonly #options: RecordWriterOptions
  #queue: Queued[] = []
  #inFlight: readonly Queued[] = []
  #queuedBytes = 0
  #running: Promise<void> | undefined
  #closedBy: KafkaError | undefined
  #isFailing = false
  readonly #timeout: Deadline

  constructor(options: RecordWriterOptions) {
    this.#options = options
    this.#timeout = new Deadline(options.time, () => this.#expire())
  }

  /** Resolves when the records are committed and applied. */
  write(write: Write): Promise<void> {
    const bytes = write.records.reduce((sum, record) => sum + sizeOfRecord(record), 0)
    return this.#enqueue({ write, bytes })
  }

  /**
   * Resolves when all writes asked for before are done, and what `build` makes of the state then is written. For
   * what depends on the state as a whole, as the removal of a group with all its offsets.
   */
  writeAfterOthers(build: () => readonly Write[]): Promise<void> {
    return this.#enqueue({ write: null, bytes: 0, build })
  }

  /** Resolves when all writes asked for before are done. */
  async settled(): Promise<void> {
    if (this.#running !== undefined) await this.writeAfterOthers(() => [])
  }

  /** Fails all that waits with `error`, and resolves when the append under way has come to its end. */
  async close(error: KafkaError): Promise<void> {
    this.#closedBy = error
    this.#timeout.clear()
    for (const queued of [...this.#inFlight, ...this.#queue]) queued.reject(error)
    this.#queue = []
    this.#queuedBytes = 0
    await this.#running
  }

  #enqueue(entry: Pick<Queued, 'write' | 'bytes' | 'build'>): Promise<void> {
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy)
    if (this.#queuedBytes + entry.bytes > MAX_QUEUED_BYTES) {
      const error = new KafkaError('COORDINATOR_NOT_AVAILABLE', 'Too many group records wait to be written')
      this.#reportFailure(error)
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#options.timeoutMs()
      this.#queue.push({
        ...entry,
        expiresAt: this.#options.time.monotonicTime() + timeoutMs,
        resolve,
        reject,
      })
      this.#queuedBytes += entry.bytes
      if (!this.#timeout.isSet) this.#timeout.set(timeoutMs)
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    // What the same tick asks for goes into one batch.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!
      if (first.build === undefined) await this.#append(this.#take())
      else await this.#buildAndAppend(this.#queue.shift()!, first.build)
    }
    this.#timeout.clear()
    this.#running = undefined
  }

  /** The writes for the next batch, up to the one that must see their effect. */
  #take(): Queued[] {
    const taken: Queued[] = []
    let bytes = 0
    for (const queued of this.#queue) {
      if (queued.build !== undefined) break
      if (taken.length > 0 && bytes + queued.bytes > MAX_BATCH_BYTES) break
      taken.push(queued)
      bytes += queued.bytes
    }
    this.#queue.splice(0, taken.length)
    this.#queuedBytes -= bytes
    return taken
  }

  async #buildAndAppend(queued: Queued, build: () => readonly Write[]): Promise<void> {
    let failure: KafkaError | undefined
    try {
      const { expiresAt } = queued
      const fail = (error: KafkaError) => {
        failure ??= error
        queued.reject(error)
      }
      const writes = build().map((write) => {
        const bytes = write.records.reduce((sum, record) => sum + sizeOfRecord(record), 0)
        return { write, bytes, expiresAt, resolve: () => {}, reject: fail }
      })
      for (const batch of batchesOf(writes)) {
        if (this.#closedBy === undefined) await this.#append(batch)
      }
    } catch (error) {
      // A request that is refused is no failure of the log.
      if (!(error instanceof KafkaError)) this.#reportFailure(error)
      failure = kafkaErrorOf(error)
    }
    if (failure === undefined) queued.resolve()
    else queued.reject(failure)
  }

  async #append(batch: readonly Queued[]): Promise<void> {
    const records = batch.flatMap((queued) => queued.write?.records ?? [])
    this.#inFlight = batch
    try {
      if (records.length > 0) {
        const now = this.#options.time.wallTime()
        const compression = compressionOf(this.#options.compressionCodec())
        const encoded = await encodeGroupBatch(records, now, compression)
        // What was closed while it was compressed must not be written by one who no longer leads.
        if (this.#closedBy !== undefined) return
        await this.#options.append(encoded)
      }
    } catch (error) {
      this.#inFlight = []
      return this.#fail(batch, error)
    }
    this.#inFlight = []
    this.#isFailing = false
    if (this.#closedBy !== undefined) return
    for (const queued of batch) {
      queued.write?.apply?.()
      queued.resolve()
    }
  }

  async #fail(batch: readonly Queued[], error: unknown): Promise<void> {
    if (this.#closedBy !== undefined) return
    const failure = kafkaErrorOf(error)
    // Only the one that is too large fails for it.
    if (isTooLarge(failure) && batch.length > 1) {
      const middle = batch.length >> 1
      await this.#append(batch.slice(0, middle))
      return this.#append(batch.slice(middle))
    }
    this.#reportFailure(error)
    for (const queued of batch) {
      queued.write?.revert?.()
      queued.reject(failure)
    }
  }

  /** A log that fails would otherwise fill the broker's own log with one line for each request. */
  #reportFailure(error: unknown): void {
    if (!this.#isFailing) this.#options.onFailure(error)
    this.#isFailing = true
  }

  /** Answers those that have waited too long. What was not handed to the log yet is dropped, for the client will repeat it. */
  #expire(): void {
    const now = this.#options.time.monotonicTime()
    const error = new KafkaError('REQUEST_TIMED_OUT', 'The group record was not committed in time')
    let earliest = Number.POSITIVE_INFINITY
    const hasTime = (queued: Queued) => {
      if (queued.expiresAt > now) {
        earliest = Math.min(earliest, queued.expiresAt)
        return true
      }
      queued.reject(error)
      return false
    }
    this.#inFlight.forEach(hasTime)
    const kept = this.#queue.filter(hasTime)
    if (kept.length < this.#queue.length) this.#reportFailure(error)
    this.#queue = kept
    this.#queuedBytes = kept.reduce((sum, queued) => sum + queued.bytes, 0)
    if (earliest !== Number.POSITIVE_INFINITY) this.#timeout.set(earliest - now)
  }
}

function batchesOf<T extends { readonly bytes: number }>(entries: readonly T[]): T[][] {
  const batches: T[][] = []
  let bytes = 0
  for (const entry of entries) {
    const last = batches.at(-1)
    if (last === undefined || bytes + entry.bytes > MAX_BATCH_BYTES) {
      batches.push([entry])
      bytes = entry.bytes
    } else {
      last.push(entry)
      bytes += entry.bytes
    }
  }
  return batches
}

function isTooLarge(error: KafkaError): boolean {
  return error.code === ErrorCode.MESSAGE_TOO_LARGE || error.code === ErrorCode.RECORD_LIST_TOO_LARGE
}

function kafkaErrorOf(error: unknown): KafkaError {
  return error instanceof KafkaError
    ? error
    : new KafkaError('UNKNOWN_SERVER_ERROR', String(error), { cause: error })
}
