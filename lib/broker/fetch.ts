/**
 * One fetch under way: reads its partitions, and waits for more while there is less than the client asked for. Wakes
 * on appends to its partitions, on its deadline and on the connection's close; nothing polls.
 */
import type { FileRange, ReadResult } from '../native/types.js'
import { ErrorCode, KafkaError } from '../protocol/errors.js'
import type { Isolation, Partition, Replicas } from '../replica/index.js'
import { type AbortedTransaction, type CommittedRead, toKafkaError } from '../storage/index.js'
import type { FetchPartition } from './fetch-sessions.js'

export interface FetchLimits {
  /** Bytes over all partitions. */
  maxBytes: number
  minBytes: number
  maxWaitMs: number
  isolation: Isolation
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
}

interface Target {
  wanted: FetchPartition
  partition: Partition | undefined
  errorCode: number
}

export class Fetch {
  readonly #targets: Target[]
  readonly #limits: FetchLimits

  constructor(replicas: Replicas, wanted: readonly FetchPartition[], limits: FetchLimits) {
    this.#limits = limits
    this.#targets = wanted.map((each) => resolveTarget(replicas, each))
  }

  /** Resolves with what there is once it is enough, or once the wait is over. Ranges belong to the caller. */
  async run(onClose: (callback: () => void) => () => void): Promise<PartitionFetch[]> {
    const deadline = performance.now() + this.#limits.maxWaitMs
    for (;;) {
      const seen = this.#committedBytes()
      const result = await this.#read()
      const bytes = result.reduce((sum, { range }) => sum + (range?.byteLength ?? 0), 0)
      const waitMs = deadline - performance.now()
      const failed = result.some(({ errorCode }) => errorCode !== ErrorCode.NONE)
      if (bytes >= this.#limits.minBytes || failed || waitMs <= 0 || result.length === 0) return result
      for (const { range } of result) range?.release()
      if (!(await this.#wait(seen, this.#limits.minBytes - bytes, waitMs, onClose))) return []
    }
  }

  async #read(): Promise<PartitionFetch[]> {
    let remaining = this.#limits.maxBytes
    let hasData = false
    const result: PartitionFetch[] = []
    for (const { wanted, partition, errorCode } of this.#targets) {
      if (!partition) {
        result.push(failure(wanted, errorCode))
        continue
      }
      try {
        partition.checkLeaderEpoch(wanted.currentLeaderEpoch)
        const maxBytes = Math.min(wanted.maxBytes, Math.max(remaining, 0))
        let read: ReadResult | CommittedRead | undefined
        const atEnd = wanted.fetchOffset === partition.readableEnd(this.#limits.isolation)
        if (!atEnd && (maxBytes > 0 || !hasData)) {
          const reading =
            this.#limits.isolation === 'stable'
              ? partition.readCommitted(wanted.fetchOffset, maxBytes, !hasData)
              : partition.read(wanted.fetchOffset, maxBytes, !hasData, this.#limits.isolation)
          read = reading instanceof Promise ? await reading : reading
        }
        const range = read?.range ?? null
        if (range) {
          hasData = true
          remaining -= range.byteLength
        }
        const { highWatermark, lastStableOffset, logStartOffset } = partition
        result.push({
          wanted,
          errorCode: ErrorCode.NONE,
          highWatermark,
          lastStableOffset,
          logStartOffset,
          range,
          aborted: read && 'aborted' in read ? read.aborted : [],
        })
      } catch (error) {
        const kafkaError = toKafkaError(error)
        if (!(kafkaError instanceof KafkaError)) throw error
        result.push(failure(wanted, kafkaError.code))
      }
    }
    return result
  }

  #committedBytes(): number {
    let bytes = 0
    for (const { partition } of this.#targets) if (partition) bytes += partition.committedBytes
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
        for (const { partition } of this.#targets) partition?.removeReadWaiter(waiter)
        resolve(goOn)
      }
      const check = () => {
        scheduled = false
        if (this.#committedBytes() - seen >= missing) finish(true)
      }
      const waiter = {
        // One look for all appends of a turn of the event loop.
        onReadable: () => {
          if (scheduled) return
          scheduled = true
          queueMicrotask(check)
        },
      }
      const timer = setTimeout(() => finish(true), waitMs)
      const stopListening = onClose(() => finish(false))
      for (const { partition } of this.#targets) partition?.addReadWaiter(waiter)
      // What was appended while the partitions were read.
      check()
    })
  }
}

function resolveTarget(replicas: Replicas, wanted: FetchPartition): Target {
  if (wanted.topic === '') return { wanted, partition: undefined, errorCode: ErrorCode.UNKNOWN_TOPIC_ID }
  try {
    return { wanted, partition: replicas.get(wanted.topic, wanted.partition), errorCode: ErrorCode.NONE }
  } catch (error) {
    return { wanted, partition: undefined, errorCode: (error as KafkaError).code }
  }
}

function failure(wanted: FetchPartition, errorCode: number): PartitionFetch {
  const unknown = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 }
  return { wanted, errorCode, ...unknown, range: null, aborted: [] }
}
