/**
 * 64-bit integers as this protocol room hands them out: a number where that is exact, else a bigint.
 */
import { KafkaError } from './errors.js'

export type Int64 = number | bigint

export const INT64_MAX = 9223372036854775807n
export const INT64_MIN = -9223372036854775808n

/** Reads 8 bytes, big-endian. REQUIRES: they lie within `bytes`. */
export function readInt64(bytes: Uint8Array, at: number): Int64 {
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  const low = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0
  // −2^53 itself is left out: it is not a safe integer.
  if (high >= -0x200000 && high < 0x200000 && !(high === -0x200000 && low === 0)) {
    return high * 4294967296 + low
  }
  return (BigInt(high) << 32n) | BigInt(low)
}

/** Writes 8 bytes, big-endian. REQUIRES: `isInt64(value)`, and that they lie within `bytes`. */
export function writeInt64(bytes: Uint8Array, at: number, value: Int64): void {
  let high: number
  let low: number
  if (typeof value === 'number') {
    high = Math.floor(value / 4294967296)
    low = value >>> 0
  } else {
    high = Number(value >> 32n)
    low = Number(value & 0xffffffffn)
  }
  bytes[at] = high >> 24
  bytes[at + 1] = high >> 16
  bytes[at + 2] = high >> 8
  bytes[at + 3] = high
  bytes[at + 4] = low >> 24
  bytes[at + 5] = low >> 16
  bytes[at + 6] = low >> 8
  bytes[at + 7] = low
}

/** True for a safe integer, and for a bigint of 64 bits. */
export function isInt64(value: unknown): value is Int64 {
  return (
    Number.isSafeInteger(value) || (typeof value === 'bigint' && value >= INT64_MIN && value <= INT64_MAX)
  )
}

/** The 64-bit integer nearest to an integer that may lie beyond what numbers hold exactly. */
export function nearestInt64(value: number): Int64 {
  if (Number.isSafeInteger(value)) return value
  const exact = BigInt(value)
  if (exact > INT64_MAX) return INT64_MAX
  return exact < INT64_MIN ? INT64_MIN : exact
}

/** The value as a number, or INVALID_REQUEST where it lies outside of ±(2^53−1). */
export function toSafeInteger(value: Int64, name: string): number {
  if (typeof value === 'number') return value
  if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) return Number(value)
  throw new KafkaError('INVALID_REQUEST', `${name} ${value} lies outside of ±(2^53−1)`)
}

/** The sum, which wraps as an int64 does. */
export function addInt64(a: Int64, b: Int64): Int64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  const sum = BigInt.asIntN(64, BigInt(a) + BigInt(b))
  return sum >= Number.MIN_SAFE_INTEGER && sum <= Number.MAX_SAFE_INTEGER ? Number(sum) : sum
}
