/** Settings say what is wrong in their own terms; clients are answered in Kafka's. */

import { ConfigError } from '../../config/index.js'
import { KafkaError } from '../../protocol/index.js'

/** The Kafka error of a ConfigError; any other error as it is. */
export function fromConfigError(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error
  const invalidRequest = error.code === 'NOT_DYNAMIC' || error.code === 'INVALID_OPERATION'
  return new KafkaError(invalidRequest ? 'INVALID_REQUEST' : 'INVALID_CONFIG', error.message, {
    cause: error,
  })
}

/** As `checkedConfig`, for settings of brokers: there Kafka calls a wrong value an invalid request. */
export function checkedBrokerConfig<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof ConfigError) || error.code !== 'INVALID_VALUE') throw fromConfigError(error)
    throw new KafkaError('INVALID_REQUEST', error.message, { cause: error })
  }
}

/** Runs `check` and throws its ConfigError as a KafkaError. */
export function checkedConfig<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw fromConfigError(error)
  }
}
