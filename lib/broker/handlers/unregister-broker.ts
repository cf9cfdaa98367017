/** UnregisterBroker: takes a broker out of the cluster that is gone for good, or no longer holds anything. */
import { ErrorCode } from '../../protocol/errors.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { errorFields } from '../pipeline/kafka-error.js'

export const unregisterBroker = defineHandler({
  api: 'UnregisterBroker',
  versions: [0, 0],
  access: cluster('ALTER'),
  charge: 'request',
  refuse: errorFields,
  async handle({ brokerId }, { broker }) {
    await broker.cluster.removal.unregister(brokerId)
    return { errorCode: ErrorCode.NONE, errorMessage: null }
  },
})
