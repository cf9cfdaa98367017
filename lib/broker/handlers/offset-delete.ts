/** OffsetDelete: forgets a group's offsets of partitions that it does not read any more. */
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { groupContext } from '../groups/group-context.js'
import { both, group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { joinAnswers, splitExisting } from '../topics/existing-partitions.js'

type Topic = RequestOf<'OffsetDelete'>['topics'][number]

const refuseTopic = ({ name, partitions }: Topic, { code }: Pick<KafkaError, 'code'>) => ({
  name,
  partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
})

export const offsetDelete = defineHandler({
  api: 'OffsetDelete',
  versions: [0, 0],
  access: both(
    group('DELETE'),
    topics('OffsetDelete', 'READ', {
      items: 'topics',
      answers: 'topics',
      refuse: refuseTopic,
      nothingLeft: () => ({ errorCode: ErrorCode.NONE, topics: [] }),
    }),
  ),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, topics: [] }),
  async handle(request, context) {
    const { existing, missing } = splitExisting(request.topics, context.broker.cluster)
    const response = await context.broker.groups.deleteOffsets(groupContext(context), {
      ...request,
      topics: existing,
    })
    if (response.errorCode !== ErrorCode.NONE) return response
    const refused = missing.map((topic) => refuseTopic(topic, { code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }))
    return { ...response, topics: joinAnswers(response.topics, refused) }
  },
})
