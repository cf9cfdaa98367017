/**
 * Keeps the order of idempotent producers whose first batches to a partition are refused. A log takes any first
 * sequence of a producer that it does not know; so where the first of several batches in flight is refused with an
 * error that passes (too few replicas, a topic or leader that this broker learns of a moment later), the log would
 * take the second, and the first, sent again, would be out of order for good. One for each connection: what is in
 * flight together comes over the same one.
 *
 * INVARIANT: between the refusal of a batch and the time it comes again, no batch behind it is appended.
 */
import { ErrorCode, type ErrorName, isRetriable, KafkaError } from '../../protocol/errors.js'
import { BATCH_HEADER_SIZE, BatchHeader } from '../../protocol/index.js'
import { isSequenceBefore } from '../../storage/index.js'
import { SessionSlot } from '../pipeline/session.js'

/** Behind one that is refused there are four more in flight at most (KIP-98). Who sends more has given it up. */
const behindAtMost = 4
/** Bounds what one connection may have remembered. */
const rememberedAtMost = 1_000

interface RefusedBatch {
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly error: ErrorName
  /** How many more may be refused for being behind it. */
  left: number
}

export class RefusedBatches {
  /** By partition and producer. `topic` is what clients call it, its name or its id. */
  readonly #refused = new Map<string, RefusedBatch>()

  /** Throws for a batch behind one that was refused and has not come again: the error of that one. */
  check(topic: string, partition: number, records: Uint8Array | null): void {
    if (this.#refused.size === 0) return
    const header = idempotent(records)
    if (header === undefined) return
    const key = keyOf(topic, partition, header)
    const refused = this.#refused.get(key)
    if (refused === undefined) return
    const { baseSequence, producerEpoch } = header
    const comesAgain = baseSequence === refused.baseSequence
    if (producerEpoch !== refused.producerEpoch || comesAgain || refused.left === 0) {
      this.#refused.delete(key)
      return
    }
    // One from before, sent again: the log knows it, or takes it first.
    if (!isSequenceBefore(refused.baseSequence, baseSequence)) return
    refused.left--
    throw new KafkaError(
      refused.error,
      `The producer's batch with sequence ${refused.baseSequence} was refused so, and comes before this one, ${baseSequence}.`,
    )
  }

  /** Remembers a batch of which nothing was appended, where its producer will send it again. */
  refused(topic: string, partition: number, records: Uint8Array | null, error: KafkaError): void {
    if (!isRetriable(error.code) || error.code === ErrorCode.REQUEST_TIMED_OUT) return
    const header = idempotent(records)
    if (header === undefined) return
    const key = keyOf(topic, partition, header)
    const { baseSequence, producerEpoch } = header
    const before = this.#refused.get(key)
    if (before && isSequenceBefore(before.baseSequence, baseSequence)) return
    this.#refused.set(key, { producerEpoch, baseSequence, error: error.errorName, left: behindAtMost })
    if (this.#refused.size <= rememberedAtMost) return
    for (const oldest of this.#refused.keys()) {
      this.#refused.delete(oldest)
      break
    }
  }
}

/** Those of each session. */
export const refusedBatches = new SessionSlot(() => new RefusedBatches())

function idempotent(records: Uint8Array | null): BatchHeader | undefined {
  if (records === null || records.byteLength < BATCH_HEADER_SIZE) return undefined
  const header = new BatchHeader(records)
  return header.magic === 2 && header.producerId >= 0 && header.baseSequence >= 0 ? header : undefined
}

function keyOf(topic: string, partition: number, { producerId }: BatchHeader): string {
  return `${partition} ${producerId} ${topic}`
}
