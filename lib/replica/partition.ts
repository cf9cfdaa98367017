/**
 * A partition as this broker has it: as its leader, which takes produce requests and serves readers, or as a
 * follower, which appends what a replica fetcher brings. `LeaderWrites` has the leader's appends, `ReadablePartition` the
 * reads; the roles, and how far the replicas are, stand here.
 *
 * The high watermark goes back only where a follower has to cut what its leader does not have. With this broker as the
 * only replica it is the log end: what is in the leader's page cache is in every in-sync replica's.
 */
import type { TopicConfig } from '../config/index.js'
import { enforceRetention, type RetentionSettings } from '../log/retention.js'
import { KafkaError } from '../protocol/errors.js'
import type { ControlType } from '../protocol/index.js'
import type { AppendOutcome, OpenTransaction, PartitionLog } from '../storage/index.js'
import { divergence, type EpochEnd, endOffsetForEpoch } from './epoch-ends.js'
import { LeaderWrites, type ProduceOptions, type ProduceOutcome } from './leader-writes.js'
import {
  type FollowerId,
  type LeaderEnvironment,
  Leadership,
  type PartitionState,
  type ReadableFollower,
} from './leadership.js'
import { ReadablePartition } from './readable-partition.js'
import { namesReplica } from './replication-quota.js'

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

/** Followers delete what their leader has deleted. */
const noRetention: RetentionSettings = { delete: false, retentionMs: -1, retentionBytes: -1 }

export class Partition extends ReadablePartition {
  /** Called when the flushed offset of this follower has risen. */
  onFollowerFlushed: (() => void) | undefined
  /** Called once, when the log has failed: it takes no appends before it is opened again. */
  onLogFailed: (() => void) | undefined
  readonly #environment: LeaderEnvironment
  readonly #writes: LeaderWrites
  #state: PartitionState | undefined
  /** While this broker leads. */
  #leadership: Leadership | undefined
  #config: TopicConfig

  constructor({ topic, topicId, isInternal, log, config, highWatermark, environment }: PartitionOptions) {
    super(topic, topicId, log, highWatermark)
    this.#config = config
    this.#environment = environment
    this.#writes = new LeaderWrites({
      partition: this,
      isInternal,
      readWaiters: this.progress.waiters,
      isFenced: () => environment.isFenced(),
    })
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

  get leadership(): Leadership | undefined {
    return this.#leadership
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
    if (this.closed) return
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
    this.progress.restartMarks()
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
    this.#writes.requireProducible(options)
  }

  /**
   * Appends what a client produced. With acks −1 it resolves when the records are on disk at every in-sync replica
   * (with `write.caching` when they are in their page caches), with acks 1 when they are in the leader's page cache.
   * `onWritten` is called once where the records were appended: from then on `records` is the caller's again.
   */
  produce(records: Uint8Array, options: ProduceOptions, onWritten?: () => void): Promise<ProduceOutcome> {
    return this.#writes.produce(records, options, onWritten)
  }

  /** Appends what a coordinator of this broker wrote, with the durability of acks −1. */
  appendInternal(records: Uint8Array): Promise<AppendOutcome> {
    return this.#writes.appendInternal(records)
  }

  /** Ends a transaction that was left open. Resolves when its end is on disk. */
  endTransaction(transaction: OpenTransaction, type: ControlType, producerEpoch: number): Promise<void> {
    return this.#writes.endTransaction(transaction, type, producerEpoch)
  }

  /**
   * Moves the log start to `offset`; −1 means the high watermark. Resolves with the lowest log start offset of the
   * in-sync replicas, once all of them have moved theirs.
   */
  deleteRecords(offset: number): Promise<number> {
    return this.#writes.deleteRecords(offset)
  }

  /**
   * True where a new leader does not know yet how far its predecessor had committed: the watermark may be lower than
   * one that clients have seen.
   */
  get isCatchingUp(): boolean {
    return this.#leadership !== undefined && this.highWatermark < this.#leadership.epochStartOffset
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
    this.requireOpen()
    await this.log.appendAsFollower(records, !this.#config.writeCaching)
  }

  /** What the leader says of its log: how far it is committed, and where it begins. */
  followLeader(highWatermark: number, logStartOffset: number): void {
    if (this.#leadership) return
    this.progress.commit(Math.min(highWatermark, this.logEndOffset))
    this.log.raiseLogStartOffset(Math.min(logStartOffset, this.highWatermark))
  }

  /** Cuts what the leader does not have. REQUIRES: a follower without an append under way. */
  async truncate(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<void> {
    this.requireOpen()
    this.progress.cut(await this.log.truncate(offset, writeRecoveryPoints))
  }

  /** Starts anew where the leader's log begins. REQUIRES: a follower without an append under way. */
  async reset(offset: number, writeRecoveryPoints: () => Promise<void>): Promise<void> {
    this.requireOpen()
    await this.log.reset(offset, writeRecoveryPoints)
    this.progress.restart(offset)
  }

  /** Deletes what retention lets go; resolves with the number of segments deleted. */
  async enforceRetention(nowMs: number): Promise<number> {
    if (this.closed || this.log.failure) return 0
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

  /** Takes the partition out of service: whatever waits is answered. The log stays open. */
  close(): void {
    this.closed = true
    this.#endLeadership()
    this.log.listener = undefined
  }

  #requireLeadership(): Leadership {
    if (this.#leadership) return this.#leadership
    throw this.notLeader()
  }

  notLeader(): KafkaError {
    return new KafkaError(
      'NOT_LEADER_OR_FOLLOWER',
      `This broker does not lead ${this.topic}-${this.partition}.`,
    )
  }

  #onAppended(endOffset: number, sizeInBytes: number): void {
    this.progress.append(endOffset, sizeInBytes)
    if (this.#leadership) {
      this.progress.waiters.onAppended()
      this.#advance()
    }
    this.progress.mark()
  }

  #onFlushed(): void {
    if (this.#leadership) this.#advance()
    else this.onFollowerFlushed?.()
  }

  /** Brings the watermark and the acknowledgements to where the replicas are. */
  #advance(): void {
    const leadership = this.#leadership
    if (!leadership) return
    this.progress.commit(leadership.committedOffset(this.logEndOffset))
    this.#writes.pass(leadership)
  }

  #endLeadership(): void {
    this.#leadership?.end()
    this.#leadership = undefined
    this.#writes.fail(() => this.notLeader())
    this.progress.waiters.onRoleChanged()
  }

  #onFailed(error: Error): void {
    const { onLogFailed } = this
    this.onLogFailed = undefined
    onLogFailed?.()
    this.#writes.fail(() => new KafkaError('KAFKA_STORAGE_ERROR', error.message))
  }
}
