/**
 * OffsetCommit, OffsetFetch and OffsetDelete of one shard. A commit can be fetched from when it is in the log.
 */

import type {
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
} from '../../protocol/index.js'
import { ErrorCode, KafkaError, ZERO_UUID } from '../../protocol/index.js'
import { Group } from '../group/classic/group.js'
import { encodeOffset, encodeOffsetTombstone } from '../group/group-records.js'
import type { GroupShardState } from '../group/shard-state.js'
import type { RequestContext } from '../request-context.js'
import type { Write } from '../runtime/record-writer.js'
import type { CommittedOffset, GroupOffsets, OffsetKey } from './offset-store.js'

export type OffsetFetchGroup = OffsetFetchRequest['groups'][number]
export type OffsetFetchGroupResult = OffsetFetchResponse['groups'][number]
type FetchedPartition = OffsetFetchGroupResult['topics'][number]['partitions'][number]

/** OffsetFetch answers this where nothing is committed. */
const INVALID_OFFSET = -1

export async function commitOffsets(
  shard: GroupShardState,
  context: RequestContext,
  request: OffsetCommitRequest,
): Promise<OffsetCommitResponse['topics']> {
  const { groupId } = request
  const group = shard.groups.get(groupId)
  if (group === undefined) {
    // A generation of −1 is a consumer that keeps its offsets here but its partitions itself, or an administrator.
    if (request.generationIdOrMemberEpoch >= 0) {
      throw new KafkaError(context.version >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION')
    }
  } else {
    requireCommitter(group, request)
    const member = group.member(request.memberId)
    const keepsSession = group.state === 'Stable' || group.state === 'PreparingRebalance'
    if (member !== undefined && keepsSession) shard.rebalance.keepSession(group, member)
  }

  const now = shard.time.wallTime()
  const retentionMs = context.version <= 4 ? request.retentionTimeMs : -1
  // For ever, where the sum is more than a record can hold.
  const expireTimestamp =
    retentionMs === -1 ? -1 : Math.min(now + Number(retentionMs), Number.MAX_SAFE_INTEGER)
  const commits: [OffsetKey, CommittedOffset][] = []
  const topics = request.topics.map(({ topicId, name, partitions }) => ({
    topicId,
    name,
    partitions: partitions.map((partition) => {
      const { partitionIndex } = partition
      const metadata = partition.committedMetadata ?? ''
      if (isTooLarge(metadata, shard.settings.offsetMetadataMaxBytes)) {
        return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE }
      }
      const committed = {
        offset: partition.committedOffset,
        leaderEpoch: context.version >= 6 ? partition.committedLeaderEpoch : -1,
        metadata,
        topicId,
        commitTimestamp: now,
        expireTimestamp,
      }
      commits.push([{ groupId, topic: name, partition: partitionIndex }, committed])
      return { partitionIndex, errorCode: ErrorCode.NONE }
    }),
  }))
  if (commits.length > 0) {
    await shard.write({
      records: commits.map(([key, committed]) => encodeOffset(key, committed)),
      apply: () => {
        if (!shard.groups.has(groupId)) shard.groups.set(groupId, Group.empty(groupId, now))
        for (const [key, committed] of commits) {
          shard.pendingOffsets.supersede(key)
          shard.offsets.set(key, committed)
        }
      },
    })
  }
  return topics
}

/** A record's strings have 16 bits of length, whatever the setting allows. */
function isTooLarge(metadata: string, maxLength: number): boolean {
  return metadata.length > maxLength || Buffer.byteLength(metadata) > 0x7fff
}

