import type { CoordinatorLog } from '../../../lib/coordinator/runtime/coordinator-log.js'

/** Partitions of `__consumer_offsets` in memory, whose appends a test can hold back and fail. */
export class MemoryLog implements CoordinatorLog {
  readonly batches = new Map<number, Uint8Array[]>()
  readonly #ends = new Map<number, number>()
  appends = 0
  readonly #busy = new Set<number>()
  /** Called for each append; what it throws is what the append rejects with. */
  onAppend: ((partition: number, batch: Uint8Array) => void) | undefined
  #gate: Promise<void> | undefined
  #open: (() => void) | undefined

  /** Appends wait until `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  release(): void {
    this.#open?.()
    this.#gate = undefined
  }

  async append(partition: number, batch: Uint8Array): Promise<{ baseOffset: number }> {
    this.appends++
    if (this.#busy.has(partition)) throw new Error('two appends at a time')
    this.#busy.add(partition)
    try {
      await this.#gate
      this.onAppend?.(partition, batch)
      const stored = batch.slice()
      const view = new DataView(stored.buffer)
      const baseOffset = this.#ends.get(partition) ?? 0
      view.setBigInt64(0, BigInt(baseOffset))
      this.#ends.set(partition, baseOffset + view.getInt32(57))
      const batches = this.batches.get(partition)
      if (batches) batches.push(stored)
      else this.batches.set(partition, [stored])
      return { baseOffset }
    } finally {
      this.#busy.delete(partition)
    }
  }

  async *load(partition: number, maxBytes: number): AsyncGenerator<Uint8Array> {
    await this.#gate
    let run: Uint8Array[] = []
    let size = 0
    for (const batch of this.batches.get(partition) ?? []) {
      run.push(batch)
      size += batch.byteLength
      if (size < maxBytes) continue
      yield Buffer.concat(run)
      run = []
      size = 0
    }
    if (run.length > 0) yield Buffer.concat(run)
  }
}
