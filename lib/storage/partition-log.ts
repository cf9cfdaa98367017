/**
 * A partition's log as a broker needs it: the engine's log together with producer state, leader epochs and the log
 * start offset. Called on the event loop by replica/; whatever waits on a disk runs in the engine.
 *
 * INVARIANT: logStartOffset ≤ flushedOffset ≤ logEndOffset, but for a log start that DeleteRecords moved into what
 * is not flushed yet.
 */
import type { Logger } from 'pino'
import type { TopicConfig } from '../config/index.js'
import type {
  AppendResult,
  NativeLog,
  OpenLogOptions,
  ReadOptions,
  ReadResult,
  SegmentInfo,
} from '../native/types.js'
import { BatchHeader, type ControlType, ErrorCode, KafkaError } from '../protocol/index.js'
import { type AppendOutcome, AppendQueue, type Submission } from './append-queue.js'
import { readBatchIdentity } from './batch-identity.js'
import { checkClientBatch } from './client-batch.js'
import { DerivedState } from './derived-state.js'
import { toKafkaError } from './engine-errors.js'
import type { LeaderEpochCache } from './leader-epoch-cache.js'
import { logSettings } from './log-settings.js'
import type { CommittedRead, OpenTransaction, PartitionTransactions } from './partition-transactions.js'
import type { ProducerState } from './producer-state.js'
import { recompress } from './recompress.js'
import { nativeEngine, type StorageEngine } from './storage-engine.js'

export interface PartitionLogOptions {
  folder: string
  topic: string
  partition: number
  config: TopicConfig
  /** From the recovery checkpoint; what lies below is on disk. −1: there is none. */
  recoveryPoint: number
  logStartOffset: number
  cleanShutdown: boolean
  /** Of a log that is made: stands in its folder before it has a segment. */
  firstFile?: OpenLogOptions['firstFile']
  /** The native engine, unless another is given. */
  engine?: StorageEngine
  log: Logger
}

export interface LeaderAppend {
  leaderEpoch: number
  /** `client`: one batch, checked as a produce request; `coordinator`: written by the broker itself. */
  origin: 'client' | 'coordinator'
  /** False for a client too old to read zstd. */
  allowsZstd: boolean
  /** Ask for an fdatasync as soon as the batch is written. */
  flush: boolean
}

/** Told on the event loop, in the order in which things happen. */
export interface PartitionLogListener {
  onAppended(result: AppendResult, sizeInBytes: number): void
  onFlushed(flushedOffset: number): void
  onFailed(error: Error): void
}

export class PartitionLog {
  readonly folder: string
  readonly topic: string
  readonly partition: number
  readonly native: NativeLog
  listener: PartitionLogListener | undefined
  /** Set when the log has failed: it takes no writes until the broker is started again. */
  failure: Error | undefined
  readonly #state: DerivedState
  #config: TopicConfig
  #logStartOffset: number
  #distrustedFrom = Number.POSITIVE_INFINITY
  #activeSegmentOffset: number
  readonly #queue: AppendQueue
  /** Appends of leaders of lower epochs are refused. */
  #lowestLeaderEpoch = -1
  #rewriting: Promise<unknown> = Promise.resolve()
  readonly #log: Logger
  #isDamageTold = false

