/** DeleteTopics. Version 5 brings messages, 6 deletion by id. The answer comes when the logs are out of service. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { ZERO_UUID } from '../../protocol/index.js'
import { defineHandler } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'

export const deleteTopics = defineHandler({
  api: 'DeleteTopics',
  versions: [1, 6],
  async handle({ topics, topicNames }, { version, broker }) {
    const wanted = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
    const responses = await Promise.all(
      wanted.map(async ({ name, topicId }) => {
        try {
          if (name !== null && topicId !== ZERO_UUID) {
            throw new KafkaError('INVALID_REQUEST', 'A topic is named or given by its id, not both.')
          }
          const deleted = await broker.cluster.topics.deleteTopic(name === null ? { topicId } : { name })
          return {
            name: deleted.name,
            topicId: deleted.topicId,
            errorCode: ErrorCode.NONE,
            errorMessage: null,
          }
        } catch (error) {
          return { name, topicId, ...kafkaFailure(error) }
        }
      }),
    )
    await broker.settled()
    return { responses }
  },
})
