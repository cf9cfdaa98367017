/** DescribeTopicPartitions (KIP-966): topics in the order of their names, in pages of a bounded number of partitions. */
import { validateTopicName } from '../../cluster/index.js'
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import { type Encodable, type ResponseOf, ZERO_UUID } from '../../protocol/index.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { kafkaErrorOf } from '../pipeline/kafka-error.js'
import { PartitionMetadata } from '../topics/partition-metadata.js'

type Answer = ResponseOf<'DescribeTopicPartitions'>

export const describeTopicPartitions = defineHandler({
  api: 'DescribeTopicPartitions',
  versions: [0, 0],
  access: topics('DescribeTopicPartitions', 'DESCRIBE', {
    items: 'topics',
    answers: 'topics',
    refuse: ({ name }, { code }) => refused(name, code),
    // No topics at all would be asked for as all of them.
    nothingLeft: () => ({ topics: [], nextCursor: null }),
    permits: (rights) => (name) => rights.has('DESCRIBE', 'TOPIC', name),
  }),
  charge: 'request',
  refuse: ({ code }: KafkaError, request) => ({
    topics: request.topics.map(({ name }) => refused(name, code)),
    nextCursor: null,
  }),
  handle(request, context) {
    const { topics: wanted, responsePartitionLimit, cursor } = request
    const { broker, session } = context
    const { image } = broker.cluster
    if (cursor !== null && cursor.partitionIndex < 0) {
      return { topics: wanted.map(({ name }) => refused(name, ErrorCode.INVALID_REQUEST)), nextCursor: null }
    }
    const metadata = new PartitionMetadata(broker.cluster, session.listenerName, true)
    const isPermitted = context.permits(request) ?? (() => true)
    const asked =
      wanted.length > 0
        ? new Set(wanted.map(({ name }) => name))
        : [...image.topics.keys()].filter((name) => isPermitted(name))
    const names = [...asked].sort().filter((name) => cursor === null || name >= cursor.topicName)
    const limit = Math.min(responsePartitionLimit, broker.config.get('max.request.partition.size.limit'))
    let room = Math.max(limit, 1)
    const answers: Encodable<Answer['topics'][number]>[] = []
    for (const name of names) {
      if (room === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: 0 } }
      const topic = image.topic(name)
      if (!topic) {
        if (wanted.length > 0) answers.push(refused(name, errorOf(name)))
        continue
      }
      const first = cursor?.topicName === name ? cursor.partitionIndex : 0
      const page = topic.partitions.slice(first, first + room)
      room -= page.length
      answers.push({
        errorCode: ErrorCode.NONE,
        name,
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        partitions: page.map((partition) => ({
          ...metadata.of(partition),
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
        })),
        topicAuthorizedOperations: session.rights.operationsOn('TOPIC', name),
      })
      const next = first + page.length
      if (next < topic.partitions.length)
        return { topics: answers, nextCursor: { topicName: name, partitionIndex: next } }
    }
    return { topics: answers, nextCursor: null }
  },
})

function refused(name: string, errorCode: number) {
  return { errorCode, name, topicId: ZERO_UUID, partitions: [] }
}

/** Why there is no topic of this name. */
function errorOf(name: string): number {
  try {
    validateTopicName(name)
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  } catch (error) {
    return kafkaErrorOf(error).code
  }
}
