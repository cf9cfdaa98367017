/** What the rooms below throw, in the protocol's terms: the one place where a handler's errors become answers. */
import { fromConfigError } from '../../cluster/index.js'
import { KafkaError } from '../../protocol/errors.js'
import { toKafkaError } from '../../storage/index.js'

/** Rethrows what is no Kafka error: it is a fault of ours, and ends the connection with a log line. */
export function kafkaErrorOf(thrown: unknown): KafkaError {
  if (thrown instanceof KafkaError) return thrown
  const mapped = toKafkaError(fromConfigError(thrown))
  if (mapped instanceof KafkaError) return mapped
  throw mapped
}

/** The error as the two fields that most answers have for it. */
export function errorFields({ code, message }: KafkaError): { errorCode: number; errorMessage: string } {
  return { errorCode: code, errorMessage: message }
}
