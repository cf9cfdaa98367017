/**
 * DeleteRecords: moves the log start offset up. The answer comes when all in-sync replicas have the new start, and it
 * is on the leader's disk.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { toKafkaError } from '../../storage/index.js'
import { defineHandler } from '../api-handler.js'
import { withTimeout } from '../time-limit.js'

export const deleteRecords = defineHandler({
  api: 'DeleteRecords',
  versions: [0, 2],
  async handle({ topics, timeoutMs }, { broker }) {
    const answers = await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            try {
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
              const lowWatermark = await withTimeout(partition.deleteRecords(Number(offset)), timeoutMs)
              return { partitionIndex, lowWatermark, errorCode: ErrorCode.NONE }
            } catch (error) {
              const kafkaError = toKafkaError(error)
              if (!(kafkaError instanceof KafkaError)) throw error
              return { partitionIndex, lowWatermark: -1, errorCode: kafkaError.code }
            }
          }),
        ),
      })),
    )
    await broker.replicas.folder.writeLogStartOffsets()
    return { topics: answers }
  },
})
