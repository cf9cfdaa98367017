/** OffsetCommit. Topics must exist; version 10 names them by id. */
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import { type RequestOf, ZERO_UUID } from '../../protocol/index.js'
import { groupContext } from '../groups/group-context.js'
import { both, group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { joinAnswers, splitExisting } from '../topics/existing-partitions.js'

type Topic = RequestOf<'OffsetCommit'>['topics'][number]

const refuseTopic = ({ name, topicId, partitions }: Topic, { code }: KafkaError) => ({
  name,
  topicId,
  partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
})

export const offsetCommit = defineHandler({
  api: 'OffsetCommit',
  versions: [2, 10],
  access: both(
    group('READ'),
    topics('OffsetCommit', 'READ', {
      items: 'topics',
      answers: 'topics',
      name: ({ name, topicId }, { version, broker }) =>
        version < 10 ? name : broker.cluster.image.topicById(topicId)?.name,
      refuse: refuseTopic,
      nothingLeft: () => ({ topics: [] }),
    }),
  ),
  charge: 'request',
  refuse: (error, request) => ({ topics: request.topics.map((topic) => refuseTopic(topic, error)) }),
  async handle(request, context) {
    const { broker } = context
    const identified = request.topics.map((topic) => identify(topic, context))
    const { existing, missing } = splitExisting(identified, broker.cluster)
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
