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

export interface MetadataPut {
  readonly key: string
  readonly value: string
  /** The key goes when this lease does, by itself; of a store that has leases. */
  readonly lease?: string
}

/** Time-limited claims: a lease that is not kept alive ends, and its keys go with it. */
export interface MetadataLeases {
  /** `ttlMs`: what was granted, at least what was asked for in whole seconds. */
  grant(ttlMs: number): Promise<{ readonly id: string; readonly ttlMs: number }>
  /** False where the lease is gone. Rejects where the store does not answer in time. */
  keepAlive(id: string, timeoutMs: number): Promise<boolean>
  /** Ends a lease and its keys; one that is gone is no error. */
  revoke(id: string): Promise<void>
}

/** All of it happens, or nothing. A key stands in `puts` or in `deletes`, once. */
export interface MetadataTxn {
  readonly compares?: readonly MetadataCompare[]
  readonly puts?: readonly MetadataPut[]
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
 * later read. One that rejects has an unknown outcome, but for MetadataUnavailableError and MetadataRefusedError.
 */
export interface MetadataStore {
  /** The most puts and deletes together that one transaction takes, and the most compares. */
  readonly maxTxnOperations: number
  /** Left out by a store that one broker has to itself. */
  readonly leases?: MetadataLeases
  get(key: string): Promise<MetadataEntry | undefined>
  /** Every key that starts with `prefix`, in order, as of one revision. */
  range(prefix: string): Promise<{ readonly entries: readonly MetadataEntry[]; readonly revision: number }>
  txn(txn: MetadataTxn): Promise<MetadataTxnResult>
  /**
   * Calls `listener` with every change below `prefix` after `afterRevision`, in order, a whole revision at a time.
   * Where that is too long ago, now or after a break, the watch ends with a MetadataCompactedError, thrown or given to
   * `onCompacted`: read the range again.
   */
  watch(
    prefix: string,
    afterRevision: number,
    listener: (change: MetadataChange) => void,
    onCompacted: (error: MetadataCompactedError) => void,
  ): MetadataWatch
  close(): Promise<void>
}

export class MetadataCompactedError extends Error {
  override readonly name = 'MetadataCompactedError'
}
