// Odradek's embedded log, as a program uses it.
import { Log } from '../../../lib/embedded/index.js'
import type { OpenOptions, Scanned, Store } from '../store.js'

class OdradekStore implements Store {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  append(records: readonly Buffer[]): Promise<unknown> {
    if (records.length === 1) return this.#log.append({ value: records[0]! })
    return this.#log.append(records.map((value) => ({ value })))
  }

  async scanRecords(): Promise<Scanned> {
    let records = 0
    let bytes = 0
    for await (const { value } of this.#log.read()) {
      records++
      bytes += value!.length
    }
    return { records, bytes }
  }

  async scanBatches(): Promise<Scanned> {
    let records = 0
    let bytes = 0
    for await (const batches of this.#log.readBatches()) {
      records += batches.nextOffset - batches.baseOffset
      bytes += batches.bytes.length
    }
    return { records, bytes }
  }

  async follow(onRecord: () => void): Promise<() => Promise<void>> {
    const stop = new AbortController()
    const following = (async () => {
      for await (const _record of this.#log.follow({ from: this.#log.endOffset, signal: stop.signal }))
        onRecord()
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
    return async () => {
      stop.abort()
      await following
    }
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

export const settings = "durability 'fsync' or 'os'; readBatches, or read record by record"

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  return new OdradekStore(await Log.open(folder, { durability: durable ? 'fsync' : 'os' }))
}