function requireCommitter(group: Group, request: OffsetCommitRequest): void {
  const { generationIdOrMemberEpoch: generationId, memberId, groupInstanceId } = request
  if (generationId < 0 && group.state === 'Empty') return
  if (generationId < 0 && memberId === '' && groupInstanceId === null) {
    // Without saying who it is, one may only commit to a group without members.
    throw new KafkaError('UNKNOWN_MEMBER_ID')
  }
  group.requireMember(memberId, groupInstanceId)
  if (generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION')
  if (group.state === 'CompletingRebalance') throw new KafkaError('REBALANCE_IN_PROGRESS')
}

/** `requireStable` waits for the commits that are on their way. */
export async function fetchOffsets(
  shard: GroupShardState,
  request: OffsetFetchGroup,
  requireStable: boolean,
): Promise<OffsetFetchGroupResult> {
  const { groupId, topics } = request
  if (requireStable) await shard.settled()
  const committed = shard.groups.has(groupId) ? shard.offsets.group(groupId) : undefined
  const fetchedTopics = topics === null ? everyTopic(committed) : namedTopics(topics, committed)
  return {
    groupId,
    topics: requireStable ? withoutUnstable(shard, groupId, fetchedTopics) : fetchedTopics,
    errorCode: ErrorCode.NONE,
  }
}

/** An open transaction may change these offsets: whoever requires stable ones asks again. */
function withoutUnstable(
  shard: GroupShardState,
  groupId: string,
  topics: OffsetFetchGroupResult['topics'],
): OffsetFetchGroupResult['topics'] {
  return topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((partition) => {
      const { partitionIndex } = partition
      const isPending = shard.pendingOffsets.has({ groupId, topic: topic.name, partition: partitionIndex })
      return isPending
        ? { ...fetched(partitionIndex, undefined), errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT }
        : partition
    }),
  }))
}

function everyTopic(committed: GroupOffsets | undefined): OffsetFetchGroupResult['topics'] {
  return Array.from(committed ?? [], ([name, offsets]) => ({
    topicId: ZERO_UUID,
    name,
    partitions: Array.from(offsets, ([partition, offset]) => fetched(partition, offset)),
  }))
}

function namedTopics(
  topics: NonNullable<OffsetFetchGroup['topics']>,
  committed: GroupOffsets | undefined,
): OffsetFetchGroupResult['topics'] {
  return topics.map(({ topicId, name, partitionIndexes }) => ({
    topicId,
    name,
    partitions: partitionIndexes.map((partition) => {
      const offset = committed?.get(name)?.get(partition)
      const isOfThisTopic = offset !== undefined && isSameTopic(offset.topicId, topicId)
      return fetched(partition, isOfThisTopic ? offset : undefined)
    }),
  }))
}

/** A topic that was deleted and created again has nothing committed, also where the old offsets are still there. */
function isSameTopic(committed: string, requested: string): boolean {
  return committed === requested || committed === ZERO_UUID || requested === ZERO_UUID
}

function fetched(partitionIndex: number, committed: CommittedOffset | undefined): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? INVALID_OFFSET,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode: ErrorCode.NONE,
  }
}

/** What OffsetFetch answers for a group where something stands in the way: version 1 has no place but partitions. */
export function offsetFetchFailure(
  request: OffsetFetchGroup,
  errorCode: number,
  version: number,
): OffsetFetchGroupResult {
  const topics = version >= 2 ? [] : namedTopics(request.topics ?? [], undefined)
  for (const topic of topics) for (const partition of topic.partitions) partition.errorCode = errorCode
  return { groupId: request.groupId, topics, errorCode }
}

export async function deleteOffsets(
  shard: GroupShardState,
  request: OffsetDeleteRequest,
): Promise<OffsetDeleteResponse['topics']> {
  let topics: OffsetDeleteResponse['topics'] = []
  await shard.writeAfterOthers(() => {
    const { groupId } = request
    const group = shard.groups.get(groupId)
    if (group === undefined) throw new KafkaError('GROUP_ID_NOT_FOUND')
    if (group.state !== 'Empty' && !group.usesConsumerProtocol) throw new KafkaError('NON_EMPTY_GROUP')
    const keys: OffsetKey[] = []
    topics = request.topics.map(({ name, partitions }) => {
      const isSubscribed = group.isSubscribedTo(name)
      return {
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const key = { groupId, topic: name, partition: partitionIndex }
          if (!isSubscribed && shard.pendingOffsets.has(key)) {
            return { partitionIndex, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT }
          }
          if (!isSubscribed && shard.offsets.get(key) !== undefined) keys.push(key)
          const errorCode = isSubscribed ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE
          return { partitionIndex, errorCode }
        }),
      }
    })
    return [removalOf(shard, keys)]
  })
  return topics
}

/** Removes offsets with a tombstone each. */
export function removalOf(shard: GroupShardState, keys: readonly OffsetKey[]): Write {
  return {
    records: keys.map(encodeOffsetTombstone),
    apply: () => {
      for (const key of keys) shard.offsets.delete(key)
    },
  }
}
