/**
 * Where the fields of a record batch of magic 2 stand. Every reader and writer of batches takes its positions from here;
 * the engine has the same in native/record_batch.h. All numbers are big-endian.
 *
 *    0 baseOffset int64         | 8 batchLength int32, counted from 12 | 12 partitionLeaderEpoch int32
 *   16 magic int8               | 17 crc uint32 of all from 21 on      | 21 attributes int16
 *   23 lastOffsetDelta int32    | 27 baseTimestamp int64               | 35 maxTimestamp int64
 *   43 producerId int64         | 51 producerEpoch int16               | 53 baseSequence int32
 *   57 recordCount int32        | 61 records
 *
 *   attributes: bits 0–2 compression | 3 LogAppendTime | 4 transactional | 5 control | 6 baseTimestamp is the
 *   delete horizon
 */
export const BatchField = {
  BASE_OFFSET: 0,
  BATCH_LENGTH: 8,
  PARTITION_LEADER_EPOCH: 12,
  MAGIC: 16,
  CRC: 17,
  ATTRIBUTES: 21,
  LAST_OFFSET_DELTA: 23,
  BASE_TIMESTAMP: 27,
  MAX_TIMESTAMP: 35,
  PRODUCER_ID: 43,
  PRODUCER_EPOCH: 51,
  BASE_SEQUENCE: 53,
  RECORD_COUNT: 57,
  RECORDS: 61,
} as const

export const BATCH_HEADER_SIZE: number = BatchField.RECORDS
/** Bytes in front of what batchLength counts. */
export const BATCH_OVERHEAD: number = BatchField.PARTITION_LEADER_EPOCH
export const BATCH_MAGIC = 2

export const BatchAttribute = {
  COMPRESSION_MASK: 0x07,
  LOG_APPEND_TIME: 0x08,
  TRANSACTIONAL: 0x10,
  CONTROL: 0x20,
  DELETE_HORIZON: 0x40,
} as const
