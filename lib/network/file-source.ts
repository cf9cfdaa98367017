/** What `sendFile` sends from: a path, an open file or a range of the engine, as one range that is held open. */

import { fstat, type Stats } from 'node:fs'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { FileRange } from '../native/types.js'
import { rangeOfDescriptor } from '../native/zerocopy.js'
import { SendFileError } from './send-file-error.js'

/** A path, a file that is open (its position is neither used nor moved), or a range of a log. */
export type SendableFile = string | URL | number | FileHandle | FileRange

export interface FileSource {
  readonly range: FileRange
  /** Where to begin in the range, and where to end. */
  readonly start: number
  readonly end: number
  /** Closes what was opened for it; a range that was handed in stays its owner's. */
  release(): void
}

/** Throws SendFileError where the arguments cannot be meant. */
export function checkExtent(offset: number, length: number | undefined): void {
  for (const [name, value] of Object.entries({ offset, length })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      throw new SendFileError(
        'INVALID_ARGUMENT',
        `${name} is a whole number of bytes from 0 on, not ${String(value)}`,
      )
    }
  }
}

/** Without a length, all from `offset` to the end that the file has now. Rejects with SendFileError. */
export async function openSource(
  file: SendableFile,
  offset: number,
  length: number | undefined,
): Promise<FileSource> {
  if (isRange(file)) {
    const end = length === undefined ? Math.max(offset, file.byteLength) : offset + length
    if (end > file.byteLength) throw tooShort(end, file.byteLength)
    return { range: file, start: offset, end, release: () => {} }
  }
  try {
    if (typeof file === 'number') return await sourceOf(file, offset, length)
    if (typeof file === 'object' && 'fd' in file) return await sourceOf(file.fd, offset, length)
    // A named pipe without a writer would hold a thread until one comes.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      return await sourceOf(handle.fd, offset, length)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof SendFileError) throw error
    throw new SendFileError('FILE_FAILED', (error as Error).message, 0, error)
  }
}

async function sourceOf(descriptor: number, offset: number, length: number | undefined): Promise<FileSource> {
  const stats: Stats = await promisify(fstat)(descriptor)
  if (!stats.isFile()) throw new SendFileError('FILE_FAILED', 'only regular files can be sent')
  const end = length === undefined ? Math.max(offset, stats.size) : offset + length
  if (end > stats.size) throw tooShort(end, stats.size)
  const range = rangeOfDescriptor(descriptor, offset, end - offset)
  return { range, start: 0, end: end - offset, release: () => range.release() }
}

function tooShort(end: number, size: number): SendFileError {
  return new SendFileError('FILE_TOO_SHORT', `bytes up to ${end} were asked for, ${size} are there`)
}

function isRange(file: SendableFile): file is FileRange {
  return typeof file === 'object' && 'byteLength' in file
}
