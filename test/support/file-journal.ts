/** Reads the journal of the recording file system; its form stands in the engine's `file_recording.h`. */
import { journalKinds } from '../../lib/native/file-recording.js'

export type JournalEntry =
  | { kind: 'open'; file: number; created: boolean; emptied: boolean; path: string }
  | { kind: 'write'; file: number; position: number; bytes: Buffer }
  | { kind: 'truncate'; file: number; size: number }
  | { kind: 'sync'; file: number }
  | { kind: 'syncFileSystem' }
  | { kind: 'returned'; sequence: number; succeeded: boolean }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'syncFolder' | 'unlink' | 'makeFolder' | 'removeFolder'; path: string }
  | { kind: 'mark'; text: string }

const sizeLength = 4

/** The entries by sequence number; bytes are views of the journal. `isCut`: its process died, perhaps within one. */
export function readJournal(journal: Buffer, { isCut = false } = {}): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (let at = 0; at + sizeLength <= journal.length; ) {
    const end = at + sizeLength + journal.readUInt32LE(at)
    if (end > journal.length && isCut) break
    if (end > journal.length) throw new Error('the journal ends within an entry')
    entries.push(decode(journal.subarray(at + sizeLength, end)))
    at = end
  }
  return entries
}

function decode(bytes: Buffer): JournalEntry {
  const kind = journalKinds[bytes[0]!]!
  switch (kind) {
    case 'open':
      return {
        kind,
        file: bytes.readUInt32LE(1),
        created: bytes[5] === 1,
        emptied: bytes[6] === 1,
        path: bytes.toString('utf8', 7),
      }
    case 'write':
      return {
        kind,
        file: bytes.readUInt32LE(1),
        position: Number(bytes.readBigUInt64LE(5)),
        bytes: bytes.subarray(13),
      }
    case 'truncate':
      return { kind, file: bytes.readUInt32LE(1), size: Number(bytes.readBigUInt64LE(5)) }
    case 'sync':
      return { kind, file: bytes.readUInt32LE(1) }
    case 'syncFileSystem':
      return { kind }
    case 'returned':
      return { kind, sequence: Number(bytes.readBigUInt64LE(1)), succeeded: bytes[9] === 1 }
    case 'rename': {
      const from = 5 + bytes.readUInt32LE(1)
      return { kind, from: bytes.toString('utf8', 5, from), to: bytes.toString('utf8', from) }
    }
    case 'mark':
      return { kind, text: bytes.toString('utf8', 1) }
    default:
      return { kind, path: bytes.toString('utf8', 1) }
  }
}
