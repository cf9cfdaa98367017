/** DeleteRecords: moves the log start offset up. The answer comes when the new start is on disk. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { toKafkaError } from '../../storage/index.js'
import { defineHandler } from '../api-handler.js'

export const deleteRecords = defineHandler({
  api: 'DeleteRecords',
  versions: [0, 2],
  async handle({ topics }, { broker }) {
    const answers = await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            try {
              const topic = broker.cluster.image.topic(name)
              if (topic?.config.compact && !topic.config.delete) {
                throw new KafkaError(
                  'POLICY_VIOLATION',
                  `${name} is compacted: its records are not deleted by offset.`,
                )
              }
              const lowWatermark = await broker.replicas
                .get(name, partitionIndex)
                .deleteRecords(Number(offset))
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
