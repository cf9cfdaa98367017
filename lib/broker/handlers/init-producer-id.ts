/**
 * InitProducerId, for idempotent producers. Version 3 brings the producer's own id and epoch, of use to transactions
 * alone. Transactional ids are refused: there are no transactions.
 */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'

export const initProducerId = defineHandler({
  api: 'InitProducerId',
  versions: [0, 5],
  async handle({ transactionalId }, { broker }) {
    if (transactionalId !== null) {
      return { errorCode: ErrorCode.INVALID_REQUEST, producerId: -1, producerEpoch: -1 }
    }
    return { errorCode: ErrorCode.NONE, producerId: await broker.producerIds.next(), producerEpoch: 0 }
  },
})
