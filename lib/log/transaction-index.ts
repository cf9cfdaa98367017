/**
 * The aborted transactions of a partition, as Kafka keeps them: a file `.txnindex` beside each segment that holds an
 * abort marker, with 34 bytes for each marker in their order:
 *
 *   version int16 = 0 | producerId int64 | firstOffset int64 | lastOffset int64 | lastStableOffset int64
 *
 * `lastOffset` is the marker's own, `lastStableOffset` what it was once the transaction had ended: whatever ends later
 * began at or above it. The files are read when they are needed, one at a time; in memory is only which there are.
 * The engine renames and removes them with their segments.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { files } from '../native/index.js'
import { offsetFileName, offsetOfFileName, TXN_INDEX_SUFFIX } from './log-file-names.js'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly lastStableOffset: number
}

export const TXN_INDEX_ENTRY_SIZE = 34
const version = 0
const ENOENT = 2

export function encodeTransactionIndex(entries: readonly AbortedTransaction[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * TXN_INDEX_ENTRY_SIZE)
  const view = new DataView(bytes.buffer)
  for (const [index, entry] of entries.entries()) {
    const at = index * TXN_INDEX_ENTRY_SIZE
    view.setInt16(at, version)
    view.setBigInt64(at + 2, BigInt(entry.producerId))
    view.setBigInt64(at + 10, BigInt(entry.firstOffset))
    view.setBigInt64(at + 18, BigInt(entry.lastOffset))
    view.setBigInt64(at + 26, BigInt(entry.lastStableOffset))
  }
  return bytes
}

/** Null where the bytes are no index: the log says the same, more slowly. */
export function decodeTransactionIndex(bytes: Uint8Array): AbortedTransaction[] | null {
  if (bytes.byteLength % TXN_INDEX_ENTRY_SIZE !== 0) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: AbortedTransaction[] = []
  for (let at = 0; at < bytes.byteLength; at += TXN_INDEX_ENTRY_SIZE) {
    const entry = {
      producerId: Number(view.getBigInt64(at + 2)),
      firstOffset: Number(view.getBigInt64(at + 10)),
      lastOffset: Number(view.getBigInt64(at + 18)),
      lastStableOffset: Number(view.getBigInt64(at + 26)),
    }
    const before = entries.at(-1)?.lastOffset ?? -1
    const isSound =
      Object.values(entry).every(Number.isSafeInteger) &&
      entry.firstOffset >= 0 &&
      entry.firstOffset < entry.lastOffset &&
      entry.lastOffset > before &&
      entry.lastStableOffset >= 0
    if (view.getInt16(at) !== version || !isSound) return null
    entries.push(entry)
  }
  return entries
}

export class TransactionIndex {
  readonly #folder: string
  /** Base offsets of the segments with an index, rising. */
  #bases: number[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  /** True where no transaction of the log was aborted. */
  get isEmpty(): boolean {
    return this.#bases.length === 0
  }

  /**
   * Takes over those of the folder's files (`names`) that are indexes. Entries that do not lie in their segment below `endOffset` go: the tail that they
   * speak of was cut. Resolves with the base of the first segment whose index does not check out, and which is
   * removed, with those behind it; undefined where all do.
   */
  async load(
    names: readonly string[],
    segmentBases: readonly number[],
    endOffset: number,
  ): Promise<number | undefined> {
    this.#bases = []
    let corrupt: number | undefined
    for (const base of await this.#found(names)) {
      const path = this.#path(base)
      const entries = decodeTransactionIndex(await files.read(path))
      const index = segmentBases.indexOf(base)
      if (entries === null || index < 0 || corrupt !== undefined || entries[0]!.lastOffset < base) {
        if (index >= 0) corrupt ??= base
        await files.remove(path)
        continue
      }
      const end = segmentBases[index + 1] ?? endOffset
      const kept = entries.filter(({ lastOffset }) => lastOffset < end)
      if (kept.length < entries.length) await this.#write(base, kept)
      if (kept.length > 0) this.#bases.push(base)
    }
    return corrupt
  }

  /** Looks which indexes there are, and leaves all as it is: for readers. What does not check out says nothing. */
  async find(): Promise<void> {
    this.#bases = await this.#found(await readdir(this.#folder))
  }

  async #found(names: readonly string[]): Promise<number[]> {
    const bases: number[] = []
    for (const name of names) {
      const base = offsetOfFileName(name, TXN_INDEX_SUFFIX)
      if (base !== undefined && (await stat(this.#path(base))).size > 0) bases.push(base)
    }
    return bases.sort((a, b) => a - b)
  }

  /** Notes a transaction whose abort marker stands in the segment. One that is known already is passed over. */
  async add(segmentBase: number, entry: AbortedTransaction): Promise<void> {
    const entries = await this.#read(segmentBase)
    if (entries.some(({ lastOffset }) => lastOffset >= entry.lastOffset)) return
    await this.#write(segmentBase, [...entries, entry])
    if (this.#bases.includes(segmentBase)) return
    this.#bases = [...this.#bases, segmentBase].sort((a, b) => a - b)
  }

  /** The aborted transactions that reach into `from`–`end` (exclusive), where `from` lies in the segment `segmentBase`. */
  async collect(segmentBase: number, from: number, end: number): Promise<AbortedTransaction[]> {
    const found: AbortedTransaction[] = []
    for (const base of this.#bases) {
      if (base < segmentBase) continue
      const entries = await this.#read(base)
      if (entries.length === 0) this.#bases = this.#bases.filter((each) => each !== base)
      for (const entry of entries) {
        if (entry.lastOffset >= from && entry.firstOffset < end) found.push(entry)
      }
      if (entries.some(({ lastStableOffset }) => lastStableOffset >= end)) break
    }
    return found
  }

  /** None where the file has gone with its segment, by retention or by compaction. */
  async #read(base: number): Promise<AbortedTransaction[]> {
    try {
      return decodeTransactionIndex(await files.read(this.#path(base))) ?? []
    } catch (error) {
      if ((error as { errno?: number }).errno === ENOENT) return []
      throw error
    }
  }

  #write(base: number, entries: readonly AbortedTransaction[]): Promise<void> {
    return files.writeAtomically(this.#path(base), encodeTransactionIndex(entries))
  }

  #path(base: number): string {
    return join(this.#folder, offsetFileName(base, TXN_INDEX_SUFFIX))
  }
}
