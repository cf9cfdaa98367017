/**
 * One fetch under way: reads its partitions, and waits for more while there is less than the client asked for. Wakes
 * on appends to its partitions, on its deadline and on the connection's close; nothing polls.
 */
import type { FileRange, ReadResult } from '../../native/types.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { Isolation, Partition, ReadWaiter, Replicas, ReplicationQuota } from '../../replica/index.js'
import { type AbortedTransaction, type CommittedRead, toKafkaError } from '../../storage/index.js'
import { clearTimeout, setTimeout } from '../../time/index.js'
import type { FetchPartition } from './fetch-sessions.js'

export interface FetchLimits {
  /** Bytes over all partitions. */
  maxBytes: number
  minBytes: number
  maxWaitMs: number
  /** Undefined where the fetcher may read every topic. */
  permits: ((topic: string) => boolean) | undefined
  isolation: Isolation
  /** The replica that fetches; undefined for consumers. */
  follower: { id: number; brokerEpoch: number } | undefined
  /** Who is served of partitions that this broker follows (KIP-392): nobody, who tells the leader's epoch, all. */
  followerReads: 'none' | 'with-epoch' | 'all'
  /** Who had better be asked for what begins at `fetchOffset` of a partition that this broker leads; −1: nobody else. */
  preferredReplica: ((partition: Partition, fetchOffset: number) => number) | undefined
}

export interface PartitionFetch {
  wanted: FetchPartition
  errorCode: number
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
  /** Null where there is nothing to send. */
  range: FileRange | null
  /** Transactions whose records in the range are not for readers of committed ones. */
  aborted: readonly AbortedTransaction[]
  /** Where the fetcher's log parts from this one. */
  divergingEpoch: { epoch: number; endOffset: number } | undefined
  /** The replica to ask instead; −1: none. */
  preferredReplica: number
}

/** Answered together with the other partitions of a consumer, after its wait: it may ask for them again and again. */
const lasting: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
])

interface Target {
  wanted: FetchPartition
  partition: Partition | undefined
  errorCode: number
}

export class Fetch {
  readonly #targets: Target[]
  readonly #limits: FetchLimits
  readonly #quota: ReplicationQuota
  #isRecorded = false
  /** Of what was read last: bytes that count against the quota, and whether something waits for it. */
  #throttledBytes = 0
  #isAnyHeldBack = false
  /** Of what was read last: a partition has more than its bounds, or its segment, let one read have. */
  #isAnyCut = false
  #stopWaiting: (() => void) | undefined
  #mayWait = true

  constructor(replicas: Replicas, wanted: readonly FetchPartition[], limits: FetchLimits) {
    this.#limits = limits
    this.#quota = replicas.leaderQuota
    this.#targets = wanted.map((each) => resolveTarget(replicas, each, limits.permits))
  }

