/**
 * What compiled encoders write to: one buffer that grows and is used again, and the places where bytes that are
 * not copied belong between its own.
 */
import { EncodeError } from './codec-errors.js'
import type { RecordsSource } from './records-field.js'

const initialSize = 64 * 1024
/** A buffer that grew beyond this for one large message is not kept. */
const keptSize = 1024 * 1024
/** Larger records are handed on by reference: copying them costs more than another entry in a writev. */
const copiedRecords = 1024

interface Utf8Write {
  utf8Write(text: string, at: number): number
}
const { utf8Write } = Buffer.prototype as unknown as Utf8Write

interface Splice {
  /** Position in the buffer in front of which the part belongs. */
  readonly at: number
  readonly part: RecordsSource
}

export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(initialSize)
  #splices: Splice[] = []
  #splicing = false

  /** Forgets what was written. With `splicing`, large records stay out of the buffer. */
  start(splicing: boolean): void {
    if (this.bytes.length > keptSize) this.bytes = Buffer.allocUnsafeSlow(initialSize)
    this.#splices = []
    this.#splicing = splicing
  }

  get splicedBytes(): number {
    let sum = 0
    for (const { part } of this.#splices) sum += part.byteLength
    return sum
  }

  /** Makes room for `size` bytes at `position`, and returns the buffer, which may be another one. */
  grow(position: number, size: number): Buffer {
    const needed = position + size
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, position)
      this.bytes = larger
    }
    return this.bytes
  }

  /** What was written up to `length`, in memory of its own. */
  finish(length: number): Buffer {
    const result = Buffer.allocUnsafe(length)
    this.bytes.copy(result, 0, 0, length)
    return result
  }

  /** What was written up to `length`, with the spliced parts between. */
  finishParts<T>(length: number): (Uint8Array | T)[] {
    const own = this.finish(length)
    if (this.#splices.length === 0) return [own]
    const parts: (Uint8Array | T)[] = []
    let from = 0
    for (const { at, part } of this.#splices) {
      if (at > from) parts.push(own.subarray(from, at))
      parts.push(part as T)
      from = at
    }
    if (from < length) parts.push(own.subarray(from))
    return parts
  }

  /** An unsigned varint. REQUIRES: 5 bytes of room. */
  varint(position: number, value: number): number {
    const bytes = this.bytes
    while (value > 127) {
      bytes[position++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    bytes[position++] = value
    return position
  }

  string(position: number, text: string, compact: boolean, path: string): number {
    const { length } = text
    const bytes = this.grow(position, length * 3 + 5)
    if (length <= 40) {
      // At most 120 bytes of UTF-8: the length takes one byte as a varint, and goes in afterwards.
      const start = position + (compact ? 1 : 2)
      let end = start
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) {
          end = start + utf8Write.call(bytes, text, start)
          break
        }
        bytes[end++] = code
      }
      if (compact) bytes[position] = end - start + 1
      else {
        bytes[position] = 0
        bytes[position + 1] = end - start
      }
      return end
    }
    const size = Buffer.byteLength(text)
    if (size > 0x7fff) throw new EncodeError(`${path}: a string of ${size} bytes, of 32767 at most`)
    if (compact) position = this.varint(position, size + 1)
    else {
      bytes[position++] = size >> 8
      bytes[position++] = size
    }
    return position + utf8Write.call(bytes, text, position)
  }

  length(position: number, size: number, compact: boolean): number {
    const bytes = this.grow(position, 5)
    if (compact) return this.varint(position, size + 1)
    bytes[position] = size >> 24
    bytes[position + 1] = size >> 16
    bytes[position + 2] = size >> 8
    bytes[position + 3] = size
    return position + 4
  }

  content(position: number, content: Uint8Array): number {
    this.grow(position, content.byteLength).set(content, position)
    return position + content.byteLength
  }

  records(position: number, value: Uint8Array | RecordsSource, compact: boolean, path: string): number {
    const size = value.byteLength
    if (typeof size !== 'number' || !(size >= 0 && size <= 0x7fffffff) || !Number.isInteger(size)) {
      throw new EncodeError(`${path}: records of ${String(size)} bytes`)
    }
    const at = this.length(position, size, compact)
    const inMemory = value instanceof Uint8Array
    if (inMemory && (!this.#splicing || size <= copiedRecords)) return this.content(at, value)
    if (!this.#splicing) throw new EncodeError(`${path}: records outside of memory need encodeParts`)
    if (size > 0) this.#splices.push({ at, part: value })
    return at
  }

  /** Writes the size of the tagged field that lies from `start` to `end`, one byte being kept for it. */
  taggedSize(start: number, end: number): number {
    const size = end - start
    if (size < 128) {
      this.bytes[start - 1] = size
      return end
    }
    const extra = size < 1 << 14 ? 1 : size < 1 << 21 ? 2 : size < 1 << 28 ? 3 : 4
    const bytes = this.grow(end, extra)
    bytes.copyWithin(start + extra, start, end)
    this.varint(start - 1, size)
    return end + extra
  }
}
