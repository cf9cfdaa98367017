/**
 * The transactions in a partition's log: which were aborted, and which are still open. A reader of committed records
 * is told of the former, and stops below the latter.
 *
 * This broker coordinates no transactions: they come with a log that Kafka wrote. One that was left open is ended by
 * a marker as Kafka's coordinator writes it.
 */

import { TXN_INDEX_SUFFIX } from '../log/log-file-names.js'
import { type AbortedTransaction, TransactionIndex } from '../log/transaction-index.js'
import type { NativeLog, ReadOptions, ReadResult } from '../native/types.js'
import {
  type ControlType,
  controlTypeOf,
  decodeRecords,
  encodeEndTransactionMarker,
  readBatchHeader,
} from '../protocol/index.js'
import type { BatchIdentity } from './batch-identity.js'
import type { ProducerState } from './producer-state.js'

/** More than these aborted transactions in one read make the read shorter. */
const maxAborted = 4096

export interface CommittedRead extends ReadResult {
  /** The aborted transactions that the range may hold records of, by rising first offset. */
  aborted: readonly AbortedTransaction[]
}

export interface OpenTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly firstOffset: number
}

export class PartitionTransactions {
  readonly #native: NativeLog
  readonly #producers: ProducerState
  readonly #index: TransactionIndex

  constructor(native: NativeLog, producers: ProducerState) {
    this.#native = native
    this.#producers = producers
    this.#index = new TransactionIndex(native.path)
  }

  /**
   * Takes over the indexes among the folder's files (`names`); resolves with the offset from which they have to be made
   * anew by `replay`.
   */
  async load(names: readonly string[]): Promise<number> {
    if (!names.some((name) => name.endsWith(TXN_INDEX_SUFFIX))) return Number.POSITIVE_INFINITY
    const bases = this.#native.segments().map(({ baseOffset }) => baseOffset)
    return (await this.#index.load(names, bases, this.#native.logEndOffset)) ?? Number.POSITIVE_INFINITY
  }

  /** Takes over a marker that stands in the log. */
  async replay(batch: BatchIdentity): Promise<void> {
    const marker = await this.#readMarker(batch.baseOffset)
    if (marker) await this.#end(batch, marker.type, marker.coordinatorEpoch)
  }

  /** True where no transaction of the log was aborted. */
  get hasNoneAborted(): boolean {
    return this.#index.isEmpty
  }

  /** The first offset of the transaction that has been open longest; undefined without an open one. */
  get firstUnstableOffset(): number | undefined {
    return this.#producers.firstOpenOffset
  }

  get open(): OpenTransaction[] {
    return this.#producers.openTransactions
  }

  /** The marker that ends an open transaction; `ended` is to be called with it once it stands in the log. */
  marker(
    type: ControlType,
    { producerId, coordinatorEpoch }: OpenTransaction,
    producerEpoch: number,
  ): Uint8Array {
    // A coordinator of a higher epoch would be right to end it again, one of a lower to be refused.
    const epoch = Math.max(coordinatorEpoch, 0)
    return encodeEndTransactionMarker(type, epoch, { producerId, producerEpoch, timestamp: Date.now() })
  }

  async ended(
    marker: BatchIdentity,
    type: ControlType,
    { coordinatorEpoch }: OpenTransaction,
  ): Promise<void> {
    await this.#end(marker, type, Math.max(coordinatorEpoch, 0))
  }

  /**
   * Reads below `stableEnd`: what no open transaction holds back. A range lies in one segment; where that has nothing
   * at or behind `offset`, the next is read. The index is asked first, so that a compaction meanwhile, which removes
   * aborted records and their entries, can only make the answer name transactions that are not there any more.
   */
  async readCommitted(offset: number, options: ReadOptions): Promise<CommittedRead> {
    for (let from = offset; ; ) {
      const { segmentBase, nextBase } = this.#segmentOf(from)
      let maxOffset = Math.min(options.maxOffset, nextBase)
      let aborted = await this.#index.collect(segmentBase, from, maxOffset)
      aborted.sort((a, b) => a.firstOffset - b.firstOffset)
      const cut = aborted[maxAborted]?.firstOffset ?? -1
      if (cut > from) {
        maxOffset = cut
        aborted = aborted.slice(0, maxAborted)
      }
      const result = await this.#native.read(from, { ...options, maxOffset })
      if (result.range !== null || maxOffset >= options.maxOffset) return { ...result, aborted }
      from = maxOffset
    }
  }

  /** The aborted transactions that reach into `from`–`end` (exclusive). */
  aborted(from: number, end: number): Promise<readonly AbortedTransaction[]> {
    if (this.#index.isEmpty) return Promise.resolve([])
    return this.#index.collect(this.#segmentOf(from).segmentBase, from, end)
  }

  async #end(marker: BatchIdentity, type: ControlType, coordinatorEpoch: number): Promise<void> {
    const firstOffset = this.#producers.openSince(marker.producerId)
    if (firstOffset !== undefined && type === 'ABORT') {
      const lastStableOffset = this.#producers.firstOpenOffsetBut(marker.producerId) ?? marker.lastOffset + 1
      const { producerId, lastOffset } = marker
      const entry = { producerId, firstOffset, lastOffset, lastStableOffset }
      await this.#index.add(this.#segmentOf(lastOffset).segmentBase, entry)
    }
    this.#producers.endTransaction(marker, coordinatorEpoch)
  }

  /** Null for a control batch that ends no transaction, or that compaction has emptied. */
  async #readMarker(offset: number): Promise<{ type: ControlType; coordinatorEpoch: number } | null> {
    const maxOffset = this.#native.logEndOffset
    const bytes = await this.#native.readBytes(offset, { maxBytes: 1, minOneBatch: true, maxOffset })
    const header = readBatchHeader(bytes)
    if (header.recordCount === 0) return null
    const [record] = decodeRecords(header)
    const type = record?.key ? controlTypeOf(record.key) : null
    if (type === null) return null
    const value = record!.value
    const coordinatorEpoch =
      value && value.byteLength >= 6 ? new DataView(value.buffer, value.byteOffset).getInt32(2) : -1
    return { type, coordinatorEpoch }
  }

  #segmentOf(offset: number): { segmentBase: number; nextBase: number } {
    const segments = this.#native.segments()
    const next = segments.findIndex(({ baseOffset }) => baseOffset > offset)
    const index = next < 0 ? segments.length - 1 : Math.max(next - 1, 0)
    return {
      segmentBase: segments[index]?.baseOffset ?? 0,
      nextBase: segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY,
    }
  }
}
