/** The entries of `.index` and `.timeindex` files, as native/format.h lays them out. */
import { addInt64, type Int64, readInt64 } from '../../protocol/index.js'
import type { FileWindow } from './file-window.js'

export interface OffsetEntry {
  /** Where the entry stands in the index. */
  readonly at: number
  readonly offset: Int64
  /** Of a batch in the segment. */
  readonly position: number
}

export interface TimeEntry {
  readonly at: number
  readonly offset: Int64
  readonly timestamp: Int64
}

export const OFFSET_ENTRY_SIZE = 8
export const TIME_ENTRY_SIZE = 12
const scanBytes = 64 * 1024

/** Ends where only zeros follow: the active segment's index may be larger than what it holds. */
export async function* offsetEntries(file: FileWindow, baseOffset: number): AsyncGenerator<OffsetEntry> {
  const end = await contentEnd(file)
  for (let at = 0; at < end && at + OFFSET_ENTRY_SIZE <= file.size; at += OFFSET_ENTRY_SIZE) {
    const bytes = await file.read(at, OFFSET_ENTRY_SIZE)
    if (bytes.length < OFFSET_ENTRY_SIZE) return
    yield { at, offset: addInt64(baseOffset, bytes.readInt32BE(0)), position: bytes.readInt32BE(4) }
  }
}

/** Likewise. */
export async function* timeEntries(file: FileWindow, baseOffset: number): AsyncGenerator<TimeEntry> {
  const end = await contentEnd(file)
  for (let at = 0; at < end && at + TIME_ENTRY_SIZE <= file.size; at += TIME_ENTRY_SIZE) {
    const bytes = await file.read(at, TIME_ENTRY_SIZE)
    if (bytes.length < TIME_ENTRY_SIZE) return
    yield { at, timestamp: readInt64(bytes, 0), offset: addInt64(baseOffset, bytes.readInt32BE(8)) }
  }
}

/** Behind the last byte that is not zero. */
async function contentEnd(file: FileWindow): Promise<number> {
  let end = 0
  for (let at = 0; at < file.size; at += scanBytes) {
    const bytes = await file.read(at, scanBytes)
    const last = bytes.findLastIndex((byte) => byte !== 0)
    if (last >= 0) end = at + last + 1
  }
  return end
}
