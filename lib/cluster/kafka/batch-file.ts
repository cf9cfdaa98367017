/** A file of record batches, read from its beginning in pieces and never written: a segment or a snapshot of Kafka's. */
import { open } from 'node:fs/promises'
import {
  BATCH_HEADER_SIZE,
  type BatchHeader,
  batchFit,
  batchSize,
  CorruptBatchError,
  readBatchHeader,
} from '../../protocol/index.js'

const pieceBytes = 1 << 20
/** Kafka bounds a batch of metadata to 8 MiB; a length beyond this is no length. */
const maxBatchBytes = 64 << 20

/**
 * The whole batches of the file, each checked by its CRC. Throws CorruptBatchError where something else follows, a
 * batch that was cut short as well.
 */
export async function* readBatchFile(path: string): AsyncGenerator<BatchHeader, void, undefined> {
  const file = await open(path, 'r')
  try {
    let bytes = Buffer.alloc(0)
    let position = 0
    for (;;) {
      const wanted = sizeOfFirst(bytes)
      if (wanted > bytes.length) {
        const more = Buffer.allocUnsafe(Math.max(wanted - bytes.length, pieceBytes))
        const { bytesRead } = await file.read(more, 0, more.length, position)
        if (bytesRead === 0) {
          if (bytes.length === 0) return
          throw new CorruptBatchError(`${path} ends with ${bytes.length} bytes that are no whole batch`)
        }
        position += bytesRead
        bytes = Buffer.concat([bytes, more.subarray(0, bytesRead)])
        continue
      }
      const header = readBatchHeader(bytes)
      if (!header.hasValidCrc()) throw new CorruptBatchError(`${path}: the CRC of a batch does not match`)
      yield header
      bytes = bytes.subarray(wanted)
    }
  } finally {
    await file.close()
  }
}

function sizeOfFirst(bytes: Uint8Array): number {
  if (batchFit(bytes, 0) === 'cut header') return BATCH_HEADER_SIZE
  const size = batchSize(bytes, 0)
  if (batchFit(bytes, 0, maxBatchBytes) !== 'whole') {
    throw new CorruptBatchError(`no record batch, or one of ${size} bytes`)
  }
  return size
}
