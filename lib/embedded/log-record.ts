/** Records as a program gives them to the embedded log and gets them back. */

/** Bytes as they are, or a string, which is stored as UTF-8. */
export type Content = Uint8Array | string

/** A record to be appended. */
export interface RecordInput {
  /** Null: a tombstone, which `compact` takes for the removal of the key. */
  value: Content | null
  key?: Content | null
  /** By name, or in order where names repeat. */
  headers?: Readonly<Record<string, Content | null>> | readonly HeaderInput[]
  /** ms since 1970; now where missing. */
  timestamp?: number
}

/** A header of a record to be appended. */
export interface HeaderInput {
  key: string
  value: Content | null
}

/** Keys and values are views of a larger buffer, which they keep in memory: copy what is kept for long. */
export interface LogRecord {
  offset: number
  /** ms since 1970. */
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: readonly LogRecordHeader[]
}

/** A header of a record as it is read. */
export interface LogRecordHeader {
  key: string
  value: Buffer | null
}

/** Offsets of the first and the last record of an append. */
export interface AppendedOffsets {
  baseOffset: number
  lastOffset: number
}
