/**
 * A partition as this broker has it: as its leader, which takes produce requests and serves readers, or as a
 * follower, which takes what a replica fetcher brings. Produce waits here for the high watermark and for the disks;
 * fetches wait here for records.
 *
 * INVARIANT: logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset; the high watermark goes back only
 * where a follower has to cut what its leader does not have. With this broker as the only replica it is the log end:
 * what is in the leader's page cache is in every in-sync replica's.
 */
import type { TopicConfig } from '../config/index.js'
import type { AbortedRange, ActiveProducer, CleanableLog } from '../log/cleanable-log.js'
import { enforceRetention, type RetentionSettings } from '../log/retention.js'
import type { NativeLog, ReadResult } from '../native/types.js'
import { KafkaError } from '../protocol/errors.js'
import type { ControlType } from '../protocol/index.js'
import type {
  AppendOutcome,
  CommittedRead,
  LeaderAppend,
  OpenTransaction,
  PartitionLog,
} from '../storage/index.js'
import { Acknowledgements } from './acknowledgements.js'
import { divergence, type EpochEnd, endOffsetForEpoch } from './epoch-ends.js'
import {
  type FollowerId,
  type LeaderEnvironment,
  Leadership,
  type PartitionState,
  type ReadableFollower,
} from './leadership.js'
import { LogProgress } from './log-progress.js'
import type { Isolation, ReadWaiter } from './read-waiters.js'
import { namesReplica } from './replication-quota.js'

export interface ProduceOutcome extends AppendOutcome {
  logStartOffset: number
}

/** What a produce request asks for, and what its version and sender allow. */
export interface ProduceOptions {
  readonly acks: number
  /** Older clients cannot read zstd. */
  readonly allowsZstd: boolean
  readonly allowsInternalTopics: boolean
}

export interface PartitionOptions {
  topic: string
  topicId: string
  /** Brokers alone write to it, unless a client is allowed to. */
  isInternal: boolean
  log: PartitionLog
  config: TopicConfig
  /** What is known to be committed of the log: from the checkpoint. */
  highWatermark: number
  environment: LeaderEnvironment
}

/** Followers let go what their leader lets go. */
const noRetention: RetentionSettings = { delete: false, retentionMs: -1, retentionBytes: -1 }

export class Partition implements CleanableLog {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly log: PartitionLog
  /** Told when a follower's flush position has risen. */
  onFollowerFlushed: (() => void) | undefined
  /** Told once, when the log has failed: nothing can be appended to it before it is opened anew. */
  onLogFailed: (() => void) | undefined
  readonly #isInternal: boolean
  readonly #environment: LeaderEnvironment
  #state: PartitionState | undefined
  /** While this broker leads. */
  #leadership: Leadership | undefined
  #config: TopicConfig
  readonly #progress: LogProgress
  readonly #acknowledgements = new Acknowledgements(() => this.#config.minInsyncReplicas)
  #closed = false

  constructor({ topic, topicId, isInternal, log, config, highWatermark, environment }: PartitionOptions) {
    this.topic = topic
    this.topicId = topicId
    this.partition = log.partition
    this.log = log
    this.#isInternal = isInternal
    this.#config = config
    this.#environment = environment
    this.#progress = new LogProgress(log.logEndOffset, Math.max(highWatermark, log.logStartOffset))
    log.listener = {
      onAppended: (result, sizeInBytes) => this.#onAppended(result.lastOffset + 1, sizeInBytes),
      onFlushed: () => this.#onFlushed(),
      onFailed: (error) => this.#onFailed(error),
    }
  }

  /** −1 before the partition is led or followed. */
  get leaderEpoch(): number {
    return this.#state?.leaderEpoch ?? -1
  }

  get isLeader(): boolean {
    return this.#leadership !== undefined
  }

  /** The in-sync replicas as the leader knows them. */
  get isr(): readonly number[] {
    return this.#leadership?.isr ?? this.#state?.isr ?? []
  }

  get replicas(): readonly number[] {
    return this.#state?.replicas ?? []
  }

  get highWatermark(): number {
    return this.#progress.highWatermark
  }

  /** The high watermark, but for a transaction that is open: below where it begins. */
  get lastStableOffset(): number {
    const { highWatermark } = this
    return Math.min(highWatermark, this.log.transactions.firstUnstableOffset ?? highWatermark)
  }

  get logStartOffset(): number {
    return this.log.logStartOffset
  }

  /** Of what has been told of as appended: the log itself may be further. */
  get logEndOffset(): number {
    return this.#progress.logEnd
  }

  get flushedOffset(): number {
    return this.log.flushedOffset
  }

