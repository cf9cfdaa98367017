/**
 * LZ4 with a search whose depth is a setting: what `compression.lz4.level` other than its default asks for. The
 * package behind the default level has one speed only. Runs on the thread of lz4-worker.ts.
 */

const minMatch = 4
/** The format wants the last 5 bytes as literals, and no match to start within the last 12. */
const lastLiterals = 5
const matchEnd = 12
const maxDistance = 0xffff
const blockSize = 64 * 1024
const hashBits = 15

/** Magic; version 1 with independent blocks, which is all that Kafka's Java reads; blocks of 64 KB; header checksum. */
const frameHeader = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)

/** A frame; at `level` (1 to 17), 2^(level−1) earlier places are tried for each match. */
export function compressFrame(bytes: Uint8Array, level: number): Uint8Array {
  const attempts = 1 << (level - 1)
  const blocks = Math.ceil(bytes.length / blockSize)
  const output = new Uint8Array(frameHeader.length + bytes.length + blocks * 4 + 4)
  const view = new DataView(output.buffer)
  output.set(frameHeader)
  let at = frameHeader.length
  const scratch = new Uint8Array(blockSize + blockSize / 255 + 16)
  for (let start = 0; start < bytes.length; start += blockSize) {
    const block = bytes.subarray(start, start + blockSize)
    const size = compressBlock(block, scratch, attempts)
    const stored = size >= block.length
    view.setUint32(at, stored ? (block.length | 0x80000000) >>> 0 : size, true)
    output.set(stored ? block : scratch.subarray(0, size), at + 4)
    at += 4 + (stored ? block.length : size)
  }
  return output.slice(0, at + 4)
}

/** Writes one raw block to `output` and returns its size. REQUIRES: `block` of 64 KB at most. */
function compressBlock(block: Uint8Array, output: Uint8Array, attempts: number): number {
  const heads = new Int32Array(1 << hashBits).fill(-1)
  const chain = new Int32Array(block.length)
  const limit = block.length - matchEnd
  let literals = 0
  let position = 0
  let inserted = 0
  let out = 0
  const insertUpTo = (end: number) => {
    for (; inserted <= end; inserted++) {
      const hash = hashAt(block, inserted)
      chain[inserted] = heads[hash]!
      heads[hash] = inserted
    }
  }
  while (position <= limit) {
    insertUpTo(position)
    let bestLength = minMatch - 1
    let best = -1
    let candidate = chain[position]!
    for (let i = attempts; i > 0 && candidate >= 0 && position - candidate <= maxDistance; i--) {
      if (block[candidate + bestLength] === block[position + bestLength]) {
        const length = matchLength(block, candidate, position)
        if (length > bestLength) {
          bestLength = length
          best = candidate
        }
      }
      candidate = chain[candidate]!
    }
    if (best < 0) {
      position++
      continue
    }
    out = writeSequence(block, literals, position, bestLength, position - best, output, out)
    insertUpTo(Math.min(position + bestLength - 1, limit))
    position += bestLength
    literals = position
  }
  return writeSequence(block, literals, block.length, 0, 0, output, out)
}

function hashAt(block: Uint8Array, at: number): number {
  const word = block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24)
  return Math.imul(word, -1640531535) >>> (32 - hashBits)
}

function matchLength(block: Uint8Array, a: number, b: number): number {
  const end = block.length - lastLiterals
  let length = 0
  while (b + length < end && block[a + length] === block[b + length]) length++
  return length
}

/** The literals from `start` to `end`, and a match behind them unless `length` is 0. */
function writeSequence(
  block: Uint8Array,
  start: number,
  end: number,
  length: number,
  distance: number,
  output: Uint8Array,
  at: number,
): number {
  const count = end - start
  const extra = length === 0 ? 0 : length - minMatch
  output[at++] = (Math.min(count, 15) << 4) | Math.min(extra, 15)
  if (count >= 15) at = writeLength(output, at, count - 15)
  output.set(block.subarray(start, end), at)
  at += count
  if (length === 0) return at
  output[at++] = distance & 255
  output[at++] = distance >> 8
  return extra >= 15 ? writeLength(output, at, extra - 15) : at
}

function writeLength(output: Uint8Array, at: number, length: number): number {
  for (; length >= 255; length -= 255) output[at++] = 255
  output[at++] = length
  return at
}
