/**
 * What a partition remembers of its idempotent producers: epoch and last batches of each, so that a batch is
 * appended once and in order. Checks see what was submitted before them, not only what is appended already.
 *
 * INVARIANT: in an entry, completed batches come before pending ones, each in append order.
 */
import { strict as assert } from 'node:assert'
import { KafkaError } from '../protocol/errors.js'
import type { BatchIdentity } from './batch-identity.js'
import { advanceSequence, rewindSequence } from './batch-identity.js'

/** As many batches as a producer may have in flight (KIP-98): more need not be recognised as duplicates. */
const rememberedBatches = 5
const noEpoch = -1

/** A batch that was appended, or is on its way to be. */
export interface RememberedBatch {
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly lastSequence: number
  /** −1 while pending. */
  baseOffset: number
  lastOffset: number
  timestampMs: number
}

/** The last known of one producer, as snapshots and DescribeProducers tell it. */
export interface ProducerSummary {
  producerId: number
  producerEpoch: number
  lastSequence: number
  lastOffset: number
  /** Last offset minus first offset of the last batch. */
  offsetDelta: number
  timestampMs: number
  coordinatorEpoch: number
  /** Where the producer's open transaction begins, −1 without one. */
  currentTxnFirstOffset: number
  /** The batches before the last one that may still be sent again, oldest first. */
  earlier: readonly Readonly<RememberedBatch>[]
}

interface ProducerEntry {
  /** Epoch of the last completed batch, or what a snapshot said. */
  completedEpoch: number
  batches: RememberedBatch[]
  lastTimestampMs: number
  lastOffset: number
  coordinatorEpoch: number
}

function isPending(batch: RememberedBatch): boolean {
  return batch.baseOffset < 0
}

function lastBatch(entry: ProducerEntry): RememberedBatch | undefined {
  return entry.batches[entry.batches.length - 1]
}

function currentEpoch(entry: ProducerEntry): number {
  return lastBatch(entry)?.producerEpoch ?? entry.completedEpoch
}

export class ProducerState {
  readonly #entries = new Map<number, ProducerEntry>()
  /** First offsets of open transactions, by producer. */
  readonly #open = new Map<number, number>()

  get size(): number {
    return this.#entries.size
  }

  /**
   * Decides whether a batch may be appended next. Returns the batch that it repeats, or undefined when it is new.
   * Throws INVALID_PRODUCER_EPOCH or OUT_OF_ORDER_SEQUENCE_NUMBER.
   */
  check(batch: BatchIdentity): RememberedBatch | undefined {
    const entry = this.#entries.get(batch.producerId)
    if (!entry) return undefined
    const epoch = currentEpoch(entry)
    if (batch.producerEpoch < epoch) {
      throw new KafkaError(
        'INVALID_PRODUCER_EPOCH',
        `Producer ${batch.producerId} sent epoch ${batch.producerEpoch}; a newer one, ${epoch}, is in use.`,
      )
    }
    if (batch.producerEpoch > epoch) {
      if (batch.baseSequence !== 0 && epoch !== noEpoch)
        throw outOfOrder(batch, 'the first of a new epoch must be 0')
      return undefined
    }
    const repeated = entry.batches.find(
      (known) =>
        known.producerEpoch === epoch &&
        known.baseSequence === batch.baseSequence &&
        known.lastSequence === batch.lastSequence,
    )
    if (repeated) return repeated
    const last = lastBatch(entry)
    if (!last || last.producerEpoch !== epoch) return undefined
    const expected = advanceSequence(last.lastSequence, 1)
    if (batch.baseSequence !== expected) throw outOfOrder(batch, `expected ${expected}`)
    return undefined
  }

  /** Remembers a checked batch as pending. */
  submit(batch: BatchIdentity): RememberedBatch {
    const remembered: RememberedBatch = {
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      baseOffset: -1,
      lastOffset: -1,
      timestampMs: batch.maxTimestampMs,
    }
    this.#entryOf(batch.producerId).batches.push(remembered)
    return remembered
  }

  /** The pending batch was appended. REQUIRES: completions come in the order of submissions. */
  complete(
    producerId: number,
    batch: RememberedBatch,
    baseOffset: number,
    lastOffset: number,
    timestampMs: number,
  ) {
    const entry = this.#entries.get(producerId)
    assert(entry && isPending(batch), 'a completed batch was pending')
    batch.baseOffset = baseOffset
    batch.lastOffset = lastOffset
    batch.timestampMs = timestampMs
    this.#settle(entry, batch)
  }

  /** Forgets all that is pending: the append of one failed, and those behind it were checked against it. */
  rollback(): void {
    for (const [producerId, entry] of this.#entries) {
      if (!entry.batches.some(isPending)) continue
      entry.batches = entry.batches.filter((batch) => !isPending(batch))
      if (entry.batches.length === 0 && entry.completedEpoch === noEpoch) this.#entries.delete(producerId)
    }
  }

  /** Takes over a batch that stands in the log. A marker is none: `endTransaction` takes it. */
  replay(batch: BatchIdentity): void {
    if (batch.producerId < 0 || batch.isControl) return
    const entry = this.#entryOf(batch.producerId)
    if (batch.isTransactional && !this.#open.has(batch.producerId)) {
      this.#open.set(batch.producerId, batch.baseOffset)
    }
    const remembered: RememberedBatch = {
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      baseOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
      timestampMs: batch.maxTimestampMs,
    }
    entry.batches.push(remembered)
    this.#settle(entry, remembered)
  }

