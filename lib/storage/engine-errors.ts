/** What a failed engine call means to a Kafka client. */
import type { EngineErrorCode } from '../native/types.js'
import { type ErrorName, KafkaError } from '../protocol/errors.js'

const kafkaErrors: Record<EngineErrorCode, ErrorName> = {
  CORRUPT_BATCH: 'CORRUPT_MESSAGE',
  INVALID_RECORD: 'INVALID_RECORD',
  INVALID_TIMESTAMP: 'INVALID_TIMESTAMP',
  BATCH_TOO_LARGE: 'MESSAGE_TOO_LARGE',
  OFFSET_OUT_OF_RANGE: 'OFFSET_OUT_OF_RANGE',
  CORRUPT_LOG: 'KAFKA_STORAGE_ERROR',
  NO_SPACE: 'KAFKA_STORAGE_ERROR',
  IO: 'KAFKA_STORAGE_ERROR',
  LOG_FAILED: 'KAFKA_STORAGE_ERROR',
  PREVIOUS_REFUSED: 'KAFKA_STORAGE_ERROR',
  CLOSED: 'NOT_LEADER_OR_FOLLOWER',
  LOCKED: 'KAFKA_STORAGE_ERROR',
  INVALID_ARGUMENT: 'INVALID_REQUEST',
  UNSUPPORTED_FORMAT: 'KAFKA_STORAGE_ERROR',
}

/** Codes that say "this batch is not taken"; after any other the log itself is in doubt. */
const refusals: ReadonlySet<string> = new Set<EngineErrorCode>([
  'CORRUPT_BATCH',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'BATCH_TOO_LARGE',
  'OFFSET_OUT_OF_RANGE',
  'INVALID_ARGUMENT',
])

export function engineErrorCode(error: unknown): EngineErrorCode | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code in kafkaErrors ? (code as EngineErrorCode) : undefined
}

export function isRefusal(error: unknown): boolean {
  return refusals.has((error as { code?: string } | null)?.code ?? '')
}

/** The Kafka error for a failed engine call; errors of other kinds come back as they are. */
export function toKafkaError(error: unknown): Error {
  const code = engineErrorCode(error)
  if (!code) return error instanceof Error ? error : new Error(String(error))
  return new KafkaError(kafkaErrors[code], (error as Error).message, { cause: error })
}
