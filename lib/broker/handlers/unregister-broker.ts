/** UnregisterBroker: takes a broker out of the cluster that is gone for good, or holds nothing any more. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'

export const unregisterBroker = defineHandler({
  api: 'UnregisterBroker',
  versions: [0, 0],
  async handle({ brokerId }, { broker }) {
    try {
      await broker.cluster.removal.unregister(brokerId)
      return { errorCode: ErrorCode.NONE, errorMessage: null }
    } catch (error) {
      return kafkaFailure(error)
    }
  },
})
