/** Rewrites a batch to the topic's own `compression.type`. The records themselves stay as they are. */
import type { TopicConfig } from '../config/index.js'
import {
  BATCH_HEADER_SIZE,
  BATCH_OVERHEAD,
  BatchAttribute,
  BatchField,
  BatchHeader,
  type CompressionName,
  CorruptBatchError,
  compress,
  compressionIds,
  crc32c,
  decompress,
  KafkaError,
} from '../protocol/index.js'

/** What a batch may grow to in memory while it is rewritten, as a multiple of `max.message.bytes`. */
const growth = 100

/**
 * The batch compressed as `target` says; itself where it is already. Throws CORRUPT_MESSAGE where its CRC or its
 * compression does not check out, MESSAGE_TOO_LARGE where it unpacks to more than is sensible.
 */
export async function recompress(batch: Uint8Array, config: TopicConfig): Promise<Uint8Array> {
  const { compressionType } = config
  if (compressionType === 'producer') return batch
  const target: CompressionName = compressionType === 'uncompressed' ? 'none' : compressionType
  const header = new BatchHeader(batch)
  if (header.compressionId === compressionIds[target]) return batch
  if (!header.hasValidCrc()) throw new KafkaError('CORRUPT_MESSAGE', 'The CRC of the batch does not match.')
  let records: Uint8Array
  try {
    records = await decompress(header.compression, header.records, config.maxMessageBytes * growth)
  } catch (error) {
    if (!(error instanceof CorruptBatchError)) throw error
    throw new KafkaError('CORRUPT_MESSAGE', error.message, { cause: error })
  }
  const packed = await compress(target, records, levelOf(target, config))
  const rewritten = Buffer.allocUnsafe(BATCH_HEADER_SIZE + packed.byteLength)
  rewritten.set(batch.subarray(0, BATCH_HEADER_SIZE))
  rewritten.set(packed, BATCH_HEADER_SIZE)
  rewritten.writeInt32BE(rewritten.byteLength - BATCH_OVERHEAD, BatchField.BATCH_LENGTH)
  const attributes = (header.attributes & ~BatchAttribute.COMPRESSION_MASK) | compressionIds[target]
  rewritten.writeInt16BE(attributes, BatchField.ATTRIBUTES)
  rewritten.writeUInt32BE(
    crc32c(rewritten, BatchField.ATTRIBUTES, rewritten.byteLength) >>> 0,
    BatchField.CRC,
  )
  return rewritten
}

function levelOf(target: CompressionName, config: TopicConfig): number | undefined {
  if (target === 'gzip') return config.compressionGzipLevel
  if (target === 'lz4') return config.compressionLz4Level
  return target === 'zstd' ? config.compressionZstdLevel : undefined
}
