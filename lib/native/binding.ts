/**
 * What the addon exports for logs and files.
 */
import { addon } from './addon.js'
import type { FileRange, LogSettings } from './types.js'

/** A log as the addon has it: each call takes the id of its operation first, which its completion carries. */
export interface LogHandle {
  readonly firstSegmentOffset: number
  readonly logEndOffset: number
  readonly flushedOffset: number
  readonly sizeInBytes: number
  open(id: number, options: object): void
  configure(settings: LogSettings): void
  append(
    id: number,
    bytes: Uint8Array,
    leaderEpoch: number,
    origin: number,
    flush: number,
    refusalsSeen: number,
  ): void
  flush(id: number): void
  roll(id: number): void
  deleteSegmentsBefore(id: number, offset: number): void
  truncate(id: number, offset: number): void
  refresh(id: number, segmentsToo: boolean): void
  replaceEnd(id: number, offset: number, kept: Uint8Array): void
  publishStart(id: number, offset: number): void
  reset(id: number, offset: number): void
  replaceSegments(id: number, cleaned: number[], replaced: number[]): void
  close(id: number): void
  remove(id: number, renamedPath: string): void
  /** Undefined: by completion. A number: the code of an error. Else the scratch has what goes with the range. */
  read(
    id: number,
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
    maxOffset: number,
  ): FileRange | null | number | undefined
  readBytes(id: number, offset: number, maxBytes: number, minOneBatch: boolean, maxOffset: number): void
  readBatches(id: number, offset: number, maxBytes: number, minOneBatch: boolean, maxOffset: number): void
  scanHeaders(id: number, from: number, to: number, maxBatches: number): void
  findByTimestamp(id: number, timestampMs: number, fromOffset: number): void
  // Of a shared log only.
  readonly note: string | null
  readonly isFirst: boolean
  sharedStart: number
  acquire(id: number): void
  release(): void
  lockFolder(id: number, lockPath: string): void
  share(note: string, isToldOfAppends: boolean): void
  join(): void
  leave(): number
  clear(): void
  end(): void
  checkTimestamps(id: number, belowMs: number): void
  /** Six numbers for each segment, in the order of SegmentInfo's fields. */
  segments(): Float64Array
}

export interface FilesBinding {
  writeAtomically(id: number, path: string, bytes: Uint8Array): void
  read(id: number, path: string): void
  makeFolder(id: number, path: string): void
  remove(id: number, path: string): void
  removeFolder(id: number, path: string): void
  rename(id: number, from: string, to: string): void
  syncFolder(id: number, path: string): void
  lock(id: number, path: string): void
}

export interface Binding {
  readonly errorCodes: readonly string[]
  readonly Log: new (id: number, path: string, isShared?: boolean) => LogHandle
  readonly files: FilesBinding
  start(
    onCompletions: (count: number, payloads: unknown[] | undefined) => void,
    numbers: Float64Array,
    scratch: Float64Array,
  ): void
  forcePortable(force: boolean): void
}

export const binding: Binding = addon as Binding