  /** What is sent to a follower counts against the quota of leaders, and waits for it where that is not in sync. */
  get isThrottledAsLeader(): boolean {
    return this.#names(this.#config.leaderReplicationThrottledReplicas)
  }

  /** What this follower fetches counts against the quota of followers, and waits for it: it is not in sync. */
  get isThrottledAsFollower(): boolean {
    return (
      this.#names(this.#config.followerReplicationThrottledReplicas) &&
      !this.isr.includes(this.#environment.nodeId)
    )
  }

  #names(throttled: readonly string[]): boolean {
    return namesReplica(throttled, this.partition, this.#environment.nodeId)
  }

  get config(): TopicConfig {
    return this.#config
  }

  configure(config: TopicConfig): void {
    const nowMustFlush = this.#config.writeCaching && !config.writeCaching
    this.#config = config
    this.log.configure(config)
    // A follower joins by what is on its disk from now on, and the next append may be long in coming.
    if (nowMustFlush && !this.isFailed) this.native.flush().catch(() => {})
  }

  /**
   * This broker leads the partition, or goes on leading it with other replicas in sync. REQUIRES: nothing that it
   * fetched as a follower is under way.
   */
  lead(state: PartitionState): void {
    if (this.#closed) return
    this.#state = state
    if (this.#leadership?.leaderEpoch === state.leaderEpoch) {
      this.#leadership.update(state)
      return
    }
    this.#endLeadership()
    this.log.fence(state.leaderEpoch)
    this.#leadership = new Leadership(this.#environment, this, state, this.logEndOffset, () =>
      this.#advance(),
    )
    this.#progress.markAnew()
    this.#advance()
  }

  /** Another broker leads, or none. Resolves when no append of this one as the leader is under way. */
  async follow(state: PartitionState): Promise<void> {
    this.#state = state
    this.#endLeadership()
    this.log.fence(state.leaderEpoch + 1)
    await this.log.settled()
  }

  /**
   * Throws FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH for another epoch than the one that a client believes in
   * (KIP-320; −1 is not checked), NOT_LEADER_OR_FOLLOWER where this broker does not lead.
   */
  requireLeader(epoch = -1): void {
    this.requireEpoch(epoch)
    this.#requireLeadership()
  }

  /** As `requireLeader`, for what followers do too. */
  requireEpoch(epoch: number): void {
    if (epoch >= 0 && epoch !== this.leaderEpoch) {
      throw new KafkaError(epoch < this.leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH')
    }
  }

  /** The followers in sync that consumers could read from at `offset`; none where this broker does not lead. */
  followersAt(offset: number): readonly ReadableFollower[] {
    return this.#leadership?.followersAt(offset) ?? []
  }

  /** Throws where `produce` would reject before it appends anything, whatever the records are. */
  requireProducible(options: ProduceOptions): void {
    this.#requireWritableBy(options)
    this.#requireAppendable(options.acks === -1)
  }

  /**
   * Appends what a client produced. With acks −1 it resolves when the records are on disk at every in-sync replica
   * (with `write.caching` when they are in their page caches), with acks 1 when they are in the leader's page cache.
   * `onWritten` is called once where the records were appended: from then on `records` is the caller's again.
   */
  async produce(
    records: Uint8Array,
    options: ProduceOptions,
    onWritten?: () => void,
  ): Promise<ProduceOutcome> {
    this.#requireWritableBy(options)
    const { baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs, isDuplicate } = await this.#append(
      records,
      'client',
      options.acks === -1,
      options.allowsZstd,
      onWritten,
    )
    const { logStartOffset } = this
    return { baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs, isDuplicate, logStartOffset }
  }

  /** Appends what a coordinator of this broker wrote, with the durability of acks −1. */
  appendInternal(records: Uint8Array): Promise<AppendOutcome> {
    return this.#append(records, 'coordinator', true, true)
  }

  /** Exclusive upper bound of what a reader with this isolation may see. */
  readableEnd(isolation: Isolation): number {
    if (isolation === 'logEnd') return this.logEndOffset
    return isolation === 'committed' ? this.highWatermark : this.lastStableOffset
  }

  /** Bytes that have become readable since the partition was opened: what a waiting fetch counts. */
  readableBytes(isolation: Isolation): number {
    return isolation === 'logEnd' ? this.#progress.appendedBytes : this.#progress.committedBytes
  }

  /**
   * True where a new leader does not know yet how far its predecessor had committed: the watermark may be lower than
   * one that clients have seen.
   */
  get isCatchingUp(): boolean {
    return this.#leadership !== undefined && this.highWatermark < this.#leadership.epochStartOffset
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
    const { leaderEpoch } = this.#requireLeadership()
    await this.log.endTransaction(transaction, type, producerEpoch, leaderEpoch)
    await this.log.native.flush()
    this.#progress.waiters.onCommitted()
  }

  addReadWaiter(waiter: ReadWaiter, isolation: Isolation): void {
    this.#progress.waiters.add(waiter, isolation)
  }

  removeReadWaiter(waiter: ReadWaiter): void {
    this.#progress.waiters.remove(waiter)
  }

  /** Where a log whose last record is of `lastEpoch`, and that ends at `offset`, parts from this one. */
  divergence(lastEpoch: number, offset: number): EpochEnd | undefined {
    // What nearly every fetch finds, thousands of times where there are thousands of partitions.
    if (lastEpoch === this.leaderEpoch && offset <= this.logEndOffset) return undefined
    return divergence(this.log, this.leaderEpoch, lastEpoch, offset)
  }

  /** The end of the newest epoch up to `epoch`, as OffsetForLeaderEpoch answers it. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    return endOffsetForEpoch(this.log, this.leaderEpoch, epoch)
  }

  /** A follower asks for what comes at `fetchOffset`, and has all below. Throws where it is none of the replicas. */
  recordFetch(follower: FollowerId, fetchOffset: number, logStartOffset: number): void {
    const leadership = this.#requireLeadership()
    if (!leadership.isReplica(follower.id)) {
      throw new KafkaError(
        'UNKNOWN_LEADER_EPOCH',
        `${this.topic}-${this.partition} has no replica at ${follower.id}.`,
      )
    }
    leadership.fetched(follower, fetchOffset, logStartOffset, this.logEndOffset)
    this.#advance()
    leadership.dropIfBehind(follower.id, this.highWatermark)
    leadership.considerJoin(follower.id, this.highWatermark, this.#config.writeCaching)
  }

  /** What a follower asks for waits for the quota: nothing may wait for that follower. */
  recordThrottled(followerId: number): void {
    this.#leadership?.throttled(followerId)
    this.#advance()
  }

  /** A follower of this epoch tells how far its log is on disk. */
  recordFlush(follower: FollowerId, leaderEpoch: number, flushedOffset: number): void {
    const leadership = this.#leadership
    if (leadership?.leaderEpoch !== leaderEpoch) return
    leadership.flushed(follower, flushedOffset)
    this.#advance()
    leadership.considerJoin(follower.id, this.highWatermark, this.#config.writeCaching)
  }

  /** Takes followers that lag out of the ISR; called from time to time. */
  checkLag(): void {
    this.#leadership?.dropLaggards(this.logEndOffset)
  }

  /** Appends what the leader of the epoch that is followed has sent. REQUIRES: whole batches, the first at the log end. */
  async appendAsFollower(records: Uint8Array): Promise<void> {
    this.#requireOpen()
    await this.log.appendAsFollower(records, !this.#config.writeCaching)
  }

  /** What the leader says of its log: how far it is committed, and where it begins. */
  followLeader(highWatermark: number, logStartOffset: number): void {
    if (this.#leadership) return
    this.#progress.commit(Math.min(highWatermark, this.logEndOffset))
    this.log.raiseLogStartOffset(Math.min(logStartOffset, this.highWatermark))
  }

  /** Cuts what the leader does not have. REQUIRES: a follower without an append under way. */
  async truncate(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<void> {
    this.#requireOpen()
    this.#progress.cut(await this.log.truncate(offset, writeRecoveryPoints))
  }

  /** Starts anew where the leader's log begins. REQUIRES: a follower without an append under way. */
  async reset(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<void> {
    this.#requireOpen()
    await this.log.reset(offset, writeRecoveryPoints)
    this.#progress.restart(offset)
  }

  /**
   * Moves the log start to `offset`; −1 means the high watermark. Resolves with the lowest log start offset of the
   * in-sync replicas, once all of them have moved theirs.
   */
  async deleteRecords(offset: number): Promise<number> {
    this.#requireOpen()
    this.#requireNotFenced()
    const leadership = this.#requireLeadership()
    const target = offset === -1 ? this.highWatermark : offset
    if (target < 0 || target > this.highWatermark) {
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `Records can be deleted up to the high watermark, ${this.highWatermark}; ${offset} lies beyond it.`,
      )
    }
    if (this.log.raiseLogStartOffset(target)) this.#progress.waiters.onLogStartRaised()
    await this.log.deleteOldSegments()
    if (this.#leadership !== leadership) throw this.#notLeader()
    if (leadership.lowestLogStart(this.logStartOffset) < target)
      await this.#acknowledgements.waitForLogStarts(target)
    this.#requireNotFenced()
    return leadership.lowestLogStart(this.logStartOffset)
  }

  /** Deletes what retention lets go; resolves with the number of segments deleted. */
  async enforceRetention(nowMs: number): Promise<number> {
    if (this.#closed || this.log.failure) return 0
    const { log, highWatermark } = this
    return enforceRetention(
      {
        config: this.#leadership ? this.#config : noRetention,
        highWatermark,
        logEndOffset: log.logEndOffset,
        logStartOffset: log.logStartOffset,
        segments: () => log.segments(),
        checkTimestamps: (belowMs) => log.native.checkTimestamps(belowMs),
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
    this.#endLeadership()
    this.log.listener = undefined
  }

  async #append(
    records: Uint8Array,
    origin: LeaderAppend['origin'],
    byAllReplicas: boolean,
    allowsZstd: boolean,
    onWritten?: () => void,
  ): Promise<AppendOutcome> {
    const leadership = this.#requireAppendable(byAllReplicas)
    const { leaderEpoch } = leadership
    const flush = byAllReplicas && !this.#config.writeCaching
    const outcome = await this.log.appendAsLeader(records, { leaderEpoch, origin, allowsZstd, flush })
    onWritten?.()
    if (byAllReplicas) {
      const waiting = this.#acknowledged(leadership, outcome.lastOffset + 1, flush)
      if (waiting) await waiting
    }
    this.#requireNotFenced()
    return outcome
  }

  #requireWritableBy({ allowsInternalTopics }: ProduceOptions): void {
    if (this.#isInternal && !allowsInternalTopics) {
      throw new KafkaError('INVALID_TOPIC_EXCEPTION', `${this.topic} is written by brokers alone.`)
    }
  }

  #requireAppendable(byAllReplicas: boolean): Leadership {
    this.#requireOpen()
    this.#requireNotFenced()
    const leadership = this.#requireLeadership()
    if (byAllReplicas) this.#acknowledgements.requireInSync(leadership)
    return leadership
  }

  #requireOpen(): void {
    if (this.#closed) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION')
    if (this.log.failure) throw new KafkaError('KAFKA_STORAGE_ERROR', this.log.failure.message)
  }

  /** Checked before a leader changes its log, and again before it says that it has. */
  #requireNotFenced(): void {
    if (!this.#environment.isFenced()) return
    throw new KafkaError(
      'NOT_LEADER_OR_FOLLOWER',
      'The lease of this broker has ended: it leads nothing until it has registered again.',
    )
  }

  #requireLeadership(): Leadership {
    if (this.#leadership) return this.#leadership
    throw this.#notLeader()
  }

  #notLeader(): KafkaError {
    return new KafkaError(
      'NOT_LEADER_OR_FOLLOWER',
      `This broker does not lead ${this.topic}-${this.partition}.`,
    )
  }

  /** Undefined where what ends at `endOffset` is safe already. Rejects where this broker stops leading before. */
  #acknowledged(leadership: Leadership, endOffset: number, flush: boolean): Promise<void> | undefined {
    if (this.#leadership !== leadership) throw this.#notLeader()
    const waiting = this.#acknowledgements.wait(leadership, endOffset, flush, this)
    // A log that failed meanwhile has told those who waited by then.
    if (waiting && this.log.failure) this.#onFailed(this.log.failure)
    return waiting
  }

  #onAppended(endOffset: number, sizeInBytes: number): void {
    this.#progress.append(endOffset, sizeInBytes)
    if (this.#leadership) {
      this.#progress.waiters.onAppended()
      this.#advance()
    }
    this.#progress.mark()
  }

  #onFlushed(): void {
    if (this.#leadership) this.#advance()
    else this.onFollowerFlushed?.()
  }

  /** Brings the watermark and the acknowledgements to where the replicas are. */
  #advance(): void {
    const leadership = this.#leadership
    if (!leadership) return
    this.#progress.commit(leadership.committedOffset(this.logEndOffset))
    this.#acknowledgements.pass(leadership, this)
  }

  #endLeadership(): void {
    this.#leadership?.end()
    this.#leadership = undefined
    this.#acknowledgements.fail(() => this.#notLeader())
    this.#progress.waiters.onRoleChanged()
  }

  #onFailed(error: Error): void {
    const { onLogFailed } = this
    this.onLogFailed = undefined
    onLogFailed?.()
    this.#acknowledgements.fail(() => new KafkaError('KAFKA_STORAGE_ERROR', error.message))
  }
}
