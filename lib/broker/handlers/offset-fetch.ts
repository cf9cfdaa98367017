/** OffsetFetch. Version 8 asks for several groups, 10 names topics by id. */
import { KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { ZERO_UUID } from '../../protocol/index.js'
import { groupContext } from '../groups/group-context.js'
import { offsetFetchAccess, refuseGroup, refuseTopic } from '../groups/offset-fetch-access.js'
import { defineHandler } from '../pipeline/handler.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { oneOfEach } from '../repeated-names.js'

type Group = RequestOf<'OffsetFetch'>['groups'][number]

export const offsetFetch = defineHandler({
  api: 'OffsetFetch',
  versions: [1, 10],
  access: offsetFetchAccess,
  charge: 'request',
  refuse: (error, request, { version }) => {
    if (version >= 8) return { groups: request.groups.map((group) => refuseGroup(group, error)) }
    // Version 1 has no error for the whole.
    if (version > 1) return { errorCode: error.code, topics: [] }
    return { topics: (request.topics ?? []).map((topic) => refuseTopic(topic, error)) }
  },
  async handle(request, context) {
    const { groups } = context.broker
    const isPermitted = context.permits(request) ?? (() => true)
    if (context.version < 8) {
      const response = await groups.fetchOffsets(groupContext(context), request)
      return { ...response, topics: response.topics.filter(({ name }) => isPermitted(name)) }
    }
    // All offsets of a group are many: they are told once.
    const asked = oneOfEach(request.groups, (group) => JSON.stringify(group))
    const named = { ...request, groups: asked.map((group) => identify(group, context)) }
    const response = await groups.fetchOffsets(groupContext(context), named)
    const { image } = context.broker.cluster
    return {
      ...response,
      // In the order of the request, which may name a group twice.
      groups: response.groups.map((group, i) => ({
        ...group,
        topics: [
          ...group.topics
            .filter(({ name }) => isPermitted(name))
            .map((topic) => ({
              ...topic,
              topicId: image.topic(topic.name)?.topicId ?? ZERO_UUID,
            })),
          ...unknownTopics(asked[i]!, context),
        ],
      })),
    }
  },
})

/** The topics of a group, with their names and ids; those that are asked for by id and do not exist are left out. */
function identify(group: Group, { version, broker }: RequestContext): Group {
  const { image } = broker.cluster
  const topics = group.topics?.flatMap((topic) => {
    if (version < 10) return [{ ...topic, topicId: image.topic(topic.name)?.topicId ?? ZERO_UUID }]
    const name = image.topicById(topic.topicId)?.name
    return name === undefined ? [] : [{ ...topic, name }]
  })
  return { ...group, topics: topics ?? null }
}

function unknownTopics(group: Group, { version, broker }: RequestContext) {
  const { image } = broker.cluster
  if (version < 10) return []
  return (group.topics ?? [])
    .filter(({ topicId }) => image.topicById(topicId) === undefined)
    .map((topic) => ({ ...refuseTopic(topic, new KafkaError('UNKNOWN_TOPIC_ID')), name: '' }))
}
