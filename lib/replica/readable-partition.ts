/**
 * What can be read of a partition, and how far: the same for its leader, its followers and the log cleaner. Fetches wait
 * here for records.
 *
 * Three offsets bound what a reader sees, and are named alike everywhere: the log end offset (dirty: appended), the high
 * watermark (committed: at every in-sync replica) and the last stable offset (stable: committed, and no transaction
 * below it is open).
 */
import { strict as assert } from 'node:assert'
import type { TopicConfig } from '../config/index.js'
import type { AbortedRange, ActiveProducer, CleanableLog } from '../log/cleanable-log.js'
import type { NativeLog, ReadResult } from '../native/types.js'
import { KafkaError } from '../protocol/errors.js'
import type { CommittedRead, PartitionLog } from '../storage/index.js'
import { LogProgress } from './log-progress.js'
import type { Isolation, ReadWaiter } from './read-waiters.js'

export abstract class ReadablePartition implements CleanableLog {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly log: PartitionLog
  protected readonly progress: LogProgress
  protected closed = false

  /** `highWatermark`: as far as the log is known to be committed. */
  constructor(topic: string, topicId: string, log: PartitionLog, highWatermark: number) {
    this.topic = topic
    this.topicId = topicId
    this.partition = log.partition
    this.log = log
    this.progress = new LogProgress(log.logEndOffset, Math.max(highWatermark, log.logStartOffset))
  }

  abstract get config(): TopicConfig

  get logStartOffset(): number {
    return this.log.logStartOffset
  }

  get highWatermark(): number {
    return this.progress.highWatermark
  }

  /** The high watermark, or where the transaction that has been open longest begins. */
  get lastStableOffset(): number {
    const { highWatermark } = this
    const firstUnstable = this.log.transactions.firstUnstableOffset
    if (firstUnstable === undefined) return highWatermark
    // DeleteRecords may move the log start into an open transaction.
    const lastStable = Math.min(highWatermark, Math.max(firstUnstable, this.logStartOffset))
    // INVARIANT: logStartOffset ≤ lastStableOffset ≤ highWatermark.
    assert(this.logStartOffset <= lastStable && lastStable <= highWatermark)
    return lastStable
  }

  /** Of the appends that have been reported: the log itself may be further. */
  get logEndOffset(): number {
    return this.progress.logEndOffset
  }

  get flushedOffset(): number {
    return this.log.flushedOffset
  }

  /** Exclusive upper bound of what a reader with this isolation may see. */
  readableEnd(isolation: Isolation): number {
    if (isolation === 'logEnd') return this.logEndOffset
    return isolation === 'committed' ? this.highWatermark : this.lastStableOffset
  }

  /** Bytes that have become readable since the partition was opened: what a waiting fetch counts. */
  readableBytes(isolation: Isolation): number {
    return isolation === 'logEnd' ? this.progress.appendedBytes : this.progress.committedBytes
  }

  read(
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
    isolation: Isolation,
  ): ReadResult | Promise<ReadResult> {
    this.requireOpen()
    return this.log.read(offset, { maxBytes, minOneBatch, maxOffset: this.readableEnd(isolation) })
  }

  /** As `read` with the isolation `stable`, and with the aborted transactions in the range. */
  readCommitted(
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
  ): ReadResult | Promise<ReadResult | CommittedRead> {
    this.requireOpen()
    return this.log.readCommitted(offset, { maxBytes, minOneBatch, maxOffset: this.lastStableOffset })
  }

  addReadWaiter(waiter: ReadWaiter, isolation: Isolation): void {
    this.progress.waiters.add(waiter, isolation)
  }

  removeReadWaiter(waiter: ReadWaiter): void {
    this.progress.waiters.remove(waiter)
  }

  get isFailed(): boolean {
    return this.closed || this.log.failure !== undefined
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

  /** Throws UNKNOWN_TOPIC_OR_PARTITION once the partition is closed, KAFKA_STORAGE_ERROR once its log has failed. */
  requireOpen(): void {
    if (this.closed) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION')
    if (this.log.failure) throw new KafkaError('KAFKA_STORAGE_ERROR', this.log.failure.message)
  }
}
