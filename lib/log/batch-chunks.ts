/**
 * A log read in chunks of whole batches, with the records of compressed ones decompressed.
 */
import type { BatchChunk } from '../native/cleaner.js'
import type { NativeLog } from '../native/types.js'
import { BatchHeader, batchFit, decompress } from '../protocol/index.js'

/** Small enough that a chunk is a short piece of work beside other traffic. */
const chunkBytes = 1 << 20
/** What the batches of one chunk may decompress to. */
const maxUnpackedBytes = 256 << 20

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
  const unpacked: { position: number; records: Uint8Array }[] = []
  let left = maxUnpackedBytes
  let position = 0
  // What is no whole batch is the engine's to report.
  while (batchFit(bytes, position) === 'whole') {
    const header = new BatchHeader(bytes, position)
    const packed = header.records
    const { compressionName } = header
    if (compressionName !== undefined && compressionName !== 'none' && packed.byteLength > 0) {
      const records = await decompress(compressionName, packed, left)
      left -= records.byteLength
      unpacked.push({ position, records })
    }
    position += header.sizeInBytes
  }
  return unpacked
}
