/** DescribeTopicPartitions (KIP-966): topics in the order of their names, in pages of a bounded number of partitions. */
import { validateTopicName } from '../../cluster/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type Encodable, type ResponseOf, ZERO_UUID } from '../../protocol/index.js'
import { defineHandler } from '../api-handler.js'
import { topicOperations } from '../authorized-operations.js'
import { PartitionMetadata } from '../topics/partition-metadata.js'

type Answer = ResponseOf<'DescribeTopicPartitions'>

export const describeTopicPartitions = defineHandler({
  api: 'DescribeTopicPartitions',
  versions: [0, 0],
  handle({ topics: wanted, responsePartitionLimit, cursor }, { broker, session }) {
    const { image } = broker.cluster
    if (cursor !== null && cursor.partitionIndex < 0) {
      return { topics: wanted.map(({ name }) => refused(name, ErrorCode.INVALID_REQUEST)), nextCursor: null }
    }
    const metadata = new PartitionMetadata(broker.cluster, session.listenerName, true)
    const asked = wanted.length > 0 ? new Set(wanted.map(({ name }) => name)) : new Set(image.topics.keys())
    const names = [...asked].sort().filter((name) => cursor === null || name >= cursor.topicName)
    const limit = Math.min(responsePartitionLimit, broker.config.get('max.request.partition.size.limit'))
    let room = Math.max(limit, 1)
    const topics: Encodable<Answer['topics'][number]>[] = []
    for (const name of names) {
      if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
      const topic = image.topic(name)
      if (!topic) {
        if (wanted.length > 0) topics.push(refused(name, errorOf(name)))
        continue
      }
      const first = cursor?.topicName === name ? cursor.partitionIndex : 0
      const page = topic.partitions.slice(first, first + room)
      room -= page.length
      topics.push({
        errorCode: ErrorCode.NONE,
        name,
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        partitions: page.map((partition) => ({
          ...metadata.of(partition),
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
        })),
        topicAuthorizedOperations: topicOperations,
      })
      const next = first + page.length
      if (next < topic.partitions.length)
        return { topics, nextCursor: { topicName: name, partitionIndex: next } }
    }
    return { topics, nextCursor: null }
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
    if (!(error instanceof KafkaError)) throw error
    return error.code
  }
}
