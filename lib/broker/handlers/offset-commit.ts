/** OffsetCommit. Topics must exist; version 10 names them by id. */
import { ErrorCode } from '../../protocol/errors.js'
import { type RequestOf, ZERO_UUID } from '../../protocol/index.js'
import { defineHandler, type RequestContext } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'
import { joinAnswers, splitExisting } from '../topics/existing-partitions.js'

type Topic = RequestOf<'OffsetCommit'>['topics'][number]

export const offsetCommit = defineHandler({
  api: 'OffsetCommit',
  versions: [2, 10],
  async handle(request, context) {
    const { broker } = context
    const topics = request.topics.map((topic) => identify(topic, context))
    const { existing, missing } = splitExisting(topics, broker.cluster)
    const refused = missing.map(({ name, topicId, partitions }) => {
      const errorCode = name === '' ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      return {
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      }
    })
    if (existing.length === 0 && refused.length > 0) return { topics: joinAnswers([], refused) }
    const response = await broker.groups.commitOffsets(groupContext(context), {
      ...request,
      topics: existing,
    })
    return { ...response, topics: joinAnswers(response.topics, refused) }
  },
})

/** Both are filled in, in every version: a topic created anew under the name does not get the old one's offsets. */
function identify(topic: Topic, { version, broker }: RequestContext): Topic {
  const { image } = broker.cluster
  if (version < 10) return { ...topic, topicId: image.topic(topic.name)?.topicId ?? ZERO_UUID }
  return { ...topic, name: image.topicById(topic.topicId)?.name ?? '' }
}
