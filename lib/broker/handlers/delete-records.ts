/**
 * DeleteRecords: moves the log start offset up. The answer comes when all in-sync replicas have the new start, and it
 * is on the leader's disk.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { eachPartition } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { withTimeout } from '../time-limit.js'

/** Each waits for its replicas; the others of the request wait for one of these. */
const partitionsAtOnce = 256

type Topic = RequestOf<'DeleteRecords'>['topics'][number]
type Wanted = Topic['partitions'][number]

const refusePartition = ({ partitionIndex }: Wanted, { code }: KafkaError) => ({
  partitionIndex,
  lowWatermark: -1,
  errorCode: code,
})

const refuseTopic = ({ name, partitions }: Topic, error: KafkaError) => ({
  name,
  partitions: partitions.map((each) => refusePartition(each, error)),
})

export const deleteRecords = defineHandler({
  api: 'DeleteRecords',
  versions: [0, 2],
  access: topics('DeleteRecords', 'DELETE', { items: 'topics', answers: 'topics', refuse: refuseTopic }),
  charge: 'request',
  refuse: (error, request) => ({ topics: request.topics.map((topic) => refuseTopic(topic, error)) }),
  async handle(request, { broker }) {
    const remove = async ({ partitionIndex, offset }: Wanted, { name }: Topic) => {
      const topic = broker.cluster.image.topic(name)
      if (topic?.isInternal) {
        throw new KafkaError('INVALID_TOPIC_EXCEPTION', `${name} belongs to the brokers.`)
      }
      if (topic?.config.compact && !topic.config.delete) {
        throw new KafkaError(
          'POLICY_VIOLATION',
          `${name} is compacted: its records are not deleted by offset.`,
        )
      }
      const partition = broker.replicas.get(name, partitionIndex)
      const deleted = partition.deleteRecords(Number(offset))
      const lowWatermark = await withTimeout(deleted, request.timeoutMs)
      return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE }
    }
    const answers = await eachPartition(request.topics, partitionsAtOnce, remove, refusePartition)
    await broker.replicas.folder.writeLogStartOffsets()
    return { topics: answers.map(({ topic, partitions }) => ({ name: topic.name, partitions })) }
  },
})