  private constructor(options: PartitionLogOptions, native: NativeLog, state: DerivedState) {
    this.folder = options.folder
    this.topic = options.topic
    this.partition = options.partition
    this.native = native
    this.#state = state
    this.#config = options.config
    this.#log = options.log
    this.#logStartOffset = Math.max(options.logStartOffset, native.firstSegmentOffset)
    this.#queue = new AppendQueue(native, state.producers, {
      onAppended: (result, by) => this.#appended(result, by),
    })
    native.onFlush = (flushedOffset) => this.listener?.onFlushed(flushedOffset)
    native.onFailure = (error) => this.#failed(error)
    native.onRoll = (baseOffset) => this.#rolled(baseOffset)
    this.#activeSegmentOffset = activeSegmentOffset(native)
  }

  /** Opens the log, recovers it, and brings producer state and leader epochs up to its end. */
  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { folder, config, recoveryPoint, logStartOffset, cleanShutdown, firstFile } = options
    const { engine = nativeEngine } = options
    const native = await engine.openLog(folder, {
      ...logSettings(config),
      recoveryPoint,
      cleanShutdown,
      logStartOffset,
      firstFile,
    })
    const names = await engine.readNames(folder)
    const state = await DerivedState.open(folder, names, engine, native, options.log)
    const log = new PartitionLog(options, native, state)
    await state.restore(names)
    return log
  }

  get producers(): ProducerState {
    return this.#state.producers
  }

  get transactions(): PartitionTransactions {
    return this.#state.transactions
  }

  get epochs(): LeaderEpochCache {
    return this.#state.epochs
  }

  get config(): TopicConfig {
    return this.#config
  }

  /** First offset that consumers may read. */
  get logStartOffset(): number {
    return this.#logStartOffset
  }

  get logEndOffset(): number {
    return this.native.logEndOffset
  }

  get flushedOffset(): number {
    return this.native.flushedOffset
  }

  /** For the recovery checkpoint: all below it is on disk, and is not about to be cut. */
  get recoveryPoint(): number {
    return Math.min(this.flushedOffset, this.#distrustedFrom)
  }

  /** Where the segment begins that takes appends: a read of an older one ends with that, whatever is behind it. */
  get activeSegmentOffset(): number {
    return this.#activeSegmentOffset
  }

  get sizeInBytes(): number {
    return this.native.sizeInBytes
  }

  configure(config: TopicConfig): void {
    this.#config = config
    this.native.configure(logSettings(config))
  }

  /**
   * Appends as the partition's leader. Resolves when the records are in the page cache; rejects with a KafkaError
   * (CORRUPT_MESSAGE, INVALID_RECORD, OUT_OF_ORDER_SEQUENCE_NUMBER, KAFKA_STORAGE_ERROR, ...), and nothing of them
   * is stored then. `records` belongs to the log until then.
   */
  async appendAsLeader(
    records: Uint8Array,
    { leaderEpoch, origin, allowsZstd, flush }: LeaderAppend,
  ): Promise<AppendOutcome> {
    this.#requireWritable()
    const batch =
      origin === 'client' ? checkClientBatch(records, this.#config, allowsZstd) : readBatchIdentity(records)
    const options = {
      leaderEpoch,
      origin: origin === 'client' ? 'leader' : 'coordinator',
      flush: flush ? 'asked' : 'none',
    } as const
    if (origin === 'client' && this.#config.compressionType !== 'producer') {
      // Rewriting takes turns, so that batches reach the queue in the order in which they came.
      const turn = this.#rewriting.then(() => recompress(records, this.#config))
      this.#rewriting = turn.catch(() => {})
      const rewritten = await turn
      this.#requireLeaderEpoch(leaderEpoch)
      return this.#queue.append({ records: rewritten, batch, options })
    }
    this.#requireLeaderEpoch(leaderEpoch)
    return this.#queue.append({ records, batch, options })
  }

  /**
   * Appends batches as the partition's leader has them: offsets, epochs and bytes stay. Resolves when they are in
   * the page cache. REQUIRES: whole batches, the first at or behind the log end; no append is under way. `records`
   * belongs to the log until then.
   */
  async appendAsFollower(records: Uint8Array, flush: boolean): Promise<AppendResult> {
    this.#requireWritable()
    const batch = readBatchIdentity(records)
    const options = {
      leaderEpoch: batch.leaderEpoch,
      origin: 'follower',
      flush: flush ? 'asked' : 'none',
    } as const
    const result = await this.#queue.append({ records, batch, options })
    await this.#state.replay(records)
    return result
  }

  /** From now on appends of leaders of lower epochs are refused, also those that still wait to be compressed. */
  fence(leaderEpoch: number): void {
    this.#lowestLeaderEpoch = leaderEpoch
  }

  /** Resolves when nothing that was submitted is under way. REQUIRES: nothing more can come (`fence`). */
  async settled(): Promise<void> {
    await this.#rewriting
    await this.#queue.settled()
  }

  /**
   * Removes all records from `offset` on, with the batch that `offset` may lie in, and brings leader epochs and
   * producer state back to what they were there. Resolves with the new log end offset. REQUIRES: no append is under
   * way; `writeRecoveryPoints` writes the checkpoint with this log's `recoveryPoint`, which is low enough by then.
   */
  async truncate(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<number> {
    this.#requireWritable()
    const end = this.logEndOffset
    if (offset < end) {
      const { count, headers } = await this.native.scanHeaders(offset, end, 1).catch(rethrow)
      const first = count > 0 ? Number(new BatchHeader(headers).baseOffset) : offset
      const cut = Math.min(offset, first)
      await this.#whileDistrusted(cut, writeRecoveryPoints, () => this.native.truncate(cut))
    }
    await this.#cutState()
    return this.logEndOffset
  }

  /** Removes everything and starts anew at `offset`: the leader has nothing below it any more. */
  async reset(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<void> {
    this.#requireWritable()
    await this.#whileDistrusted(0, writeRecoveryPoints, () => this.native.reset(offset))
    this.#logStartOffset = offset
    this.epochs.clear()
    await this.#cutState()
  }

  /** What a crash may leave of a cut must not pass for damage, nor what comes after it for flushed. */
  async #whileDistrusted(
    from: number,
    writeRecoveryPoints: () => Promise<void>,
    cut: () => Promise<void>,
  ): Promise<void> {
    this.#distrustedFrom = from
    try {
      await writeRecoveryPoints()
      await cut().catch(rethrow)
    } finally {
      this.#distrustedFrom = Number.POSITIVE_INFINITY
    }
  }

  /**
   * Ends a transaction that was left open, as a coordinator does. Resolves when the marker is in the page cache and
   * the transaction's records are known as committed or aborted.
   */
  async endTransaction(
    transaction: OpenTransaction,
    type: ControlType,
    producerEpoch: number,
    leaderEpoch: number,
  ): Promise<void> {
    this.#requireWritable()
    const records = this.transactions.marker(type, transaction, producerEpoch)
    const batch = readBatchIdentity(records)
    const options = { leaderEpoch, origin: 'coordinator', flush: 'asked' } as const
    const { baseOffset, lastOffset } = await this.#queue.append({ records, batch, options })
    await this.transactions.ended({ ...batch, baseOffset, lastOffset }, type, transaction)
  }

  /** As `read`, with the aborted transactions among what is read where there are any. */
  readCommitted(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult | CommittedRead> {
    if (this.transactions.hasNoneAborted) return this.read(offset, options)
    this.#requireWithin(offset)
    return this.transactions.readCommitted(offset, options).catch((error) => this.#unreadable(error, offset))
  }

  /** A range of whole batches from the one that holds `offset`. Throws OFFSET_OUT_OF_RANGE outside the log. */
  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    this.#requireWithin(offset)
    try {
      const result = this.native.read(offset, options)
      return result instanceof Promise ? result.catch((error) => this.#unreadable(error, offset)) : result
    } catch (error) {
      return this.#unreadable(error, offset)
    }
  }

  /** Oldest first. */
  segments(): SegmentInfo[] {
    return this.native.segments()
  }

  roll(): Promise<number> {
    return this.native.roll()
  }

  /** Raises the log start offset; what lies below can no longer be read. False when it is there already. */
  raiseLogStartOffset(offset: number): boolean {
    if (offset <= this.#logStartOffset) return false
    this.#logStartOffset = offset
    this.#state.startRaised(offset)
    return true
  }

  /** Deletes the sealed segments that lie wholly below the log start offset. */
  async deleteOldSegments(): Promise<number> {
    const deleted = await this.native.deleteSegmentsBefore(this.#logStartOffset).catch(rethrow)
    if (deleted > 0) await this.#state.dropSnapshots()
    return deleted
  }

  /** Writes what a clean stop leaves: all on disk, and producer state that needs no scan. */
  async close(): Promise<void> {
    // What the log has got by now and has not told of yet would be missing in the snapshot at its end.
    await this.settled()
    if (!this.failure) {
      await this.native.flush()
      await this.#state.snapshotAtEnd()
    }
    await this.#state.settled()
    await this.native.close()
  }

  /** Removes the log from disk; the folder is renamed before this resolves and emptied behind it. */
  async remove(): Promise<void> {
    this.failure ??= new KafkaError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `${this.topic}-${this.partition} was deleted.`,
    )
    await this.#state.settled()
    await this.native.remove()
  }

  #requireWritable(): void {
    if (this.failure) throw toKafkaError(this.failure)
  }

  #requireWithin(offset: number): void {
    if (offset >= this.#logStartOffset && offset <= this.logEndOffset) return
    throw new KafkaError(
      'OFFSET_OUT_OF_RANGE',
      `Offset ${offset} lies outside ${this.#logStartOffset}–${this.logEndOffset} of ${this.topic}-${this.partition}.`,
    )
  }

  /** Whoever reads it is told so each time; whoever runs the broker, once. */
  #unreadable(thrown: unknown, offset: number): never {
    const error = toKafkaError(thrown)
    if (!this.#isDamageTold && error instanceof KafkaError && error.code === ErrorCode.KAFKA_STORAGE_ERROR) {
      this.#isDamageTold = true
      this.#log.error(
        { err: error, topic: this.topic, partition: this.partition, offset },
        'records on disk are damaged or cannot be read: run odradek log verify on this log, and have another replica lead',
      )
    }
    throw error
  }

  #requireLeaderEpoch(leaderEpoch: number): void {
    if (leaderEpoch < this.#lowestLeaderEpoch) {
      throw new KafkaError(
        'NOT_LEADER_OR_FOLLOWER',
        `${this.topic}-${this.partition} has another leader now.`,
      )
    }
  }

  #appended(result: AppendResult, { options, records }: Submission): void {
    if (options.origin === 'follower') this.#state.followed(records)
    else this.#state.led(options.leaderEpoch, result.baseOffset)
    this.#state.reached(result.lastOffset + 1)
    this.listener?.onAppended(result, records.byteLength)
  }

  #rolled(baseOffset: number): void {
    this.#activeSegmentOffset = baseOffset
    this.#state.rolled(baseOffset)
  }

  #failed(error: Error): void {
    this.failure ??= error
    this.listener?.onFailed(error)
  }

  async #cutState(): Promise<void> {
    this.#logStartOffset = Math.min(this.#logStartOffset, this.logEndOffset)
    this.#activeSegmentOffset = activeSegmentOffset(this.native)
    try {
      await this.#state.cut()
    } catch (error) {
      // Producers that are not known would have their batches appended again.
      this.#failed(error as Error)
      throw error
    }
  }
}

function activeSegmentOffset(native: NativeLog): number {
  return native.segments().at(-1)?.baseOffset ?? native.logEndOffset
}

function rethrow(error: unknown): never {
  throw toKafkaError(error)
}
