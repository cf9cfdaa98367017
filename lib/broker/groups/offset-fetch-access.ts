/**
 * Who may read which committed offsets: DESCRIBE on each group, and on each topic within it. A topic that is asked for
 * by name is refused in its place; of all topics of a group those that the client may not describe are left out.
 */
import type { KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { type Access, both, fromVersion, refusalOf, type Verdict, whole } from '../pipeline/access.js'
import { inOrder, topics } from '../pipeline/item-access.js'
import type { RequestContext } from '../pipeline/request-context.js'
import type { Rights } from '../pipeline/rights.js'

type Request = RequestOf<'OffsetFetch'>
type Group = Request['groups'][number]
type GroupTopic = NonNullable<Group['topics']>[number]

const groupsFrom = 8
const topicIdsFrom = 10

export function refuseTopic(
  topic: { readonly name: string; readonly topicId?: string; readonly partitionIndexes: readonly number[] },
  { code }: KafkaError,
) {
  const partitions = topic.partitionIndexes.map((partitionIndex) => ({
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode: code,
  }))
  const { name, topicId } = topic
  return topicId === undefined ? { name, partitions } : { name, topicId, partitions }
}

export const refuseGroup = ({ groupId }: Group, { code }: KafkaError) => ({
  groupId,
  errorCode: code,
  topics: [],
})

const permits = (rights: Rights) => (name: string) => rights.has('DESCRIBE', 'TOPIC', name)

const oneGroup = both(
  whole<'OffsetFetch'>('DESCRIBE on the group', ({ groupId }) => ({
    operation: 'DESCRIBE',
    resourceType: 'GROUP',
    name: groupId,
  })),
  topics('OffsetFetch', 'DESCRIBE', { items: 'topics', answers: 'topics', refuse: refuseTopic }),
)

const manyGroups: Access<'OffsetFetch'> = {
  rule: 'DESCRIBE on each group, and on each topic',
  permits,
  authorize(request, context): Verdict<'OffsetFetch'> {
    let first: KafkaError | undefined
    const left: Group[] = []
    const refusedGroups: (ReturnType<typeof refuseGroup> | undefined)[] = []
    /** By group: a request that names one twice is answered once. */
    const refusedTopics = new Map<string, ReturnType<typeof refuseTopic>[]>()
    for (const group of request.groups) {
      const error = refusalOf({ operation: 'DESCRIBE', resourceType: 'GROUP', name: group.groupId }, context)
      refusedGroups.push(error && refuseGroup(group, error))
      first ??= error
      if (error) continue
      const { allowed, refused, firstError } = splitTopics(group.topics, context)
      first ??= firstError
      left.push({ ...group, topics: allowed })
      if (refused.length > 0) refusedTopics.set(group.groupId, refused)
    }
    if (!first) return undefined
    return {
      error: first,
      request: { ...request, groups: left },
      complete: (answer) => ({
        ...answer,
        groups: inOrder(refusedGroups, answer.groups ?? []).map((group) => {
          const refused = refusedTopics.get(group.groupId ?? '')
          if (!refused || group.errorCode) return group
          return { ...group, topics: [...(group.topics ?? []), ...refused] }
        }),
      }),
    }
  },
}

/** Topics whose id nobody knows are left: the handler answers them. */
function splitTopics(wanted: readonly GroupTopic[] | null, context: RequestContext) {
  const refused: ReturnType<typeof refuseTopic>[] = []
  let firstError: KafkaError | undefined
  const allowed = wanted?.filter((topic) => {
    const { image } = context.broker.cluster
    const name = context.version < topicIdsFrom ? topic.name : image.topicById(topic.topicId)?.name
    if (name === undefined) return true
    const error = refusalOf({ operation: 'DESCRIBE', resourceType: 'TOPIC', name }, context)
    if (!error) return true
    firstError ??= error
    refused.push(refuseTopic(topic, error))
    return false
  })
  return { allowed: allowed ?? null, refused, firstError }
}

export const offsetFetchAccess = fromVersion(groupsFrom, manyGroups, oneGroup)
