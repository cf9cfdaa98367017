// What is measured: something that keeps records in the order in which they were appended.

export interface OpenOptions {
  /** Empty, or what an earlier store of the same peer left. */
  readonly folder: string
  /** An append resolves when its records are on disk; else when the store has them. */
  readonly durable: boolean
}

export interface Scanned {
  readonly records: number
  readonly bytes: number
}

export interface Store {
  /**
   * Appends the records next to each other. A store without asynchronous calls blocks and returns nothing. The same
   * array may come again: what is made of it once may be kept.
   */
  append(records: readonly Buffer[]): Promise<unknown> | undefined
  /** Every record, its value looked at. */
  scanRecords(): Promise<Scanned>
  /** Every record, by the largest pieces that the store gives out. */
  scanBatches(): Promise<Scanned>
  /** Calls `onRecord` for those that are appended from now on, in order; the result ends it. */
  follow?(onRecord: () => void): Promise<() => Promise<void>>
  close(): Promise<void>
}

export interface StoreClass {
  /** How it is used, in a few words. */
  readonly settings: string
  open(options: OpenOptions): Promise<Store>
}

/** Every store of the benchmark; those that are a package are installed on first use. */
export const peers = ['odradek', 'fs', 'fs-sync', 'lmdb', 'classic-level', 'better-sqlite3'] as const
export type PeerName = (typeof peers)[number]
