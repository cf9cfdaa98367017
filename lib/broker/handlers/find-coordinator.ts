/**
 * FindCoordinator. Version 1 brings the kind of key, 4 several keys. The first call creates the internal topic. Kinds of
 * keys that this broker has no coordinator for are refused: those of transactions and share groups.
 */
import { coordinatedTopicFor } from '../../config/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { fromVersion, type Need, whole } from '../pipeline/access.js'
import { CLUSTER_NAME } from '../pipeline/authorizer.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { items } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { brokersOf } from '../topics/broker-endpoints.js'

const group = 0
const transaction = 1
const share = 2
const nobody = { nodeId: -1, host: '', port: -1 }
const manyKeysFrom = 4
/** Coordinators looked for at once: the first look-up creates a topic. */
const keysAtOnce = 64

/** A kind of coordinator that nobody knows needs nothing: it is refused as what it is. */
function needOf(name: string, keyType: number): Need | undefined {
  if (keyType === group) return { operation: 'DESCRIBE', resourceType: 'GROUP', name }
  if (keyType === transaction) return { operation: 'DESCRIBE', resourceType: 'TRANSACTIONAL_ID', name }
  if (keyType === share) return { operation: 'CLUSTER_ACTION', resourceType: 'CLUSTER', name: CLUSTER_NAME }
  return undefined
}

/** An operator is told too: that no coordinator is found may be for them to put right. */
function refuseKey(key: string, error: KafkaError, { broker }: RequestContext) {
  const { errorName, message } = error
  if (message !== errorName) broker.refusals.report({ key, error: errorName }, message)
  return { key, ...nobody, ...errorFields(error) }
}

const rule = 'DESCRIBE on each group or transactional id; CLUSTER_ACTION on the cluster for share groups'

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
  access: fromVersion(
    manyKeysFrom,
    items(
      'FindCoordinator',
      rule,
      { items: 'coordinatorKeys', answers: 'coordinators', refuse: refuseKey },
      (key, _, { keyType }) => needOf(key, keyType),
    ),
    whole<'FindCoordinator'>(rule, ({ key, keyType }) => needOf(key, keyType)),
  ),
  charge: 'request',
  refuse: (error, { key, coordinatorKeys }, context) =>
    context.version < manyKeysFrom
      ? refuseKey(key, error, context)
      : { coordinators: coordinatorKeys.map((each) => refuseKey(each, error, context)) },
  async handle({ key, keyType, coordinatorKeys }, context) {
    if (context.version < manyKeysFrom) return find(key, keyType, context)
    const answer = async (each: string) => ({ key: each, ...(await find(each, keyType, context)) })
    const refuse = (each: string, error: KafkaError) => refuseKey(each, error, context)
    return { coordinators: await eachItem(coordinatorKeys, keysAtOnce, answer, refuse) }
  },
})

async function find(key: string, keyType: number, { broker, session }: RequestContext): Promise<Coordinator> {
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
}
