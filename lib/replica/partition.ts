/**
 * A partition as its leader serves it: who is in sync, what may be read, what is acknowledged. Produce waits here
 * for the high watermark and for the disk; fetches wait here for records.
 *
 * INVARIANT: logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset; the high watermark never goes back
 * while the partition is led. With this broker as the only replica the high watermark is the log end: what is in
 * the leader's page cache is in every in-sync replica's.
 */
import { strict as assert } from 'node:assert'
import type { TopicConfig } from '../config/index.js'
import type { AbortedRange, ActiveProducer, CleanableLog } from '../log/cleanable-log.js'
import { enforceRetention } from '../log/retention.js'
import type { NativeLog, ReadResult } from '../native/types.js'
import { KafkaError } from '../protocol/errors.js'
import type { ControlType } from '../protocol/index.js'
import type { AppendOutcome, CommittedRead, OpenTransaction, PartitionLog } from '../storage/index.js'

/** What may be read: all (a debugging consumer), what is committed, or what no open transaction holds back. */
export type Isolation = 'logEnd' | 'committed' | 'stable'

/** Waits for a partition to have more to read. `onReadable` may be called more often than there is something. */
export interface ReadWaiter {
  onReadable(): void
}

export interface PartitionState {
  leaderEpoch: number
  isr: readonly number[]
}

interface FlushWait {
  endOffset: number
  resolve: () => void
  reject: (error: Error) => void
}

export interface ProduceOutcome extends AppendOutcome {
  logStartOffset: number
}

export class Partition implements CleanableLog {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly log: PartitionLog
  #state: PartitionState
  #config: TopicConfig
  #highWatermark: number
  #committedBytes = 0
  #flushWaits: FlushWait[] = []
  readonly #readWaiters = new Set<ReadWaiter>()
  #closed = false

  constructor(topic: string, topicId: string, log: PartitionLog, state: PartitionState, config: TopicConfig) {
    this.topic = topic
    this.topicId = topicId
    this.partition = log.partition
    this.log = log
    this.#state = state
    this.#config = config
    this.#highWatermark = log.logEndOffset
    log.listener = {
      onAppended: (result, sizeInBytes) => {
        this.#committedBytes += sizeInBytes
        this.#advanceHighWatermark(result.lastOffset + 1)
      },
      onFlushed: (flushedOffset) => this.#onFlushed(flushedOffset),
      onFailed: (error) => this.#failFlushWaits(error),
    }
  }

