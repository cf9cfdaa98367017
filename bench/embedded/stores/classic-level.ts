// LevelDB by classic-level as an append-only log: keys of eight bytes, big-endian.
import { join } from 'node:path'
import { loadPeer } from '../install.js'
import type { OpenOptions, Scanned, Store } from '../store.js'

/** The part of its interface that is used here. */
interface Level {
  open(): Promise<void>
  put(key: Buffer, value: Buffer, options: { sync: boolean }): Promise<void>
  batch(operations: readonly object[], options: { sync: boolean }): Promise<void>
  iterator(options: object): { nextv(size: number): Promise<[Buffer, Buffer][]>; close(): Promise<void> }
  close(): Promise<void>
}

const ENTRIES = 1000

class LevelStore implements Store {
  readonly #database: Level
  readonly #options: { sync: boolean }
  #next = 1n

  constructor(database: Level, durable: boolean) {
    this.#database = database
    this.#options = { sync: durable }
  }

  append(records: readonly Buffer[]): Promise<unknown> {
    if (records.length === 1) return this.#database.put(this.#key(), records[0]!, this.#options)
    const operations = records.map((value) => ({ type: 'put', key: this.#key(), value }))
    return this.#database.batch(operations, this.#options)
  }

  #key(): Buffer {
    const key = Buffer.allocUnsafe(8)
    key.writeBigUInt64BE(this.#next++)
    return key
  }

  async scanRecords(): Promise<Scanned> {
    const iterator = this.#database.iterator({ keys: true, values: true, highWaterMarkBytes: 1 << 20 })
    let records = 0
    let bytes = 0
    for (;;) {
      const entries = await iterator.nextv(ENTRIES)
      if (entries.length === 0) break
      for (const [, value] of entries) {
        records++
        bytes += value.length
      }
    }
    await iterator.close()
    return { records, bytes }
  }

  scanBatches(): Promise<Scanned> {
    return this.scanRecords()
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

export const settings = 'put or batch with sync, or without; no compression; nextv of 1,000'

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  const { ClassicLevel } = (await loadPeer('classic-level')) as {
    ClassicLevel: new (path: string, options: object) => Level
  }
  const database = new ClassicLevel(join(folder, 'level'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  })
  await database.open()
  return new LevelStore(database, durable)
}
