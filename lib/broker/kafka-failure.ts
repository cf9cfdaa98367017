/** Turns what a room below threw into the code and message of one item of a response. */
import { toKafkaError as fromConfig } from '../cluster/index.js'
import { KafkaError } from '../protocol/errors.js'
import { toKafkaError as fromEngine } from '../storage/index.js'

/** Rethrows what is no Kafka error: it is a fault of ours, and ends the connection with a log line. */
export function kafkaFailure(error: unknown): { errorCode: number; errorMessage: string } {
  const mapped = fromEngine(fromConfig(error))
  if (!(mapped instanceof KafkaError)) throw mapped
  return { errorCode: mapped.code, errorMessage: mapped.message }
}
