/**
 * The errors of the embedded log, and the one place where what the engine and the file system answer becomes one.
 */

import { CorruptCheckpointError, UnsupportedCheckpointError } from '../log/checkpoint-file.js'
import type { EngineErrorCode } from '../native/types.js'

/** What kind of failure a `LogError` tells. */
export type LogErrorCode =
  /** An option is not known, of the wrong type, out of range or without effect; `option` names it. */
  | 'INVALID_OPTION'
  /** A name that no log of a directory can have. */
  | 'INVALID_NAME'
  /** A log's offsets and size are not known before it was opened: await any of its methods first. */
  | 'NOT_OPENED'
  /** Options differ from those with which the log is open in this process; `option` names the first. */
  | 'OPTIONS_CONFLICT'
  /** A record is not one, or lacks a key that the log requires. */
  | 'INVALID_RECORD'
  /** An encoded batch does not check out. */
  | 'INVALID_BATCH'
  /** The records of one call, or one encoded batch, take more than `maxBatchBytes`. */
  | 'RECORD_TOO_LARGE'
  /** More than `maxPendingBytes` wait to be written. */
  | 'BACKPRESSURE'
  /** An offset is no offset, below the start or behind the end. */
  | 'OFFSET_OUT_OF_RANGE'
  /** Another handle or process has the folder open for writing. */
  | 'LOCKED'
  /** The handle was opened with `readOnly`. */
  | 'READ_ONLY'
  /** The handle was closed. */
  | 'CLOSED'
  /** An earlier write or fsync failed: nothing is written until the log is closed and opened again. */
  | 'FAILED'
  | 'NO_SPACE'
  | 'PERMISSION_DENIED'
  /** The path is that of a file. */
  | 'NOT_A_FOLDER'
  /** `readOnly`, and there is no such folder. */
  | 'NOT_FOUND'
  /** Written by another or a newer program in a format that this one does not read. Nothing was changed. */
  | 'UNSUPPORTED_FORMAT'
  /** Stored bytes do not check out. */
  | 'CORRUPT'
  /** Any other system call failed; `errno` says why. */
  | 'IO'

export interface LogErrorFields {
  /** Folder or file that it is about. */
  path?: string
  /** Name of the option that it is about. */
  option?: string
  /** Linux errno of a failed system call. */
  errno?: number
  cause?: unknown
}

/** Says by `code` what happened, by its message what to do. */
export class LogError extends Error {
  readonly code: LogErrorCode
  readonly path?: string
  readonly option?: string
  readonly errno?: number

  constructor(code: LogErrorCode, message: string, { path, option, errno, cause }: LogErrorFields = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LogError'
    this.code = code
    if (path !== undefined) this.path = path
    if (option !== undefined) this.option = option
    if (errno) this.errno = errno
  }
}

/** What an aborted signal rejects with; `cause` is the signal's reason. */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR'

  constructor(signal: AbortSignal) {
    super('the operation was aborted', { cause: signal.reason })
    this.name = 'AbortError'
  }
}

interface EngineErrorShape {
  code?: unknown
  errno?: number
  path?: string
}

type Translation = readonly [LogErrorCode, string]

const byErrno: ReadonlyMap<number, Translation> = new Map([
  [1, ['PERMISSION_DENIED', 'the system does not permit it: check owner and mode of the folder']],
  [2, ['NOT_FOUND', 'there is no such file or folder']],
  [13, ['PERMISSION_DENIED', 'access is denied: give this user rights to read and write in the folder']],
  [17, ['NOT_A_FOLDER', 'a file is in the way: give another path']],
  [20, ['NOT_A_FOLDER', 'a part of the path is a file: give a folder']],
  [23, ['IO', 'the system has no more open files: raise its limit']],
  [24, ['IO', 'the process has too many open files: raise its limit (ulimit -n) or close logs']],
  [28, ['NO_SPACE', 'the disk is full: make room, then close the log and open it again']],
  [
    30,
    ['PERMISSION_DENIED', 'the file system is mounted read-only: open the log with readOnly, or remount it'],
  ],
  [122, ['NO_SPACE', 'the disk quota is used up: make room, then close the log and open it again']],
])

const byEngineCode: Readonly<Record<EngineErrorCode, Translation>> = {
  CORRUPT_BATCH: [
    'INVALID_BATCH',
    'length, magic or CRC do not check out: give whole record batches of magic 2',
  ],
  INVALID_RECORD: [
    'INVALID_BATCH',
    'its records, counts or attributes are not allowed: control batches, gaps between offsets and (where requireKeys is set) records without key are refused',
  ],
  INVALID_TIMESTAMP: ['INVALID_BATCH', 'a timestamp is out of bounds'],
  BATCH_TOO_LARGE: ['RECORD_TOO_LARGE', 'larger than maxBatchBytes: raise it, or append less at once'],
  OFFSET_OUT_OF_RANGE: ['OFFSET_OUT_OF_RANGE', 'the offset lies outside of the log'],
  CORRUPT_LOG: [
    'CORRUPT',
    'stored bytes do not check out: restore the folder from a copy, or read on behind the damage',
  ],
  UNSUPPORTED_FORMAT: [
    'UNSUPPORTED_FORMAT',
    'a segment holds record batches of another magic than 2: convert it with the program that wrote it',
  ],
  NO_SPACE: ['NO_SPACE', 'the disk is full: make room, then close the log and open it again'],
  IO: ['IO', 'the system refused: see errno'],
  LOG_FAILED: [
    'FAILED',
    'an earlier write or fsync failed: close the log and open it again, which keeps what is on disk',
  ],
  PREVIOUS_REFUSED: ['FAILED', 'an earlier append was refused: append again'],
  CLOSED: ['CLOSED', 'the log is closed: open it again'],
  LOCKED: [
    'LOCKED',
    'another process or handle writes to the folder: close it there, or open with readOnly to read beside it',
  ],
  INVALID_ARGUMENT: ['OFFSET_OUT_OF_RANGE', 'the log does not take this argument'],
}

/** The LogError for whatever a call of the engine or of node:fs failed with. */
export function toLogError(error: unknown, path: string): LogError {
  if (error instanceof LogError) return error
  if (error instanceof UnsupportedCheckpointError) {
    return new LogError('UNSUPPORTED_FORMAT', `${error.message}: use the version that wrote it`, {
      path: error.path,
      cause: error,
    })
  }
  if (error instanceof CorruptCheckpointError) {
    return new LogError('CORRUPT', error.message, { path: error.path, cause: error })
  }
  const shape = error as EngineErrorShape
  const errno = Math.abs(shape.errno ?? 0)
  const engine = byEngineCode[shape.code as EngineErrorCode] as Translation | undefined
  // The system's answer says more than IO does; where the engine knows better, its code stands.
  const system = engine === undefined || shape.code === 'IO' ? byErrno.get(errno) : undefined
  const [code, advice] = system ?? engine ?? ['IO', (error as Error)?.message ?? String(error)]
  const where = shape.path || path
  return new LogError(code, `${where}: ${advice}${errno && !system ? ` (errno ${errno})` : ''}`, {
    path: where,
    errno,
    cause: error,
  })
}
