/** Turns what a room below threw into the code and message of one item of a response. */
import { errorFields, kafkaErrorOf } from './pipeline/kafka-error.js'

export function kafkaFailure(error: unknown): { errorCode: number; errorMessage: string } {
  return errorFields(kafkaErrorOf(error))
}
