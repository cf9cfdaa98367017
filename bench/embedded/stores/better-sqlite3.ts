// SQLite by better-sqlite3 as an append-only log: a table by integer key, write-ahead log, a prepared insert.
import { join } from 'node:path'
import { loadPeer } from '../install.js'
import type { OpenOptions, Scanned, Store } from '../store.js'

/** The part of its interface that is used here. */
interface Statement {
  run(value: Buffer): unknown
  raw(): Statement
  iterate(): Iterable<[Buffer]>
}
interface Sqlite {
  pragma(text: string): unknown
  exec(sql: string): unknown
  prepare(sql: string): Statement
  transaction<T extends unknown[]>(work: (...args: T) => void): (...args: T) => void
  close(): void
}

class SqliteStore implements Store {
  readonly #database: Sqlite
  readonly #insert: Statement
  readonly #insertAll: (records: readonly Buffer[]) => void

  constructor(database: Sqlite) {
    this.#database = database
    this.#insert = database.prepare('INSERT INTO log (value) VALUES (?)')
    this.#insertAll = database.transaction((records: readonly Buffer[]) => {
      for (const record of records) this.#insert.run(record)
    })
  }

  append(records: readonly Buffer[]): undefined {
    if (records.length === 1) this.#insert.run(records[0]!)
    else this.#insertAll(records)
  }

  async scanRecords(): Promise<Scanned> {
    let records = 0
    let bytes = 0
    for (const [value] of this.#database.prepare('SELECT value FROM log ORDER BY position').raw().iterate()) {
      records++
      bytes += value.length
    }
    return { records, bytes }
  }

  scanBatches(): Promise<Scanned> {
    return this.scanRecords()
  }

  async close(): Promise<void> {
    this.#database.close()
  }
}

export const settings = 'WAL, synchronous FULL or OFF, prepared insert, a transaction for each batch; iterate'

export async function open({ folder, durable }: OpenOptions): Promise<Store> {
  const { default: Database } = (await loadPeer('better-sqlite3')) as {
    default: new (path: string) => Sqlite
  }
  const database = new Database(join(folder, 'sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma(`synchronous = ${durable ? 'FULL' : 'OFF'}`)
  database.exec('CREATE TABLE IF NOT EXISTS log (position INTEGER PRIMARY KEY, value BLOB NOT NULL)')
  return new SqliteStore(database)
}
