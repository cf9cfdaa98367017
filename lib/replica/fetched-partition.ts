/** A partition that is fetched from its leader: takes what the leader answers, one answer at a time. */
import type { Logger } from 'pino'
import { KafkaError } from '../protocol/errors.js'
import { BatchHeader, ErrorCode, errorName, type FetchResponse, readBatches } from '../protocol/index.js'
import { toKafkaError } from '../storage/index.js'
import { truncationOffset } from './epoch-ends.js'
import type { Partition } from './partition.js'

export type FetchedData = FetchResponse['responses'][number]['partitions'][number]

/** The first rest after a failure; each further one is twice as long. */
const firstBackoffMs = 20
/** After so many failures in a row it is no passing one. */
const failuresToTell = 6

export class FetchedPartition {
  readonly partition: Partition
  readonly leaderEpoch: number
  readonly key: string
  /** Its log may end or begin elsewhere than the last fetch said. */
  isMoved = true
  /** Set once the leader has found nothing in this log that it does not have: flush positions may be told then. */
  isValidated = false
  /** The flush position that the leader was told last. */
  toldFlushedOffset = -1
  /** Not fetched before that time. */
  retryAtMs = 0
  #failures = 0
  #isDamageTold = false
  #work: Promise<void> = Promise.resolve()
  #stopped = false
  /** Cut, and the checkpoints say more than the log holds: nothing is appended before they are written. */
  #isCut = false
  readonly #log: Logger
  readonly #writeCheckpoints: () => Promise<void>

  /** `writeCheckpoints` writes what must not say more of the log than it holds, before a cut and after it. */
  constructor(partition: Partition, log: Logger, writeCheckpoints: () => Promise<void>) {
    this.partition = partition
    this.leaderEpoch = partition.leaderEpoch
    this.key = `${partition.topicId}/${partition.partition}`
    this.#log = log
    this.#writeCheckpoints = writeCheckpoints
  }

  /** Takes no more answers; resolves when the one under way is dealt with. */
  stop(): Promise<void> {
    this.#stopped = true
    return this.#work
  }

  /** Deals with an answer; never rejects. `maxBackoffMs` bounds the rest after a failure. */
  take(data: FetchedData, nowMs: number, maxBackoffMs: number): Promise<void> {
    this.#work = this.#take(data).then(
      () => {
        this.#failures = 0
      },
      (error: unknown) => this.#failed(error, nowMs, maxBackoffMs),
    )
    return this.#work
  }

  async #take(data: FetchedData): Promise<void> {
    this.isMoved = true
    if (this.#stopped) return
    if (this.#isCut) await this.#writeCut()
    const { partition } = this
    if (data.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return this.#startAnew(Number(data.logStartOffset))
    if (data.errorCode !== ErrorCode.NONE) throw new KafkaError(errorName(data.errorCode))
    const { epoch, endOffset } = data.divergingEpoch
    if (epoch >= 0) {
      const { log } = partition
      this.isValidated = false
      const end = log.logEndOffset
      await partition.truncate(
        truncationOffset(log, { epoch, endOffset: Number(endOffset) }),
        this.#beforeCut,
      )
      await this.#writeCut()
      this.#log.info({ ...this.#name, from: end, to: log.logEndOffset }, 'cut what the leader does not have')
      return
    }
    const batches = data.records === null ? undefined : newBatches(data.records, partition.log.logEndOffset)
    if (batches) {
      const baseOffset = Number(new BatchHeader(batches).baseOffset)
      // The leader's log may begin within a batch: an empty log begins where that does.
      if (baseOffset < partition.log.logEndOffset && partition.log.sizeInBytes === 0) {
        await partition.reset(baseOffset, this.#beforeCut)
        await this.#writeCut()
      }
      await partition.appendAsFollower(batches)
    }
    partition.followLeader(Number(data.highWatermark), Number(data.logStartOffset))
    this.isValidated = true
  }

  /** The leader has deleted what comes next here: nothing of this log is of use any more. */
  async #startAnew(logStartOffset: number): Promise<void> {
    const { partition } = this
    if (logStartOffset < 0) throw new KafkaError('OFFSET_OUT_OF_RANGE')
    this.#log.warn(
      { ...this.#name, logEndOffset: partition.log.logEndOffset, logStartOffset },
      'the leader’s log does not reach back to this one’s end: started anew',
    )
    await partition.reset(logStartOffset, this.#beforeCut)
    await this.#writeCut()
  }

  readonly #beforeCut = async (): Promise<void> => {
    await this.#writeCheckpoints()
    this.#isCut = true
  }

  async #writeCut(): Promise<void> {
    await this.#writeCheckpoints()
    this.#isCut = false
  }

  #failed(thrown: unknown, nowMs: number, maxBackoffMs: number): void {
    const error = toKafkaError(thrown)
    this.retryAtMs = nowMs + Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures, 20))
    this.#failures++
    if (error instanceof KafkaError && error.code === ErrorCode.CORRUPT_MESSAGE) {
      const isFirst = !this.#isDamageTold
      this.#isDamageTold = true
      this.#log[isFirst ? 'error' : 'debug'](
        { err: error, ...this.#name, offset: this.partition.log.logEndOffset },
        'what the leader sends is damaged, and not taken: run odradek log verify on its log, and have another replica lead',
      )
      return
    }
    // While a leader changes, both sides hear of it at different times: that is worth no line, and one is enough.
    const isNews = this.#failures === (error instanceof KafkaError ? failuresToTell : 1)
    this.#log[isNews ? 'warn' : 'debug']({ err: error, ...this.#name }, 'a partition could not be fetched')
  }

  get #name() {
    return { topic: this.partition.topic, partition: this.partition.partition, leaderEpoch: this.leaderEpoch }
  }
}

/**
 * The whole batches in `records` from the one that holds `logEndOffset` on: an answer may begin before it, and its
 * end may cut one.
 */
function newBatches(records: Uint8Array, logEndOffset: number): Uint8Array | undefined {
  let start = 0
  let end = 0
  for (const header of readBatches(records)) {
    end = header.start + header.sizeInBytes
    if (Number(header.baseOffset) + header.lastOffsetDelta < logEndOffset) start = end
  }
  return end > start ? records.subarray(start, end) : undefined
}
