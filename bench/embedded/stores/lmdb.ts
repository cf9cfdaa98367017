// lmdb as an append-only log: integer keys that rise, puts with the append flag, values as they are.
import { join } from 'node:path'
import { loadPeer } from '../install.js'
import type { OpenOptions, Scanned, Store } from '../store.js'

/** The part of its interface that is used here. */
interface Lmdb {
  put(key: number, value: Buffer, options: { append: boolean }): Promise<boolean>
  batch(work: () => void): Promise<boolean>
  getRange(options: object): Iterable<{ key: number; value: Buffer }>
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

const append = { append: true }

class LmdbStore implements Store {
  readonly #database: Lmdb
  readonly #durable: boolean
  #next = 1

  constructor(database: Lmdb, durable: boolean) {
    this.#database = database
    this.#durable = durable
  }

  append(records: readonly Buffer[]): Promise<unknown> {
    const committed = this.#put(records)
    return this.#durable ? committed.then(() => this.#database.flushed) : committed
  }

  #put(records: readonly Buffer[]): Promise<boolean> {
    if (records.length === 1) return this.#database.put(this.#next++, records[0]!, append)
    return this.#database.batch(() => {
      for (const record of records) this.#database.put(this.#next++, record, append)
    })
  }

  async scanRecords(): Promise<Scanned> {
    let records = 0
    let bytes = 0
    for (const { value } of this.#database.getRange({})) {
      records++
      bytes += value.length
    }
    return { records, bytes }
  }

  scanBatches(): Promise<Scanned> {
    return this.scanRecords()
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

export const settings = "keyEncoding 'uint32', encoding 'binary', append; db.flushed, or noSync; getRange"

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  const lmdb = (await loadPeer('lmdb')) as { open(options: object): Lmdb }
  const database = lmdb.open({
    path: join(folder, 'lmdb'),
    keyEncoding: 'uint32',
    encoding: 'binary',
    noSync: !durable,
  })
  return new LmdbStore(database, durable)
}