  /** Resolves with what there is once it is enough, or once the wait is over. Ranges belong to the caller. */
  async run(onClose: (callback: () => void) => () => void): Promise<PartitionFetch[]> {
    const deadline = performance.now() + this.#limits.maxWaitMs
    for (;;) {
      const seen = this.#readableBytes()
      const result = await this.#read()
      const bytes = result.reduce((sum, { range }) => sum + (range?.byteLength ?? 0), 0)
      const waitMs = this.#mayWait ? deadline - performance.now() : 0
      if (bytes >= this.#limits.minBytes || this.#isUrgent(result) || waitMs <= 0) {
        if (this.#throttledBytes > 0) this.#quota.record(this.#throttledBytes)
        return result
      }
      for (const { range } of result) range?.release()
      const restMs = this.#isAnyHeldBack
        ? Math.min(waitMs, Math.max(1, this.#quota.untilAllowedMs()))
        : waitMs
      if (!(await this.#wait(seen, this.#limits.minBytes - bytes, restMs, onClose))) return []
    }
  }

  /** Has it answered with what there is, without any more waiting. */
  finish(): void {
    this.#mayWait = false
    this.#stopWaiting?.()
  }

  /** Waiting brings nothing, or keeps the client from what it has to know. */
  #isUrgent(result: readonly PartitionFetch[]): boolean {
    if (this.#isAnyCut || this.#targets.every(({ partition }) => !partition)) return true
    return result.some(({ errorCode, divergingEpoch, preferredReplica }) => {
      if (divergingEpoch || preferredReplica >= 0) return true
      // A consumer that goes on asking for what was deleted would else never wait, for the others neither. A follower
      // may be ahead of this broker.
      return errorCode !== ErrorCode.NONE && (this.#limits.follower || !lasting.has(errorCode))
    })
  }

  async #read(): Promise<PartitionFetch[]> {
    let remaining = this.#limits.maxBytes
    let hasData = false
    this.#throttledBytes = 0
    this.#isAnyHeldBack = false
    this.#isAnyCut = false
    const result: PartitionFetch[] = []
    for (const { wanted, partition, errorCode } of this.#targets) {
      if (!partition) {
        result.push(failure(wanted, errorCode))
        continue
      }
      try {
        const fetched = this.#examine(partition, wanted)
        if (!fetched.divergingEpoch) {
          const maxBytes = Math.min(wanted.maxBytes, Math.max(remaining, 0))
          const { isolation } = this.#limits
          let read: ReadResult | CommittedRead | undefined
          // A new leader's watermark may be behind what a consumer has read from its predecessor.
          const { fetchOffset } = wanted
          const atEnd =
            fetchOffset >= partition.readableEnd(isolation) && fetchOffset <= partition.logEndOffset
          const mayRead = fetched.preferredReplica < 0 && (maxBytes > 0 || !hasData)
          if (!atEnd && mayRead && !this.#isHeldBack(partition)) {
            const reading =
              isolation === 'stable'
                ? partition.readCommitted(fetchOffset, maxBytes, !hasData)
                : partition.read(fetchOffset, maxBytes, !hasData, isolation)
            read = reading instanceof Promise ? await reading : reading
          }
          fetched.range = read?.range ?? null
          if (read && 'aborted' in read) fetched.aborted = read.aborted
          if (fetched.range) {
            hasData = true
            remaining -= fetched.range.byteLength
            const { activeSegmentOffset } = partition.log
            const isOfOlderSegment =
              fetchOffset < activeSegmentOffset && activeSegmentOffset < partition.readableEnd(isolation)
            if (fetched.range.byteLength >= maxBytes || isOfOlderSegment) this.#isAnyCut = true
            if (this.#limits.follower && partition.isThrottledAsLeader)
              this.#throttledBytes += fetched.range.byteLength
          }
          fetched.highWatermark = partition.highWatermark
          fetched.lastStableOffset = partition.lastStableOffset
          fetched.logStartOffset = partition.logStartOffset
        }
        result.push(fetched)
      } catch (error) {
        const kafkaError = toKafkaError(error)
        if (!(kafkaError instanceof KafkaError)) throw error
        const failed = failure(wanted, kafkaError.code)
        // A follower that is out of range has to know where to start anew.
        if (this.#limits.follower && kafkaError.code === ErrorCode.OFFSET_OUT_OF_RANGE)
          failed.logStartOffset = partition.logStartOffset
        result.push(failed)
      }
    }
    this.#isRecorded = true
    return result
  }

  /** Whether the partition is served to this fetcher, and whether their logs are one. */
  #examine(partition: Partition, wanted: FetchPartition): PartitionFetch {
    const { follower } = this.#limits
    const answer = failure(wanted, ErrorCode.NONE)
    const { followerReads } = this.#limits
    const tellsEpoch = wanted.currentLeaderEpoch >= 0
    if (!partition.isLeader && (followerReads === 'all' || (followerReads === 'with-epoch' && tellsEpoch))) {
      partition.requireEpoch(wanted.currentLeaderEpoch)
      // Who knows of no epochs would take an offset that is not here yet for one that is gone.
      if (!tellsEpoch && wanted.fetchOffset > partition.log.logEndOffset)
        throw new KafkaError('NOT_LEADER_OR_FOLLOWER')
      return answer
    }
    partition.requireLeader(wanted.currentLeaderEpoch)
    answer.preferredReplica = this.#limits.preferredReplica?.(partition, wanted.fetchOffset) ?? -1
    answer.divergingEpoch = partition.divergence(wanted.lastFetchedEpoch, wanted.fetchOffset)
    // What a fetch acknowledges it does so when it comes, not whenever it is looked at again.
    if (follower && !answer.divergingEpoch && !this.#isRecorded) {
      partition.recordFetch(follower, wanted.fetchOffset, wanted.logStartOffset)
    }
    return answer
  }

  /** A follower that is not in sync waits for the quota of a throttled partition. */
  #isHeldBack(partition: Partition): boolean {
    const { follower } = this.#limits
    if (!follower || !partition.isThrottledAsLeader || partition.isr.includes(follower.id)) return false
    if (this.#quota.allows(this.#throttledBytes)) return false
    this.#isAnyHeldBack = true
    partition.recordThrottled(follower.id)
    return true
  }

  #readableBytes(): number {
    let bytes = 0
    for (const { partition } of this.#targets) bytes += partition?.readableBytes(this.#limits.isolation) ?? 0
    return bytes
  }

  /** Resolves true when about `missing` bytes more were appended or time is over; false when the client has gone. */
  #wait(
    seen: number,
    missing: number,
    waitMs: number,
    onClose: (callback: () => void) => () => void,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      let scheduled = false
      const finish = (goOn: boolean) => {
        clearTimeout(timer)
        stopListening()
        this.#stopWaiting = undefined
        for (const { partition } of this.#targets) partition?.removeReadWaiter(waiter)
        resolve(goOn)
      }
      const check = () => {
        scheduled = false
        if (this.#readableBytes() - seen >= missing) finish(true)
      }
      const waiter: ReadWaiter = {
        // One look for all appends of a turn of the event loop.
        onReadable: () => {
          if (scheduled) return
          scheduled = true
          queueMicrotask(check)
        },
        onChanged: () => this.finish(),
      }
      const timer = setTimeout(() => finish(true), waitMs)
      const stopListening = onClose(() => finish(false))
      this.#stopWaiting = () => finish(true)
      for (const { partition } of this.#targets) partition?.addReadWaiter(waiter, this.#limits.isolation)
      // What was appended while the partitions were read.
      check()
    })
  }
}

function resolveTarget(replicas: Replicas, wanted: FetchPartition, permits: FetchLimits['permits']): Target {
  if (wanted.topic === '') return { wanted, partition: undefined, errorCode: ErrorCode.UNKNOWN_TOPIC_ID }
  if (permits?.(wanted.topic) === false) {
    return { wanted, partition: undefined, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }
  }
  try {
    return { wanted, partition: replicas.get(wanted.topic, wanted.partition), errorCode: ErrorCode.NONE }
  } catch (error) {
    return { wanted, partition: undefined, errorCode: (error as KafkaError).code }
  }
}

function failure(wanted: FetchPartition, errorCode: number): PartitionFetch {
  return {
    wanted,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    range: null,
    aborted: [],
    divergingEpoch: undefined,
    preferredReplica: -1,
  }
}