  /** Takes over a marker that stands in the log: the producer has no open transaction then. */
  endTransaction(marker: BatchIdentity, coordinatorEpoch: number): void {
    const entry = this.#entryOf(marker.producerId)
    // A coordinator that ends a transaction with a higher epoch lets the producer begin its sequence anew (KIP-890).
    if (marker.producerEpoch > currentEpoch(entry)) {
      entry.completedEpoch = marker.producerEpoch
      entry.batches = entry.batches.filter(isPending)
      entry.lastOffset = -1
    }
    entry.lastTimestampMs = marker.maxTimestampMs
    entry.coordinatorEpoch = coordinatorEpoch
    this.#open.delete(marker.producerId)
  }

  /** Where the producer's open transaction begins. */
  openSince(producerId: number): number | undefined {
    return this.#open.get(producerId)
  }

  /** Where the first of the open transactions begins. */
  get firstOpenOffset(): number | undefined {
    return this.firstOpenOffsetBut(undefined)
  }

  /** The same without the transaction of one producer. */
  firstOpenOffsetBut(producerId: number | undefined): number | undefined {
    let first: number | undefined
    for (const [each, offset] of this.#open) {
      if (each !== producerId && (first === undefined || offset < first)) first = offset
    }
    return first
  }

  /** Those that no marker has ended. */
  get openTransactions() {
    return [...this.#open].map(([producerId, firstOffset]) => {
      const entry = this.#entryOf(producerId)
      const { coordinatorEpoch } = entry
      return { producerId, producerEpoch: currentEpoch(entry), coordinatorEpoch, firstOffset }
    })
  }

  /** Takes over what a snapshot says of a producer. */
  restore(summary: ProducerSummary): void {
    const entry = this.#entryOf(summary.producerId)
    entry.completedEpoch = summary.producerEpoch
    entry.lastTimestampMs = summary.timestampMs
    entry.lastOffset = summary.lastOffset
    entry.coordinatorEpoch = summary.coordinatorEpoch
    if (summary.currentTxnFirstOffset >= 0) this.#open.set(summary.producerId, summary.currentTxnFirstOffset)
    if (summary.lastSequence < 0) return
    entry.batches = [
      ...summary.earlier.map((batch) => ({ ...batch })),
      {
        producerEpoch: summary.producerEpoch,
        baseSequence: rewindSequence(summary.lastSequence, summary.offsetDelta),
        lastSequence: summary.lastSequence,
        baseOffset: summary.lastOffset - summary.offsetDelta,
        lastOffset: summary.lastOffset,
        timestampMs: summary.timestampMs,
      },
    ]
  }

  /** The last completed batch of each producer below `endOffset`. */
  summaries(endOffset = Number.POSITIVE_INFINITY): ProducerSummary[] {
    const result: ProducerSummary[] = []
    for (const [producerId, entry] of this.#entries) {
      const known = entry.batches.filter((batch) => !isPending(batch) && batch.lastOffset < endOffset)
      const last = known.pop()
      if (!last && entry.completedEpoch === noEpoch) continue
      const openSince = this.#open.get(producerId) ?? -1
      result.push({
        producerId,
        producerEpoch: last?.producerEpoch ?? entry.completedEpoch,
        lastSequence: last?.lastSequence ?? -1,
        lastOffset: last?.lastOffset ?? entry.lastOffset,
        offsetDelta: last ? last.lastOffset - last.baseOffset : 0,
        timestampMs: last?.timestampMs ?? entry.lastTimestampMs,
        coordinatorEpoch: entry.coordinatorEpoch,
        currentTxnFirstOffset: openSince < endOffset ? openSince : -1,
        earlier: known,
      })
    }
    return result
  }

  /** Drops producers silent for `expirationMs` (`producer.id.expiration.ms`), by the time of their last record. */
  expire(nowMs: number, expirationMs: number): number {
    let expired = 0
    for (const [producerId, entry] of this.#entries) {
      if (entry.batches.some(isPending) || this.#open.has(producerId)) continue
      if (nowMs - entry.lastTimestampMs < expirationMs) continue
      this.#entries.delete(producerId)
      expired++
    }
    return expired
  }

  clear(): void {
    this.#entries.clear()
    this.#open.clear()
  }

  #entryOf(producerId: number): ProducerEntry {
    let entry = this.#entries.get(producerId)
    if (!entry) {
      entry = {
        completedEpoch: noEpoch,
        batches: [],
        lastTimestampMs: -1,
        lastOffset: -1,
        coordinatorEpoch: -1,
      }
      this.#entries.set(producerId, entry)
    }
    return entry
  }

  #settle(entry: ProducerEntry, batch: RememberedBatch): void {
    entry.completedEpoch = batch.producerEpoch
    entry.lastTimestampMs = batch.timestampMs
    entry.lastOffset = batch.lastOffset
    let completed = 0
    for (const known of entry.batches) if (!isPending(known)) completed++
    while (completed > rememberedBatches || entry.batches[0]!.producerEpoch < batch.producerEpoch) {
      entry.batches.shift()
      completed--
    }
  }
}

function outOfOrder(batch: BatchIdentity, why: string): KafkaError {
  return new KafkaError(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `Producer ${batch.producerId} (epoch ${batch.producerEpoch}) sent sequence ${batch.baseSequence}; ${why}.`,
  )
}
