/** Which records of a refused batch are to blame (KIP-467): a client then fails these, and may send the others again. */
import type { TopicConfig } from '../config/index.js'
import { ErrorCode, type KafkaError } from '../protocol/errors.js'
import {
  BATCH_HEADER_SIZE,
  CorruptBatchError,
  decodeRecords,
  type LogRecord,
  readBatchHeader,
} from '../protocol/index.js'

export interface RecordError {
  /** The record's place in the batch, from 0. */
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** A batch of more records is refused as a whole: to look at each would hold up everybody else. */
const maxExamined = 10_000

/**
 * What is wrong with each record of a batch that was refused as INVALID_RECORD or INVALID_TIMESTAMP: no key in a
 * compacted topic, a timestamp out of bounds. Empty where it was refused for something else, or where the records
 * cannot be read.
 */
export function recordErrorsOf({ code }: KafkaError, batch: Uint8Array, config: TopicConfig): RecordError[] {
  if (code !== ErrorCode.INVALID_RECORD && code !== ErrorCode.INVALID_TIMESTAMP) return []
  if (batch.byteLength < BATCH_HEADER_SIZE) return []
  try {
    const header = readBatchHeader(batch)
    if (header.compressionId !== 0 || header.recordCount > maxExamined) return []
    const now = Date.now()
    return decodeRecords(header).flatMap((record, batchIndex) => {
      const batchIndexErrorMessage = whatIsWrong(record, config, now)
      return batchIndexErrorMessage === undefined ? [] : { batchIndex, batchIndexErrorMessage }
    })
  } catch (error) {
    if (error instanceof CorruptBatchError) return []
    throw error
  }
}

function whatIsWrong({ key, timestamp }: LogRecord, config: TopicConfig, now: number): string | undefined {
  if (config.compact && key === null) return 'A record without a key cannot go into a compacted topic.'
  if (config.messageTimestampType === 'LogAppendTime' || timestamp === -1n || timestamp === -1)
    return undefined
  const time = Number(timestamp)
  if (time >= now - config.messageTimestampBeforeMaxMs && time <= now + config.messageTimestampAfterMaxMs)
    return undefined
  return `The timestamp ${time} lies outside what message.timestamp.before.max.ms and message.timestamp.after.max.ms allow.`
}
