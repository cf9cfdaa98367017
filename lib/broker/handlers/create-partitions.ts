/** CreatePartitions: raises the number of a topic's partitions. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'

export const createPartitions = defineHandler({
  api: 'CreatePartitions',
  versions: [0, 3],
  async handle({ topics, validateOnly }, { broker }) {
    const results = await Promise.all(
      topics.map(async ({ name, count, assignments }) => {
        try {
          await broker.cluster.topics.createPartitions({
            name,
            count,
            assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
            validateOnly,
          })
          return { name, errorCode: ErrorCode.NONE, errorMessage: null }
        } catch (error) {
          return { name, ...kafkaFailure(error) }
        }
      }),
    )
    await broker.settled()
    return { results }
  },
})
