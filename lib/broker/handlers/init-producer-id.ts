/**
 * InitProducerId, for idempotent producers. Version 3 brings the producer's own id and epoch, of use to transactions
 * alone. Transactional ids are refused: there are no transactions.
 */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'

export const initProducerId = defineHandler({
  api: 'InitProducerId',
  versions: [0, 5],
  async handle({ transactionalId, producerId, producerEpoch }, { broker }) {
    // An id without its epoch, or an epoch without an id, is a mistake of the client's.
    const isHalf = (producerId === -1) !== (producerEpoch === -1)
    if (transactionalId !== null || isHalf) {
      return { errorCode: ErrorCode.INVALID_REQUEST, producerId: -1, producerEpoch: -1 }
    }
    return { errorCode: ErrorCode.NONE, producerId: await broker.producerIds.next(), producerEpoch: 0 }
  },
})