  get leaderEpoch(): number {
    return this.#state.leaderEpoch
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  /** The high watermark, but for a transaction that is open: below where it begins. */
  get lastStableOffset(): number {
    return Math.min(this.#highWatermark, this.log.transactions.firstUnstableOffset ?? this.#highWatermark)
  }

  get logStartOffset(): number {
    return this.log.logStartOffset
  }

  /** Bytes that the high watermark has passed since the partition was opened: rises with it, never before it. */
  get committedBytes(): number {
    return this.#committedBytes
  }

  get config(): TopicConfig {
    return this.#config
  }

  configure(config: TopicConfig): void {
    this.#config = config
    this.log.configure(config)
  }

  setState(state: PartitionState): void {
    this.#state = state
  }

  /**
   * Appends what a client produced. With acks −1 it resolves when the records are on disk at every in-sync replica
   * (with `write.caching` when they are in their page caches), with acks 1 when they are in the leader's page cache.
   */
  async produce(records: Uint8Array, acks: number): Promise<ProduceOutcome> {
    const outcome = await this.#append(records, 'client', acks === -1)
    return { ...outcome, logStartOffset: this.logStartOffset }
  }

  /** Appends what a coordinator of this broker wrote, with the durability of acks −1. */
  appendInternal(records: Uint8Array): Promise<AppendOutcome> {
    return this.#append(records, 'coordinator', true)
  }

  /** Exclusive upper bound of what a reader with this isolation may see. */
  readableEnd(isolation: Isolation): number {
    if (isolation === 'logEnd') return this.log.logEndOffset
    return isolation === 'committed' ? this.#highWatermark : this.lastStableOffset
  }

  read(
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
    isolation: Isolation,
  ): ReadResult | Promise<ReadResult> {
    this.#requireOpen()
    return this.log.read(offset, { maxBytes, minOneBatch, maxOffset: this.readableEnd(isolation) })
  }

  /** As `read` with the isolation `stable`, and with the aborted transactions among what is read. */
  readCommitted(
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
  ): ReadResult | Promise<ReadResult | CommittedRead> {
    this.#requireOpen()
    return this.log.readCommitted(offset, { maxBytes, minOneBatch, maxOffset: this.lastStableOffset })
  }

  /** Ends a transaction that was left open. Resolves when its end is on disk. */
  async endTransaction(
    transaction: OpenTransaction,
    type: ControlType,
    producerEpoch: number,
  ): Promise<void> {
    await this.log.endTransaction(transaction, type, producerEpoch, this.leaderEpoch)
    await this.log.native.flush()
    this.#wakeReaders()
  }

  addReadWaiter(waiter: ReadWaiter): void {
    this.#readWaiters.add(waiter)
  }

  removeReadWaiter(waiter: ReadWaiter): void {
    this.#readWaiters.delete(waiter)
  }

  /**
   * Checks the leader epoch that a client believes in (KIP-320). Throws FENCED_LEADER_EPOCH or
   * UNKNOWN_LEADER_EPOCH; −1 is not checked.
   */
  checkLeaderEpoch(epoch: number): void {
    if (epoch < 0 || epoch === this.leaderEpoch) return
    throw new KafkaError(epoch < this.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH')
  }

  /** The end of the newest epoch up to `epoch`, as OffsetForLeaderEpoch answers it. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    if (epoch === this.leaderEpoch) return { epoch, endOffset: this.log.logEndOffset }
    return this.log.epochs.endOffsetFor(epoch, this.log.logEndOffset)
  }

  /** Moves the log start to `offset`; −1 means the high watermark. Resolves with the log start offset. */
  async deleteRecords(offset: number): Promise<number> {
    this.#requireOpen()
    const target = offset === -1 ? this.#highWatermark : offset
    if (target < 0 || target > this.#highWatermark) {
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `Records can be deleted up to the high watermark, ${this.#highWatermark}; ${offset} lies beyond it.`,
      )
    }
    this.log.raiseLogStartOffset(target)
    await this.log.deleteOldSegments()
    return this.logStartOffset
  }

  /** Deletes what retention lets go; resolves with the number of segments deleted. */
  async enforceRetention(nowMs: number): Promise<number> {
    if (this.#closed || this.log.failure) return 0
    const { log, highWatermark } = this
    return enforceRetention(
      {
        config: this.#config,
        highWatermark,
        logEndOffset: log.logEndOffset,
        logStartOffset: log.logStartOffset,
        segments: () => log.segments(),
        roll: () => log.roll(),
        raiseLogStartOffset: (offset) => log.raiseLogStartOffset(offset),
        deleteOldSegments: () => log.deleteOldSegments(),
      },
      nowMs,
    )
  }

  /** The partition as the log cleaner sees it. */
  get isFailed(): boolean {
    return this.#closed || this.log.failure !== undefined
  }

  get native(): NativeLog {
    return this.log.native
  }

  activeProducers(): Iterable<ActiveProducer> {
    return this.log.producers.summaries()
  }

  abortedTransactions(from: number, end: number): Promise<readonly AbortedRange[]> {
    return this.log.transactions.aborted(from, end)
  }

  /** Takes the partition out of service: whatever waits is answered. The log stays open. */
  close(): void {
    this.#closed = true
    this.#failFlushWaits(
      new KafkaError('NOT_LEADER_OR_FOLLOWER', `${this.topic}-${this.partition} is not served here.`),
    )
    this.#wakeReaders()
    this.log.listener = undefined
  }

  async #append(
    records: Uint8Array,
    origin: 'client' | 'coordinator',
    byAllReplicas: boolean,
  ): Promise<AppendOutcome> {
    this.#requireOpen()
    if (byAllReplicas) this.#requireInSyncReplicas()
    const flush = byAllReplicas && !this.#config.writeCaching
    const outcome = await this.log.appendAsLeader(records, { leaderEpoch: this.leaderEpoch, origin, flush })
    if (flush) await this.#flushed(outcome.lastOffset + 1)
    return outcome
  }

  #requireOpen(): void {
    if (this.#closed) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION')
    if (this.log.failure) throw new KafkaError('KAFKA_STORAGE_ERROR', this.log.failure.message)
  }

  #requireInSyncReplicas(): void {
    const needed = this.#config.minInsyncReplicas
    if (this.#state.isr.length < needed) {
      throw new KafkaError(
        'NOT_ENOUGH_REPLICAS',
        `${this.topic}-${this.partition} has ${this.#state.isr.length} in-sync replicas; min.insync.replicas asks for ${needed}.`,
      )
    }
  }

  #advanceHighWatermark(endOffset: number): void {
    assert(endOffset >= this.#highWatermark, 'the high watermark does not go back')
    this.#highWatermark = endOffset
    this.#wakeReaders()
  }

  #wakeReaders(): void {
    for (const waiter of [...this.#readWaiters]) waiter.onReadable()
  }

  #flushed(endOffset: number): Promise<void> | undefined {
    if (this.log.flushedOffset >= endOffset) return undefined
    return new Promise((resolve, reject) => {
      if (this.log.failure) return reject(new KafkaError('KAFKA_STORAGE_ERROR', this.log.failure.message))
      this.#flushWaits.push({ endOffset, resolve, reject })
    })
  }

  #onFlushed(flushedOffset: number): void {
    const waits = this.#flushWaits
    this.#flushWaits = []
    for (const wait of waits) {
      if (wait.endOffset <= flushedOffset) wait.resolve()
      else this.#flushWaits.push(wait)
    }
  }

  #failFlushWaits(error: Error): void {
    const waits = this.#flushWaits
    this.#flushWaits = []
    const failure = error instanceof KafkaError ? error : new KafkaError('KAFKA_STORAGE_ERROR', error.message)
    for (const wait of waits) wait.reject(failure)
  }
}
