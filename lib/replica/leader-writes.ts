/**
 * What the leader of a partition writes: batches of clients and of this broker's coordinators, the ends of transactions,
 * and the log start. Each write waits here for the replicas and disks that its durability asks for.
 *
 * A broker whose lease has ended writes nothing and acknowledges nothing: the fence is asked before the log changes, and
 * again before a write is answered.
 */
import type { TopicConfig } from '../config/index.js'
import { KafkaError } from '../protocol/errors.js'
import type { ControlType } from '../protocol/index.js'
import type { AppendOutcome, LeaderAppend, OpenTransaction, PartitionLog } from '../storage/index.js'
import { Acknowledgements, type LeaderOffsets } from './acknowledgements.js'
import type { Leadership } from './leadership.js'
import type { ReadWaiters } from './read-waiters.js'

/** What a produce request asks for, and what its version and sender allow. */
export interface ProduceOptions {
  readonly acks: number
  /** Older clients cannot read zstd. */
  readonly allowsZstd: boolean
  readonly allowsInternalTopics: boolean
}

export interface ProduceOutcome extends AppendOutcome {
  logStartOffset: number
}

/** The partition, as its writes see it. */
export interface LedPartition extends LeaderOffsets {
  readonly topic: string
  readonly log: PartitionLog
  readonly config: TopicConfig
  /** Undefined while this broker does not lead. */
  readonly leadership: Leadership | undefined
  /** Throws where the partition is closed or its log has failed. */
  requireOpen(): void
  notLeader(): KafkaError
}

export interface LeaderWritesOptions {
  readonly partition: LedPartition
  /** Brokers alone write to it, unless a client is allowed to. */
  readonly isInternal: boolean
  /** Fetches that a write may complete. */
  readonly readWaiters: ReadWaiters
  isFenced(): boolean
}

export class LeaderWrites {
  readonly #partition: LedPartition
  readonly #options: LeaderWritesOptions
  readonly #acknowledgements: Acknowledgements

  constructor(options: LeaderWritesOptions) {
    const { partition } = options
    this.#partition = partition
    this.#options = options
    this.#acknowledgements = new Acknowledgements(() => partition.config.minInsyncReplicas)
  }

  /** Throws where `produce` would reject before it appends anything, whatever the records are. */
  requireProducible(options: ProduceOptions): void {
    this.#requireWritableBy(options)
    this.#requireAppendable(options.acks === -1)
  }

  async produce(
    records: Uint8Array,
    options: ProduceOptions,
    onWritten?: () => void,
  ): Promise<ProduceOutcome> {
    this.#requireWritableBy(options)
    const { acks, allowsZstd } = options
    const { baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs, isDuplicate } = await this.#append(
      records,
      'client',
      acks === -1,
      allowsZstd,
      onWritten,
    )
    const { logStartOffset } = this.#partition
    return { baseOffset, lastOffset, logAppendTimeMs, maxTimestampMs, isDuplicate, logStartOffset }
  }

  appendInternal(records: Uint8Array): Promise<AppendOutcome> {
    return this.#append(records, 'coordinator', true, true)
  }

  async endTransaction(
    transaction: OpenTransaction,
    type: ControlType,
    producerEpoch: number,
  ): Promise<void> {
    const { leaderEpoch } = this.#requireLeadership()
    const { log } = this.#partition
    await log.endTransaction(transaction, type, producerEpoch, leaderEpoch)
    await log.native.flush()
    this.#options.readWaiters.onCommitted()
  }

  async deleteRecords(offset: number): Promise<number> {
    const partition = this.#partition
    partition.requireOpen()
    this.#requireNotFenced()
    const leadership = this.#requireLeadership()
    const { highWatermark } = partition
    const target = offset === -1 ? highWatermark : offset
    if (target < 0 || target > highWatermark) {
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `Records can be deleted up to the high watermark, ${highWatermark}; ${offset} lies beyond it.`,
      )
    }
    if (partition.log.raiseLogStartOffset(target)) this.#options.readWaiters.onLogStartRaised()
    await partition.log.deleteOldSegments()
    if (partition.leadership !== leadership) throw partition.notLeader()
    if (leadership.lowestLogStart(partition.logStartOffset) < target)
      await this.#acknowledgements.waitForLogStarts(target)
    this.#requireNotFenced()
    return leadership.lowestLogStart(partition.logStartOffset)
  }

  /** Completes the waits that the replicas' offsets now satisfy. */
  pass(leadership: Leadership): void {
    this.#acknowledgements.pass(leadership, this.#partition)
  }

  /** Rejects all waits. `why` is called only if there is one. */
  fail(why: () => KafkaError): void {
    this.#acknowledgements.fail(why)
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
    const { log, config } = this.#partition
    const flush = byAllReplicas && !config.writeCaching
    const outcome = await log.appendAsLeader(records, { leaderEpoch, origin, allowsZstd, flush })
    onWritten?.()
    if (byAllReplicas) {
      const waiting = this.#acknowledged(leadership, outcome.lastOffset + 1, flush)
      if (waiting) await waiting
    }
    this.#requireNotFenced()
    return outcome
  }

  /** Undefined where what ends at `endOffset` is safe already. Rejects where this broker stops leading before. */
  #acknowledged(leadership: Leadership, endOffset: number, flush: boolean): Promise<void> | undefined {
    const partition = this.#partition
    if (partition.leadership !== leadership) throw partition.notLeader()
    const waiting = this.#acknowledgements.wait(leadership, endOffset, flush, partition)
    const { failure } = partition.log
    // A log that failed in the meantime has already rejected the waits of its time.
    if (waiting && failure) this.fail(() => new KafkaError('KAFKA_STORAGE_ERROR', failure.message))
    return waiting
  }

  #requireWritableBy({ allowsInternalTopics }: ProduceOptions): void {
    if (this.#options.isInternal && !allowsInternalTopics) {
      throw new KafkaError('INVALID_TOPIC_EXCEPTION', `${this.#partition.topic} is written by brokers alone.`)
    }
  }

  #requireAppendable(byAllReplicas: boolean): Leadership {
    this.#partition.requireOpen()
    this.#requireNotFenced()
    const leadership = this.#requireLeadership()
    if (byAllReplicas) this.#acknowledgements.requireInSync(leadership)
    return leadership
  }

  #requireNotFenced(): void {
    if (!this.#options.isFenced()) return
    throw new KafkaError(
      'NOT_LEADER_OR_FOLLOWER',
      'The lease of this broker has ended: it leads nothing until it has registered again.',
    )
  }

  #requireLeadership(): Leadership {
    const { leadership } = this.#partition
    if (leadership) return leadership
    throw this.#partition.notLeader()
  }
}
