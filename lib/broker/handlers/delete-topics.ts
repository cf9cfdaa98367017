/** DeleteTopics. Version 5 brings messages, 6 deletion by id. The answer comes when the logs are out of service. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { ZERO_UUID } from '../../protocol/index.js'
import { defineHandler } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

interface Wanted {
  name: string | null
  topicId: string
}

export const deleteTopics = defineHandler({
  api: 'DeleteTopics',
  versions: [1, 6],
  async handle({ topics, topicNames }, { version, broker }) {
    const wanted: Wanted[] = version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
    const { image } = broker.cluster
    const topicOf = ({ name, topicId }: Wanted) => name ?? image.topicById(topicId)?.name ?? topicId
    const repeated = repeatedKeys(wanted, topicOf)
    const responses = await Promise.all(
      oneOfEach(wanted, topicOf).map(async ({ name, topicId }) => {
        try {
          if ((name === null) === (topicId === ZERO_UUID)) {
            throw new KafkaError('INVALID_REQUEST', 'A topic is named or given by its id, one of both.')
          }
          if (repeated.has(topicOf({ name, topicId }))) {
            throw new KafkaError('INVALID_REQUEST', 'The topic is named more than once.')
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
