/**
 * How much an LZ4 or zstd stream can hold, from its frame and block headers alone: looked at before anything is
 * decompressed, because the decompressors that the packages offer take no bound.
 */
import { CorruptBatchError } from './corrupt-batch-error.js'

export interface Lz4Bound {
  /** No more than this comes out. */
  readonly bound: number
  /** The last block may be shorter than counted, by less than this. Of many frames only one is given it. */
  readonly slack: number
}

const lz4Magic = 0x184d2204
const zstdMagic = 0xfd2fb528
/** Both formats skip frames with these magics. */
const isSkippable = (magic: number) => magic >= 0x184d2a50 && magic <= 0x184d2a5f

/** zstd's largest block, whatever its window. */
const zstdBlockMax = 128 * 1024

class FrameReader {
  readonly #view: DataView
  position = 0

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#view.byteLength - this.position
  }

  skip(size: number): void {
    if (size > this.left) throw new CorruptBatchError('the compressed stream ends too early')
    this.position += size
  }

  byte(): number {
    this.skip(1)
    return this.#view.getUint8(this.position - 1)
  }

  uint24(): number {
    this.skip(3)
    return this.#view.getUint16(this.position - 3, true) | (this.#view.getUint8(this.position - 1) << 16)
  }

  uint32(): number {
    this.skip(4)
    return this.#view.getUint32(this.position - 4, true)
  }
}

export function lz4ContentBound(bytes: Uint8Array): Lz4Bound {
  const reader = new FrameReader(bytes)
  let bound = 0
  let slack = 0
  do {
    const magic = reader.uint32()
    if (isSkippable(magic)) {
      reader.skip(reader.uint32())
      continue
    }
    if (magic !== lz4Magic) throw new CorruptBatchError('lz4: no frame')
    const flags = reader.byte()
    const blockMax = 1 << (8 + 2 * ((reader.byte() >> 4) & 7))
    reader.skip((flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0) + 1)
    slack = Math.max(slack, blockMax)
    for (let header = reader.uint32(); header !== 0; header = reader.uint32()) {
      const size = header & 0x7fffffff
      // The top bit marks a block that is stored; no block grows by more than 255 times.
      bound += header > 0x7fffffff ? size : Math.min(blockMax, size * 255)
      reader.skip(size + (flags & 0x10 ? 4 : 0))
    }
    reader.skip(flags & 0x04 ? 4 : 0)
  } while (reader.left > 0)
  return { bound, slack }
}

/** No more than this comes out; a compressor that splits its blocks makes it several times what does. */
export function zstdContentBound(bytes: Uint8Array): number {
  const reader = new FrameReader(bytes)
  let bound = 0
  do {
    const magic = reader.uint32()
    if (isSkippable(magic)) {
      reader.skip(reader.uint32())
      continue
    }
    if (magic !== zstdMagic) throw new CorruptBatchError('zstd: no frame')
    const descriptor = reader.byte()
    const singleSegment = (descriptor & 0x20) !== 0
    const contentSizeFlag = descriptor >> 6
    const contentSizeBytes = contentSizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << contentSizeFlag
    reader.skip((singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + contentSizeBytes)
    for (let last = false; !last; ) {
      const header = reader.uint24()
      const type = (header >> 1) & 3
      const size = header >> 3
      last = (header & 1) !== 0
      if (type === 3) throw new CorruptBatchError('zstd: a block of no known type')
      // A block of type 1 repeats one byte `size` times.
      bound += type === 2 ? zstdBlockMax : size
      reader.skip(type === 1 ? 1 : size)
    }
    reader.skip(descriptor & 0x04 ? 4 : 0)
  } while (reader.left > 0)
  return bound
}
