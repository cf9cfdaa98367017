/**
 * Which batches of a log belong to aborted transactions, for who reads its records. Only a broker writes such; a log
 * without transaction indexes costs a look at its folder.
 */

import { type AbortedTransaction, TransactionIndex } from '../log/transaction-index.js'
import type { NativeLog } from '../native/types.js'
import type { BatchHeader } from '../protocol/index.js'

const none = () => false

export class AbortedBatches {
  readonly #native: NativeLog
  readonly #index: TransactionIndex

  private constructor(native: NativeLog) {
    this.#native = native
    this.#index = new TransactionIndex(native.path)
  }

  static async open(native: NativeLog): Promise<AbortedBatches> {
    const batches = new AbortedBatches(native)
    await batches.#index.find()
    return batches
  }

  /** Tells those of the batches from `from` to `end` (exclusive). */
  async among(from: number, end: number): Promise<(header: BatchHeader) => boolean> {
    if (this.#index.isEmpty) return none
    const segments = this.#native.segments()
    const segmentBase = segments.findLast(({ baseOffset }) => baseOffset <= from)?.baseOffset ?? 0
    const aborted = await this.#index.collect(segmentBase, from, end)
    if (aborted.length === 0) return none
    const byProducer = new Map<number, AbortedTransaction[]>()
    for (const transaction of aborted) {
      const known = byProducer.get(transaction.producerId)
      if (known) known.push(transaction)
      else byProducer.set(transaction.producerId, [transaction])
    }
    return (header) => {
      if (!header.isTransactional) return false
      const baseOffset = Number(header.baseOffset)
      const transactions = byProducer.get(Number(header.producerId)) ?? []
      return transactions.some(
        ({ firstOffset, lastOffset }) => firstOffset <= baseOffset && baseOffset < lastOffset,
      )
    }
  }
}
