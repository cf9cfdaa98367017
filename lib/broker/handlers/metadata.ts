/**
 * Metadata. Version 0 has no way to ask for no topics, 1 brings racks and the controller, 4 the choice not to create
 * topics, 7 leader epochs, 8 authorized operations, 10 topic ids, 13 an error for the whole.
 */
import type { TopicImage } from '../../cluster/index.js'
import { validateTopicName } from '../../cluster/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type Encodable, type RequestOf, type ResponseOf, ZERO_UUID } from '../../protocol/index.js'
import { both } from '../pipeline/access.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { items, topics } from '../pipeline/item-access.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { OPERATIONS_NOT_ASKED } from '../pipeline/rights.js'
import { oneOfEach } from '../repeated-names.js'
import { brokersOf } from '../topics/broker-endpoints.js'
import { PartitionMetadata } from '../topics/partition-metadata.js'

/** First version whose clients know LISTENER_NOT_FOUND. */
const listenersFrom = 6
/** First version that asks by topic id; 10 and 11 have the field alone. */
const topicIdsFrom = 12

/** Topics that a request may have created at once; the others wait for them. */
const topicsAtOnce = 64

type Request = RequestOf<'Metadata'>
type Wanted = NonNullable<Request['topics']>[number]
type TopicAnswer = Encodable<ResponseOf<'Metadata'>['topics'][number]>

/** A topic that is asked for by its id keeps its name to itself, one that is asked for by its name its id. */
const refuseTopic = ({ name, topicId }: Wanted, { code }: KafkaError): TopicAnswer => {
  const byId = isById({ name, topicId })
  return { errorCode: code, name: byId ? null : name, topicId: byId ? topicId : ZERO_UUID, partitions: [] }
}

const fields = {
  items: 'topics',
  answers: 'topics',
  refuse: refuseTopic,
  // An empty list asks for all topics in version 0.
  nothingLeft: (request: Request, context: RequestContext) => answer(request, context, []),
} as const

const described = topics('Metadata', 'DESCRIBE', {
  ...fields,
  name: ({ name, topicId }, { broker }) =>
    isById({ name, topicId }) ? broker.cluster.image.topicById(topicId)?.name : (name ?? undefined),
  permits: (rights) => (name) => rights.has('DESCRIBE', 'TOPIC', name),
})

const created = items(
  'Metadata',
  'CREATE on the cluster or the topic where it is created',
  fields,
  ({ name, topicId }, context, request) => {
    const { broker, session } = context
    if (name === null || isById({ name, topicId }) || broker.cluster.image.topic(name)) return undefined
    if (!mayCreate(request, context) || session.rights.hasOnCluster('CREATE')) return undefined
    return { operation: 'CREATE', resourceType: 'TOPIC', name }
  },
)

export const metadata = defineHandler({
  api: 'Metadata',
  versions: [0, 13],
  access: both(described, { ...created, ...(described.permits && { permits: described.permits }) }),
  charge: 'request',
  refuse: (error, request, context) =>
    answer(
      request,
      context,
      (request.topics ?? []).map((topic) => refuseTopic(topic, error)),
    ),
  async handle(request, context) {
    if (context.version < topicIdsFrom && asksByTopicId(request)) return refuseTopicIds(request)
    return answer(request, context, await answerTopics(request, context))
  },
})

function answer(request: Request, { broker, session }: RequestContext, topics: TopicAnswer[]) {
  const { cluster } = broker
  return {
    brokers: brokersOf(cluster, session.listenerName).map(({ id, host, port, rack }) => ({
      nodeId: id,
      host,
      port,
      rack,
    })),
    clusterId: cluster.clusterId,
    controllerId: cluster.image.controllerId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? session.rights.operationsOnCluster()
      : OPERATIONS_NOT_ASKED,
  }
}

function isById({ name, topicId }: Wanted): boolean {
  return name === null || (name === '' && topicId !== ZERO_UUID)
}

function asksByTopicId({ topics }: RequestOf<'Metadata'>): boolean {
  return topics?.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID) ?? false
}

/** As Kafka says it: of each topic, and nothing else. The response of these versions has no null names. */
function refuseTopicIds({ topics }: RequestOf<'Metadata'>) {
  const errorCode = ErrorCode.INVALID_REQUEST
  return {
    topics: topics!.map(({ name, topicId }) => ({ errorCode, name: name ?? '', topicId, partitions: [] })),
  }
}

async function answerTopics(request: RequestOf<'Metadata'>, context: RequestContext): Promise<TopicAnswer[]> {
  const { image } = context.broker.cluster
  const { rights } = context.session
  const withOperations = request.includeTopicAuthorizedOperations
  const operationsOn = (name: string) =>
    withOperations ? rights.operationsOn('TOPIC', name) : OPERATIONS_NOT_ASKED
  const metadata = new PartitionMetadata(
    context.broker.cluster,
    context.session.listenerName,
    context.version >= listenersFrom,
  )
  const wantsAll = request.topics === null || (context.version === 0 && request.topics.length === 0)
  if (wantsAll) {
    const isPermitted = context.permits(request) ?? (() => true)
    return [...image.topics.values()]
      .filter(({ name }) => isPermitted(name))
      .map((topic) => describe(topic, operationsOn(topic.name), metadata))
  }
  const asked = oneOfEach(request.topics!, ({ name, topicId }) => `${topicId}/${name}`)
  const answerTopic = async ({ name, topicId }: Wanted): Promise<TopicAnswer> => {
    const topic =
      name === null || isById({ name, topicId })
        ? image.topicById(topicId)
        : (image.topic(name) ?? (await create(name, request, context)))
    if (!topic) throw new KafkaError('UNKNOWN_TOPIC_ID')
    return describe(topic, operationsOn(topic.name), metadata)
  }
  return eachItem(asked, topicsAtOnce, answerTopic, refuseTopic)
}

function mayCreate(request: Request, { broker, version }: RequestContext): boolean {
  return (version < 4 || request.allowAutoTopicCreation) && broker.config.get('auto.create.topics.enable')
}

function create(name: string, request: Request, context: RequestContext): Promise<TopicImage> {
  if (mayCreate(request, context)) return context.broker.topicCreation.ensure(name)
  validateTopicName(name)
  throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION')
}

function describe(
  topic: TopicImage,
  topicAuthorizedOperations: number,
  metadata: PartitionMetadata,
): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition) => metadata.of(partition)),
    topicAuthorizedOperations,
  }
}
