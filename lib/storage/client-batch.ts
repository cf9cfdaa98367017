/**
 * What a produce request may hold for one partition: exactly one whole batch of magic 2, as its header says. The
 * engine checks the CRC and the records.
 */
import type { TopicConfig } from '../config/index.js'
import { KafkaError } from '../protocol/errors.js'
import { BATCH_MAGIC, BatchHeader, batchFit, batchSize, compressionIds } from '../protocol/index.js'
import { type BatchIdentity, readBatchIdentity } from './batch-identity.js'

/** Throws CORRUPT_MESSAGE, INVALID_RECORD, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE or INVALID_TXN_STATE. */
export function checkClientBatch(
  records: Uint8Array,
  config: TopicConfig,
  allowsZstd: boolean,
): BatchIdentity {
  if (records.byteLength === 0)
    throw new KafkaError('INVALID_RECORD', 'A produce request must hold one record batch.')
  const fit = batchFit(records, 0)
  if (fit === 'cut header') {
    throw new KafkaError('CORRUPT_MESSAGE', `${records.byteLength} bytes are no whole record batch.`)
  }
  if (fit === 'magic') {
    const { magic } = new BatchHeader(records)
    throw new KafkaError('INVALID_RECORD', `Record batches have magic ${BATCH_MAGIC}, not ${magic}.`)
  }
  const announced = batchSize(records, 0)
  if (fit === 'short' || fit === 'cut') {
    throw new KafkaError(
      'CORRUPT_MESSAGE',
      `The batch announces ${announced} bytes of ${records.byteLength}.`,
    )
  }
  if (announced < records.byteLength) {
    throw new KafkaError(
      'INVALID_RECORD',
      'A produce request must hold one record batch for a partition, not more.',
    )
  }
  if (announced > config.maxMessageBytes) {
    throw new KafkaError(
      'MESSAGE_TOO_LARGE',
      `The batch has ${announced} bytes; max.message.bytes allows ${config.maxMessageBytes}.`,
    )
  }
  const batch = readBatchIdentity(records)
  if (batch.compression === compressionIds.zstd && !allowsZstd)
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', 'zstd needs Produce version 7 or newer.')
  if (batch.isControl) throw new KafkaError('INVALID_RECORD', 'Clients may not write control records.')
  if (batch.isTransactional) {
    throw new KafkaError(
      'INVALID_TXN_STATE',
      'This broker has no transactions; use a producer without transactional.id.',
    )
  }
  if (batch.producerId >= 0 && (batch.baseSequence < 0 || batch.producerEpoch < 0)) {
    throw new KafkaError(
      'INVALID_RECORD',
      `Producer ${batch.producerId} sent epoch ${batch.producerEpoch} and sequence ${batch.baseSequence}.`,
    )
  }
  if (!Number.isSafeInteger(batch.producerId))
    throw new KafkaError('INVALID_RECORD', 'The producer id is out of range.')
  return batch
}
