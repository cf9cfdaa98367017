/**
 * Tests only: records everything that changes the disk below a folder, for power cuts that are played through
 * afterwards. The journal's form stands in the engine's `file_recording.h`.
 */
import { addon } from './addon.js'

interface FileRecordingAddon {
  readonly journalKinds: readonly JournalKind[]
  recordFiles(journal: string, folder: string, leaveOutSyncs: boolean): void
  markJournal(text: string): void
}

export type JournalKind =
  | 'open'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'syncFileSystem'
  | 'syncFolder'
  | 'returned'
  | 'rename'
  | 'unlink'
  | 'makeFolder'
  | 'removeFolder'
  | 'mark'

const native = addon as FileRecordingAddon

/** The kinds of entries by the number that stands for them in the journal. */
export const journalKinds = native.journalKinds

/**
 * From now on and for the whole process; files that are open already stay unrecorded. With `leaveOutSyncs` files are
 * never flushed, and the engine is told that they were.
 */
export function recordFiles(journal: string, folder: string, { leaveOutSyncs = false } = {}): void {
  native.recordFiles(journal, folder, leaveOutSyncs)
}

/** Writes a line of the test's own into the journal: what it has been told by now. */
export function markJournal(text: string): void {
  native.markJournal(text)
}
