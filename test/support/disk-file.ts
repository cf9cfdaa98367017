/** A file on a disk: what is there for certain, and what has been asked for since. */
import { strict as assert } from 'node:assert'
import type { Random } from './random.js'

/** A write or a truncation. A sync that begins after it has `returned` covers it. */
export type Change = (
  | { readonly position: number; readonly bytes: Buffer; readonly size?: undefined }
  | { readonly size: number }
) & { returned: boolean }

const sectorBytes = 512
const pageBytes = 4096

/** A file's bytes, growing with room to spare. */
class Content {
  size: number
  #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.size = bytes.length
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.size)
  }

  copy(): Content {
    return new Content(Buffer.from(this.bytes))
  }

  write(position: number, bytes: Buffer): void {
    this.resize(Math.max(this.size, position + bytes.length))
    bytes.copy(this.#bytes, position)
  }

  /** What comes in addition is zero. */
  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2))
      this.bytes.copy(larger)
      this.#bytes = larger
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size)
    this.size = size
  }

  apply(change: Change): void {
    if (change.size === undefined) this.write(change.position, change.bytes)
    else this.resize(change.size)
  }
}

export class DiskFile {
  readonly #durable: Content
  #unsynced: Change[] = []

  constructor(durable = Buffer.alloc(0)) {
    this.#durable = new Content(durable)
  }

  /** As processes see it. */
  get size(): number {
    return sizeAfter(this.#durable.size, this.#unsynced)
  }

  begin(change: Change): void {
    this.#unsynced.push(change)
  }

  /** Its process was killed before the truncation that it was about to make: the file is as large as before. */
  truncationLeftOut(size: number): void {
    const last = this.#unsynced.findLastIndex((change) => change.size !== undefined)
    this.#unsynced.splice(last, last < 0 ? 0 : 1)
    assert.equal(
      this.size,
      size,
      'a file is as large as what was written to it, but for a truncation left out',
    )
  }

  /** What a sync that begins now makes durable when it succeeds. */
  beginSync(): () => void {
    const covered = new Set(this.#unsynced.filter(({ returned }) => returned))
    return () => {
      for (const change of this.#unsynced) if (covered.has(change)) this.#durable.apply(change)
      this.#unsynced = this.#unsynced.filter((change) => !covered.has(change))
    }
  }

  /** What might be there if the power went now. */
  survivor(random: Random): Buffer {
    const changes = this.#unsynced
    if (changes.length === 0) return this.#durable.bytes
    const content = this.#durable.copy()
    const fate = random.pick(['lost', 'kept', 'ordered', 'scattered', 'sized'] as const)
    if (fate === 'kept') for (const change of changes) content.apply(change)
    if (fate === 'ordered') keepFirst(content, changes, random)
    if (fate === 'scattered' || fate === 'sized') {
      // The size is on disk before the data, which reads as zeros.
      if (fate === 'sized') content.resize(sizeAfter(content.size, changes))
      scatter(content, changes, random)
    }
    return content.bytes
  }
}

/** Some of the changes in their order; of the next one, if it is a write, what stands before some sector's border. */
function keepFirst(content: Content, changes: readonly Change[], random: Random): void {
  const kept = random.below(changes.length)
  for (const change of changes.slice(0, kept)) content.apply(change)
  const torn = changes[kept]!
  if (torn.size !== undefined) return
  const pieces = piecesOf(torn.position, torn.bytes, sectorBytes)
  for (const { position, bytes } of pieces.slice(0, random.below(pieces.length)))
    content.write(position, bytes)
}

function scatter(content: Content, changes: readonly Change[], random: Random): void {
  const unit = random.pick([sectorBytes, pageBytes])
  const probability = random.pick([0.1, 0.5, 0.9])
  for (const change of changes) {
    if (change.size !== undefined) {
      if (random.chance(probability)) content.resize(change.size)
      continue
    }
    for (const { position, bytes } of piecesOf(change.position, change.bytes, unit)) {
      if (random.chance(probability)) content.write(position, bytes)
    }
  }
}

function sizeAfter(size: number, changes: readonly Change[]): number {
  let after = size
  for (const change of changes) {
    after = change.size ?? Math.max(after, change.position + change.bytes.length)
  }
  return after
}

/** The write cut at the file's sector or page borders. */
function piecesOf(position: number, bytes: Buffer, unit: number): { position: number; bytes: Buffer }[] {
  const pieces = []
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + unit - ((position + at) % unit))
    pieces.push({ position: position + at, bytes: bytes.subarray(at, end) })
    at = end
  }
  return pieces
}
