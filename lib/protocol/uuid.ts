/**
 * UUIDs in Kafka's text form: 22 characters of URL-safe base64 without padding.
 */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Kafka keeps this one for the metadata topic. */
const ONE_UUID = 'AAAAAAAAAAAAAAAAAAAAAQ'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const digits = new Int8Array(128).fill(-1)
for (let i = 0; i < 64; i++) digits[alphabet.charCodeAt(i)] = i

/** A random id that Kafka's tools accept everywhere: never a reserved one, never with a leading dash. */
export function randomUuid(): string {
  // Loaded here, because it takes longer than all else in this file, and a broker makes ids on its first start only.
  const { randomBytes } = process.getBuiltinModule('node:crypto')
  for (;;) {
    const text = randomBytes(16).toString('base64url')
    if (text !== ZERO_UUID && text !== ONE_UUID && !text.startsWith('-')) return text
  }
}

/** Writes 16 bytes; false when `text` is no UUID. REQUIRES: they lie within `bytes`. */
export function writeUuid(bytes: Uint8Array, at: number, text: string): boolean {
  if (text.length !== 22) return false
  let bits = 0
  let count = 0
  let to = at
  for (let i = 0; i < 22; i++) {
    const code = text.charCodeAt(i)
    const digit = code < 128 ? digits[code]! : -1
    if (digit < 0) return false
    bits = (bits << 6) | digit
    count += 6
    if (count >= 8) {
      count -= 8
      bytes[to++] = bits >> count
    }
  }
  return true
}

const cacheSize = 256
const cachedWords = new Int32Array(cacheSize * 4)
const cachedTexts = new Array<string>(cacheSize).fill(ZERO_UUID)

/** Reads 16 bytes; the last ids seen are kept as text. REQUIRES: they lie within `bytes`. */
export function readUuid(bytes: Uint8Array, at: number): string {
  const a = word(bytes, at)
  const b = word(bytes, at + 4)
  const c = word(bytes, at + 8)
  const d = word(bytes, at + 12)
  const slot = (a ^ b ^ c ^ d) & (cacheSize - 1)
  const base = slot * 4
  if (
    cachedWords[base] === a &&
    cachedWords[base + 1] === b &&
    cachedWords[base + 2] === c &&
    cachedWords[base + 3] === d
  ) {
    return cachedTexts[slot]!
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, 16).toString('base64url')
  cachedWords[base] = a
  cachedWords[base + 1] = b
  cachedWords[base + 2] = c
  cachedWords[base + 3] = d
  cachedTexts[slot] = text
  return text
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
