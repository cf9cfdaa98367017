/**
 * Metadata. Version 0 has no way to ask for no topics, 1 brings racks and the controller, 4 the choice not to create
 * topics, 7 leader epochs, 8 authorized operations, 10 topic ids, 13 an error for the whole.
 */
import type { TopicImage } from '../../cluster/index.js'
import { validateTopicName } from '../../cluster/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type Encodable, type RequestOf, type ResponseOf, ZERO_UUID } from '../../protocol/index.js'
import { defineHandler, type RequestContext } from '../api-handler.js'
import { clusterOperations, NOT_ASKED, topicOperations } from '../authorized-operations.js'
import { oneOfEach } from '../repeated-names.js'
import { brokersOf } from '../topics/broker-endpoints.js'
import { PartitionMetadata } from '../topics/partition-metadata.js'

/** First version whose clients know LISTENER_NOT_FOUND. */
const listenersFrom = 6
/** First version that asks by topic id; 10 and 11 have the field alone. */
const topicIdsFrom = 12

type TopicAnswer = Encodable<ResponseOf<'Metadata'>['topics'][number]>

export const metadata = defineHandler({
  api: 'Metadata',
  versions: [0, 13],
  async handle(request, context) {
    const { cluster } = context.broker
    if (context.version < topicIdsFrom && asksByTopicId(request)) return refuseTopicIds(request)
    const topics = await answerTopics(request, context)
    return {
      brokers: brokersOf(cluster, context.session.listenerName).map(({ id, host, port, rack }) => ({
        nodeId: id,
        host,
        port,
        rack,
      })),
      clusterId: cluster.clusterId,
      controllerId: cluster.image.controllerId,
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : NOT_ASKED,
    }
  },
})

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
  const operations = request.includeTopicAuthorizedOperations ? topicOperations : NOT_ASKED
  const metadata = new PartitionMetadata(
    context.broker.cluster,
    context.session.listenerName,
    context.version >= listenersFrom,
  )
  const wantsAll = request.topics === null || (context.version === 0 && request.topics.length === 0)
  if (wantsAll) return [...image.topics.values()].map((topic) => describe(topic, operations, metadata))
  const asked = oneOfEach(request.topics!, ({ name, topicId }) => `${topicId}/${name}`)
  return Promise.all(
    asked.map(async ({ name, topicId }): Promise<TopicAnswer> => {
      if (name === null || (name === '' && topicId !== ZERO_UUID)) {
        const topic = image.topicById(topicId)
        if (topic) return describe(topic, operations, metadata)
        return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId, partitions: [] }
      }
      try {
        const topic = image.topic(name) ?? (await create(name, request, context))
        return describe(topic, operations, metadata)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        return { errorCode: error.code, name, topicId: ZERO_UUID, partitions: [] }
      }
    }),
  )
}

function create(
  name: string,
  request: RequestOf<'Metadata'>,
  { broker, version }: RequestContext,
): Promise<TopicImage> {
  const mayCreate =
    (version < 4 || request.allowAutoTopicCreation) && broker.config.get('auto.create.topics.enable')
  if (mayCreate) return broker.topicCreation.ensure(name)
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
