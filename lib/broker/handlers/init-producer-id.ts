/**
 * InitProducerId, for idempotent producers. Version 3 brings the producer's own id and epoch, of use to transactions
 * alone. Transactional ids are refused: there are no transactions.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type Access, refusalOf } from '../pipeline/access.js'
import { CLUSTER_NAME } from '../pipeline/authorizer.js'
import { defineHandler } from '../pipeline/handler.js'

/** Whoever may write any topic may do so idempotently (KIP-679). */
const access: Access<'InitProducerId'> = {
  rule: 'WRITE on the transactional id; without one, WRITE on any topic or IDEMPOTENT_WRITE on the cluster',
  authorize({ transactionalId }, context) {
    if (transactionalId !== null) {
      return refusalOf(
        { operation: 'WRITE', resourceType: 'TRANSACTIONAL_ID', name: transactionalId },
        context,
      )
    }
    if (context.session.rights.hasOnAny('WRITE', 'TOPIC')) return undefined
    return refusalOf({ operation: 'IDEMPOTENT_WRITE', resourceType: 'CLUSTER', name: CLUSTER_NAME }, context)
  },
}

export const initProducerId = defineHandler({
  api: 'InitProducerId',
  versions: [0, 5],
  access,
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, producerId: -1, producerEpoch: -1 }),
  async handle({ transactionalId, producerId, producerEpoch }, { broker }) {
    // An id without its epoch, or an epoch without an id, is a mistake of the client's.
    const isHalf = (producerId === -1) !== (producerEpoch === -1)
    if (transactionalId !== null || isHalf) throw new KafkaError('INVALID_REQUEST')
    return { errorCode: ErrorCode.NONE, producerId: await broker.producerIds.next(), producerEpoch: 0 }
  },
})
