/**
 * A log read in chunks of whole batches, with the records of compressed ones decompressed.
 */
import type { BatchChunk } from '../native/cleaner.js'
import type { NativeLog } from '../native/types.js'
import { BATCH_HEADER_SIZE, BATCH_OVERHEAD, compressionNames, decompress } from '../protocol/index.js'

/** Small enough that a chunk is a short piece of work beside other traffic. */
const chunkBytes = 1 << 20
/** What the batches of one chunk may decompress to. */
const maxUnpackedBytes = 256 << 20

const lengthAt = 8
const attributesAt = 21
const compressionMask = 0x07

/**
 * The chunk that begins with the batch that holds `offset`, or the next one after it; null where there is none below
 * `endOffset`. `aborted` is passed on.
 */
export async function readChunk(
  log: NativeLog,
  offset: number,
  endOffset: number,
  aborted: BigInt64Array,
): Promise<BatchChunk | null> {
  const bytes = await log.readBytes(offset, {
    maxBytes: chunkBytes,
    minOneBatch: true,
    maxOffset: endOffset,
  })
  if (bytes.byteLength === 0) return null
  return { bytes, endOffset, aborted, unpacked: await unpackBatches(bytes) }
}

/** The records of each compressed batch, decompressed; 256 MiB of them at most. */
export async function unpackBatches(bytes: Uint8Array): Promise<{ position: number; records: Uint8Array }[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const unpacked: { position: number; records: Uint8Array }[] = []
  let left = maxUnpackedBytes
  let position = 0
  while (position + BATCH_HEADER_SIZE <= bytes.byteLength) {
    const end = position + BATCH_OVERHEAD + view.getInt32(position + lengthAt)
    // A length that makes no sense is the engine's to report.
    if (end > bytes.byteLength || end < position + BATCH_HEADER_SIZE) break
    const compression = compressionNames[view.getInt16(position + attributesAt) & compressionMask]
    const packed = bytes.subarray(position + BATCH_HEADER_SIZE, end)
    if (compression !== undefined && compression !== 'none' && packed.byteLength > 0) {
      const records = await decompress(compression, packed, left)
      left -= records.byteLength
      unpacked.push({ position, records })
    }
    position = end
  }
  return unpacked
}
