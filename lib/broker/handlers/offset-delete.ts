/** OffsetDelete: forgets a group's offsets of partitions that it does not read any more. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'
import { joinAnswers, splitExisting } from '../topics/existing-partitions.js'

export const offsetDelete = defineHandler({
  api: 'OffsetDelete',
  versions: [0, 0],
  async handle(request, context) {
    const { existing, missing } = splitExisting(request.topics, context.broker.cluster)
    const response = await context.broker.groups.deleteOffsets(groupContext(context), {
      ...request,
      topics: existing,
    })
    if (response.errorCode !== ErrorCode.NONE) return response
    const refused = missing.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    }))
    return { ...response, topics: joinAnswers(response.topics, refused) }
  },
})
