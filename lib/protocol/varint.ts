/**
 * The zigzag varints and varlongs inside of records.
 */
import { CorruptBatchError } from './corrupt-batch-error.js'
import type { Int64 } from './int64.js'

/** Reads varints one after the other, never behind `end`. */
export class VarintReader {
  readonly bytes: Uint8Array
  readonly end: number
  position: number

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  byte(): number {
    if (this.position >= this.end) throw new CorruptBatchError('a record ends too early')
    return this.bytes[this.position++]!
  }

  /** 32 bits, zigzag. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    throw new CorruptBatchError('a varint of more than 5 bytes')
  }

  /** 64 bits, zigzag. */
  varlong(): Int64 {
    let low = 0
    let scale = 1
    // Seven bytes hold 49 bits, which a number holds exactly.
    for (let i = 0; i < 7; i++) {
      const byte = this.byte()
      low += (byte & 0x7f) * scale
      if (byte < 128) return low % 2 === 0 ? low / 2 : -(low + 1) / 2
      scale *= 128
    }
    let value = BigInt(low)
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 128) return narrow(unzigzag(BigInt.asUintN(64, value)))
    }
    throw new CorruptBatchError('a varlong of more than 10 bytes')
  }

  /** A length, then so many bytes: a view of them, null where the length is negative. */
  content(): Uint8Array | null {
    const length = this.varint()
    if (length < 0) return null
    if (length > this.left) throw new CorruptBatchError(`${length} bytes of content, with ${this.left} left`)
    const { bytes, position } = this
    this.position += length
    return new Uint8Array(bytes.buffer, bytes.byteOffset + position, length)
  }
}

export function sizeOfVarint(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 1 << 7) return 1
  if (zigzag < 1 << 14) return 2
  if (zigzag < 1 << 21) return 3
  return zigzag < 1 << 28 ? 4 : 5
}

export function sizeOfVarlong(value: Int64): number {
  if (isInt32(value)) return sizeOfVarint(value)
  let zigzag = zigzagOf(value)
  let size = 1
  while (zigzag > 127n) {
    zigzag >>= 7n
    size++
  }
  return size
}

/** Returns the position behind what was written. REQUIRES: room for it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  while (zigzag > 127) {
    bytes[position++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  bytes[position++] = zigzag
  return position
}

/** Returns the position behind what was written. REQUIRES: room for it. */
export function writeVarlong(bytes: Uint8Array, position: number, value: Int64): number {
  if (isInt32(value)) return writeVarint(bytes, position, value)
  let zigzag = zigzagOf(value)
  while (zigzag > 127n) {
    bytes[position++] = Number(zigzag & 0x7fn) | 0x80
    zigzag >>= 7n
  }
  bytes[position++] = Number(zigzag)
  return position
}

function isInt32(value: Int64): value is number {
  return typeof value === 'number' && (value | 0) === value
}

function zigzagOf(value: Int64): bigint {
  const big = BigInt(value)
  return BigInt.asUintN(64, (big << 1n) ^ (big >> 63n))
}

function unzigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

function narrow(value: bigint): Int64 {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}
