/**
 * What compiled decoders call. They keep the position themselves; `readState.position` hands it back from calls
 * that move it. Every length is checked against the bytes left before it is used.
 */
import { MalformedFrameError } from './codec-errors.js'

export const readState = { position: 0 }

/**
 * Array elements that one message may hold, in eighths: structs, strings and UUIDs count 8, numbers 1. A frame of
 * 100 MB could announce 50 million structs of two bytes, which would take gigabytes as objects; no real message
 * comes near a million.
 */
export const elementBudget = 8_000_000

interface Slices {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}
const { utf8Slice } = Buffer.prototype as unknown as Slices

/** Names of topics, groups and clients come again and again: they are told by their bytes, not decoded anew. */
const cachedLength = 48
const cache = new Array<string>(1024).fill('')

/** Decodes `length` bytes of UTF-8. REQUIRES: they lie within `bytes`. */
export function readText(bytes: Uint8Array, at: number, length: number): string {
  if (length > cachedLength) return utf8Slice.call(bytes, at, at + length)
  if (length === 0) return ''
  let hash = length
  let seen = 0
  for (let i = at, end = at + length; i < end; i++) {
    const byte = bytes[i]!
    seen |= byte
    hash = (Math.imul(hash, 31) + byte) | 0
  }
  if (seen > 127) return utf8Slice.call(bytes, at, at + length)
  const slot = (hash ^ (hash >>> 10)) & 1023
  const known = cache[slot]!
  if (known.length === length) {
    let i = 0
    while (i < length && known.charCodeAt(i) === bytes[at + i]) i++
    if (i === length) return known
  }
  return (cache[slot] = utf8Slice.call(bytes, at, at + length))
}

/** Goes on with an unsigned varint whose first byte, `first`, was not its last. */
export function readVarintRest(
  bytes: Uint8Array,
  at: number,
  end: number,
  first: number,
  path: string,
): number {
  let value = first & 0x7f
  for (let shift = 7; shift < 35; shift += 7) {
    if (at >= end) endsInside(path)
    const byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
    if (byte < 128) {
      readState.position = at
      return value >>> 0
    }
  }
  throw new MalformedFrameError(`${path}: a varint of more than 5 bytes`)
}

export function readFloat64(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getFloat64(0)
}

/** A copy: what a caller keeps must not hold the frame in memory. */
export function copyBytes(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(new Uint8Array(bytes.buffer, bytes.byteOffset + at, length))
}

export function viewBytes(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
}

/** Skips `count` tagged fields and returns the position behind them. */
export function skipTaggedFields(
  bytes: Uint8Array,
  at: number,
  end: number,
  count: number,
  path: string,
): number {
  for (; count > 0; count--) {
    at = skipVarint(bytes, at, end, path)
    if (at >= end) endsInside(path)
    let size = bytes[at++]!
    if (size > 127) {
      size = readVarintRest(bytes, at, end, size, path)
      at = readState.position
    }
    if (size > end - at) tooLong(path, size, end - at)
    at += size
  }
  return at
}

function skipVarint(bytes: Uint8Array, at: number, end: number, path: string): number {
  if (at >= end) endsInside(path)
  const first = bytes[at++]!
  if (first < 128) return at
  readVarintRest(bytes, at, end, first, path)
  return readState.position
}

export function endsInside(path: string): never {
  throw new MalformedFrameError(`${path}: the frame ends inside of it`)
}

export function tooLong(path: string, length: number, left: number): never {
  throw new MalformedFrameError(`${path}: length ${length}, with ${left} bytes left`)
}

export function badLength(path: string, length: number): never {
  throw new MalformedFrameError(`${path}: length ${length} is not allowed`)
}

export function tooManyElements(path: string): never {
  throw new MalformedFrameError(`${path}: more elements than a message may hold`)
}

export function notNullable(path: string): never {
  throw new MalformedFrameError(`${path}: is null, which it may not be`)
}

export function badTagSize(path: string): never {
  throw new MalformedFrameError(`${path}: the tagged field's size does not fit its content`)
}
