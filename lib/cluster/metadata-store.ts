/**
 * Where the cluster's metadata lives: keys with values and revisions, as etcd has them. One broker alone keeps them
 * in a store of its own (embedded), several share etcd.
 */

export interface MetadataEntry {
  readonly key: string
  readonly value: string
  /** The revision of the transaction that wrote it last; rises with every write. */
  readonly modRevision: number
}

export interface MetadataCompare {
  readonly key: string
  /** The revision that the key must still have; 0: it must not exist. */
  readonly modRevision: number
}

/** All of it happens, or nothing. A key stands in `puts` or in `deletes`, once. */
export interface MetadataTxn {
  readonly compares?: readonly MetadataCompare[]
  readonly puts?: readonly { readonly key: string; readonly value: string }[]
  readonly deletes?: readonly string[]
}

export interface MetadataTxnResult {
  /** False where a compare did not hold. */
  readonly succeeded: boolean
  /** The revision of the store after the transaction. */
  readonly revision: number
}

/** What one transaction changed, seen as a whole. */
export interface MetadataChange {
  readonly revision: number
  readonly puts: readonly MetadataEntry[]
  readonly deletes: readonly string[]
}

export interface MetadataWatch {
  close(): void
}

/**
 * DURABILITY: a transaction that resolved with `succeeded` is on disk (or with etcd's majority) and seen by every
 * later read. One that rejects has an unknown outcome.
 */
export interface MetadataStore {
  /** The most puts, deletes and compares that one transaction takes together. */
  readonly maxTxnOperations: number
  get(key: string): Promise<MetadataEntry | undefined>
  /** Every key that starts with `prefix`, in order, as of one revision. */
  range(prefix: string): Promise<{ readonly entries: readonly MetadataEntry[]; readonly revision: number }>
  txn(txn: MetadataTxn): Promise<MetadataTxnResult>
  /**
   * Calls `listener` with every change below `prefix` after `afterRevision`, in order, a whole revision at a time.
   * Throws MetadataCompactedError where that is too long ago: read the range again.
   */
  watch(prefix: string, afterRevision: number, listener: (change: MetadataChange) => void): MetadataWatch
  close(): Promise<void>
}

export class MetadataCompactedError extends Error {
  override readonly name = 'MetadataCompactedError'
}
