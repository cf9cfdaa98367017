/**
 * The framing that Kafka's Java side puts around snappy: a header of 16 bytes, then blocks of raw snappy, each
 * behind its length (int32).
 *
 *   82 53 4e 41 50 50 59 00 | version int32 = 1 | lowest compatible version int32 = 1 | blocks
 */
import { CorruptBatchError } from './corrupt-batch-error.js'

/** Bytes that go into a block before compression, as many as Java's writer takes. */
export const XERIAL_BLOCK_SIZE = 32 * 1024

const header = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1)
const magicSize = 8

export function joinXerial(blocks: readonly Uint8Array[]): Uint8Array {
  const size = blocks.reduce((sum, block) => sum + 4 + block.length, header.length)
  const bytes = Buffer.allocUnsafe(size)
  bytes.set(header)
  let at = header.length
  for (const block of blocks) {
    at = bytes.writeInt32BE(block.length, at)
    bytes.set(block, at)
    at += block.length
  }
  return bytes
}

/** The raw blocks; bytes without the framing, as some clients send them, are one block. */
export function splitXerial(bytes: Uint8Array): Uint8Array[] {
  for (let i = 0; i < magicSize; i++) if (bytes[i] !== header[i]) return [bytes]
  const blocks: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < header.length)
    throw new CorruptBatchError('snappy: the framing ends inside of its header')
  for (let at = header.length; at < bytes.length; ) {
    if (bytes.length - at < 4) throw new CorruptBatchError('snappy: a block without its length')
    const size = view.getInt32(at)
    at += 4
    // Streams that were joined stand behind each other, each with its own header; -2110501562 is its first word.
    if (size === view.getInt32(0)) {
      at += header.length - 4
      if (at > bytes.length) throw new CorruptBatchError('snappy: the framing ends inside of its header')
      continue
    }
    if (size < 0 || size > bytes.length - at) {
      throw new CorruptBatchError(`snappy: a block of ${size} bytes, with ${bytes.length - at} left`)
    }
    blocks.push(bytes.subarray(at, at + size))
    at += size
  }
  return blocks
}

/** What a raw block says that it holds: a varint at its start. */
export function snappyContentSize(block: Uint8Array): number {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i]
    if (byte === undefined) break
    size += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 128) return size
  }
  throw new CorruptBatchError('snappy: a block without its content size')
}
