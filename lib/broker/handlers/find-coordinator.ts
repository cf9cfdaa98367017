/**
 * FindCoordinator. Version 1 brings the kind of key, 4 several keys. The first call creates the internal topic. Kinds of
 * keys that this broker has no coordinator for are refused: those of transactions and share groups.
 */
import { coordinatedTopicFor } from '../../config/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { defineHandler, type RequestContext } from '../api-handler.js'
import { brokersOf } from '../topics/broker-endpoints.js'

const nobody = { nodeId: -1, host: '', port: -1 }

interface Coordinator {
  nodeId: number
  host: string
  port: number
  errorCode: number
  errorMessage: string | null
}

export const findCoordinator = defineHandler({
  api: 'FindCoordinator',
  versions: [0, 6],
  async handle({ key, keyType, coordinatorKeys }, context) {
    if (context.version < 4) return find(key, keyType, context)
    const coordinators = coordinatorKeys.map(async (each) => ({
      key: each,
      ...(await find(each, keyType, context)),
    }))
    return { coordinators: await Promise.all(coordinators) }
  },
})

async function find(key: string, keyType: number, { broker, session }: RequestContext): Promise<Coordinator> {
  try {
    const coordinated = coordinatedTopicFor(keyType)
    const coordinator = coordinated && broker.coordinators.get(coordinated.name)
    if (!coordinator) {
      throw new KafkaError(
        'INVALID_REQUEST',
        'This broker coordinates groups alone: it has no transactions and no share groups.',
      )
    }
    const topic = await broker.topicCreation.ensure(coordinated.name)
    const leader = topic.partitions[coordinator.partitionFor(key)]?.leader
    const address = brokersOf(broker.cluster, session.listenerName).find(({ id }) => id === leader)
    if (!address) throw new KafkaError('COORDINATOR_NOT_AVAILABLE')
    const { id: nodeId, host, port } = address
    return { nodeId, host, port, errorCode: ErrorCode.NONE, errorMessage: null }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    const { errorName, message } = error
    if (message !== errorName) broker.refusals.report({ group: key, error: errorName }, message)
    return { ...nobody, errorCode: error.code, errorMessage: error.message }
  }
}
