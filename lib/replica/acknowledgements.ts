/** What waits at a partition's leader: produce requests for replicas and disks, DeleteRecords for log starts. */
import { KafkaError } from '../protocol/errors.js'
import { AckWaits } from './ack-waits.js'
import type { Leadership } from './leadership.js'

/** Where the leader's own log stands. */
export interface LeaderOffsets {
  readonly highWatermark: number
  readonly flushedOffset: number
  readonly logStartOffset: number
}

export class Acknowledgements {
  readonly #committed = new AckWaits()
  readonly #durable = new AckWaits()
  readonly #deleted = new AckWaits()
  readonly #minInsyncReplicas: () => number

  constructor(minInsyncReplicas: () => number) {
    this.#minInsyncReplicas = minInsyncReplicas
  }

  /** Throws NOT_ENOUGH_REPLICAS: nothing is appended then. */
  requireInSync({ isr }: Leadership): void {
    const needed = this.#minInsyncReplicas()
    if (isr.length >= needed) return
    throw new KafkaError(
      'NOT_ENOUGH_REPLICAS',
      `The partition has ${isr.length} in-sync replicas; min.insync.replicas asks for ${needed}.`,
    )
  }

  /**
   * Undefined where what ends at `endOffset` is safe already: committed, and with `isDurable` on every disk. Rejects,
   * or throws, NOT_ENOUGH_REPLICAS_AFTER_APPEND where too few are in sync by then.
   */
  wait(
    leadership: Leadership,
    endOffset: number,
    isDurable: boolean,
    { highWatermark, flushedOffset }: LeaderOffsets,
  ): Promise<void> | undefined {
    const passed = isDurable ? leadership.durableOffset(highWatermark, flushedOffset) : highWatermark
    if (passed < endOffset) return (isDurable ? this.#durable : this.#committed).add(endOffset)
    const refusal = this.#refusal(leadership)
    if (refusal) throw refusal
    return undefined
  }

  /** Resolves when every in-sync replica begins at `logStartOffset` or behind it. */
  waitForLogStarts(logStartOffset: number): Promise<void> {
    return this.#deleted.add(logStartOffset)
  }

  /** Answers what the replicas have come to. */
  pass(leadership: Leadership, offsets: LeaderOffsets): void {
    // Nearly always: what the offsets are has to be asked of the engine.
    if (this.#isEmpty) return
    const { highWatermark, flushedOffset, logStartOffset } = offsets
    const refusal = () => this.#refusal(leadership)
    if (!this.#committed.isEmpty) this.#committed.pass(highWatermark, refusal)
    if (!this.#durable.isEmpty) {
      this.#durable.pass(leadership.durableOffset(highWatermark, flushedOffset), refusal)
    }
    if (!this.#deleted.isEmpty) {
      this.#deleted.pass(leadership.lowestLogStart(logStartOffset), () => undefined)
    }
  }

  /** `why` is asked where something waits: an error is dear where thousands of partitions change hands. */
  fail(why: () => KafkaError): void {
    if (this.#isEmpty) return
    const error = why()
    this.#committed.fail(error)
    this.#durable.fail(error)
    this.#deleted.fail(error)
  }

  get #isEmpty(): boolean {
    return this.#committed.isEmpty && this.#durable.isEmpty && this.#deleted.isEmpty
  }

  /** The ISR may have shrunk since the records were appended: then too few replicas may have them. */
  #refusal({ isr }: Leadership): KafkaError | undefined {
    const needed = this.#minInsyncReplicas()
    if (isr.length >= needed) return undefined
    return new KafkaError(
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      `The partition has ${isr.length} in-sync replicas left; min.insync.replicas asks for ${needed}.`,
    )
  }
}
