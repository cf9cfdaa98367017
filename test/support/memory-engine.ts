/**
 * Logs and files in memory, as far as the cluster uses them. What was flushed is kept apart from what was only
 * appended, so that a test can take a crash that loses the rest.
 */

import type { OpenLog } from '../../lib/cluster/index.js'
import type { Files, NativeLog } from '../../lib/native/types.js'

interface Batch {
  readonly baseOffset: number
  readonly bytes: Uint8Array
}

interface Segment {
  readonly baseOffset: number
  batches: Batch[]
}

interface Folder {
  segments: Segment[]
  nextOffset: number
  flushedOffset: number
}

export class MemoryEngine {
  readonly #folders = new Map<string, Folder>()
  readonly contents = new Map<string, string>()
  flushes = 0
  deletedSegments = 0
  /** By all reads together. */
  bytesRead = 0
  /** Flushes never come to their end. */
  holdFlushes = false
  /** Makes the next append (or flush) fail. */
  failNext: 'append' | 'flush' | undefined

  /** What a power cut leaves: what was flushed, and of the rest the first `kept` batches. */
  crash(kept = 0): void {
    this.holdFlushes = false
    for (const folder of this.#folders.values()) {
      const end = Math.min(folder.nextOffset, folder.flushedOffset + kept)
      for (const segment of folder.segments) {
        segment.batches = segment.batches.filter(({ baseOffset }) => baseOffset < end)
      }
      folder.nextOffset = end
      folder.flushedOffset = end
    }
  }

  bytesIn(path: string): number {
    return sizeOf(this.#folders.get(path)!)
  }

  readonly openLog: OpenLog = async (path) => {
    let folder = this.#folders.get(path)
    if (folder === undefined) {
      folder = { segments: [{ baseOffset: 0, batches: [] }], nextOffset: 0, flushedOffset: 0 }
      this.#folders.set(path, folder)
    }
    return this.#log(path, folder)
  }

  readonly files = {
    read: async (path: string) => {
      const text = this.contents.get(path)
      if (text === undefined) throw Object.assign(new Error(`no file ${path}`), { code: 'IO', errno: 2 })
      return Buffer.from(text)
    },
    writeAtomically: async (path: string, bytes: Uint8Array) => {
      this.contents.set(path, Buffer.from(bytes).toString())
    },
  } as unknown as Files

  #log(path: string, folder: Folder): NativeLog {
    const fail = (kind: 'append' | 'flush') => {
      if (this.failNext !== kind) return
      this.failNext = undefined
      throw Object.assign(new Error('disk full'), { code: 'NO_SPACE', errno: 28, path })
    }
    const log: Partial<NativeLog> = {
      path,
      recovery: { scannedBytes: 0, truncatedBytes: 0, rebuiltIndexes: 0 },
      append: async (bytes) => {
        fail('append')
        const baseOffset = folder.nextOffset++
        const stored = Buffer.from(bytes)
        stored.writeBigInt64BE(BigInt(baseOffset), 0)
        folder.segments.at(-1)!.batches.push({ baseOffset, bytes: stored })
        return { baseOffset, lastOffset: baseOffset, logAppendTimeMs: -1, maxTimestampMs: 0 }
      },
      flush: async () => {
        fail('flush')
        if (this.holdFlushes) await new Promise(() => {})
        this.flushes++
        folder.flushedOffset = folder.nextOffset
        return folder.flushedOffset
      },
      readBytes: async (offset, { maxBytes }) => {
        const batches = folder.segments.flatMap((segment) => segment.batches)
        const all = Buffer.concat(
          batches.filter((batch) => batch.baseOffset >= offset).map(({ bytes }) => bytes),
        )
        const bytes = all.subarray(0, Math.max(maxBytes, 12 + all.readInt32BE(8)))
        this.bytesRead += bytes.length
        return bytes
      },
      roll: async () => {
        folder.segments.push({ baseOffset: folder.nextOffset, batches: [] })
        return folder.nextOffset
      },
      deleteSegmentsBefore: async (offset) => {
        const kept = folder.segments.filter(
          (_, index) => (folder.segments[index + 1]?.baseOffset ?? Infinity) > offset,
        )
        const deleted = folder.segments.length - kept.length
        folder.segments = kept
        this.deletedSegments += deleted
        return deleted
      },
      close: async () => {},
    }
    Object.defineProperties(log, {
      logEndOffset: { get: () => folder.nextOffset },
      flushedOffset: { get: () => folder.flushedOffset },
      firstSegmentOffset: { get: () => folder.segments[0]!.baseOffset },
      sizeInBytes: { get: () => sizeOf(folder) },
    })
    return log as NativeLog
  }
}

function sizeOf(folder: Folder): number {
  let size = 0
  for (const { batches } of folder.segments) for (const { bytes } of batches) size += bytes.length
  return size
}
