/**
 * The group coordinator: Kafka's classic group protocol and committed offsets, one method for each API. A method takes
 * the request's fields and resolves with the response's; it never rejects for what a client sent. Called on the event
 * loop by the broker's handlers, which check authorization and the existence of topics.
 *
 * Groups live in the partitions of `__consumer_offsets` that this broker leads: `onElected` loads one, `onResigned`
 * lets it go. A closed connection is nothing to a group: members go by LeaveGroup and by time-outs alone.
 */
import type { Logger } from 'pino'
import type * as messages from '../../protocol/index.js'
import { ErrorCode, errorName, KafkaError, ZERO_UUID } from '../../protocol/index.js'
import {
  commitOffsets,
  deleteOffsets,
  fetchOffsets,
  type OffsetFetchGroup,
  type OffsetFetchGroupResult,
  offsetFetchFailure,
} from '../offsets/group-offsets.js'
import type { TransactionMarker } from '../offsets/pending-offsets.js'
import type { RequestContext } from '../request-context.js'
import { systemTime, type Time } from '../runtime/clock.js'
import type { Coordinator, DeletedTopic } from '../runtime/coordinator.js'
import { coordinatorError } from '../runtime/coordinator-error.js'
import type { CoordinatorLog } from '../runtime/coordinator-log.js'
import { heartbeat } from './classic/heartbeat.js'
import { joinGroup } from './classic/join-group.js'
import { leaveGroup } from './classic/leave-group.js'
import { joinFailure, joinForVersion, syncFailure } from './classic/outcomes.js'
import { syncGroup } from './classic/sync-group.js'
import { describeFailure, describeGroup, listGroups } from './group-description.js'
import { deleteGroups, type IsGone, removeOffsets } from './group-removal.js'
import type { GroupSettings } from './group-settings.js'
import { GroupShard } from './group-shard.js'

export interface GroupCoordinatorOptions {
  readonly log: CoordinatorLog
  readonly settings: GroupSettings
  readonly logger: Logger
  /** The machine's unless a test brings its own. */
  readonly time?: Time
}

export class GroupCoordinator implements Coordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #shards = new Map<number, GroupShard>()
  #closed = false

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
  }

  /** The partition of `__consumer_offsets` that a group belongs to. */
  partitionFor(groupId: string): number {
    const hash = javaHashCode(groupId)
    return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % this.#options.settings.offsetsTopicNumPartitions
  }

  /** This broker leads the partition now. Resolves when its groups are loaded, or could not be. */
  async onElected(partition: number): Promise<void> {
    if (this.#closed) return
    const after = this.#shards.get(partition)?.close()
    const { log, settings, logger, time = systemTime } = this.#options
    const shard = new GroupShard({ partition, log, settings, logger, time, after })
    this.#shards.set(partition, shard)
    await shard.load()
  }

  /** Another broker leads the partition, or nobody does. */
  async onResigned(partition: number): Promise<void> {
    const shard = this.#shards.get(partition)
    this.#shards.delete(partition)
    await shard?.close()
  }

  /** Answers all that waits, and resolves when no append is under way any more. */
  async close(): Promise<void> {
    this.#closed = true
    const shards = [...this.#shards.values()]
    this.#shards.clear()
    await Promise.all(shards.map((shard) => shard.close()))
  }

  async joinGroup(
    context: RequestContext,
    request: messages.JoinGroupRequest,
  ): Promise<messages.JoinGroupResponse> {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#options.settings
    try {
      const shard = this.#shardOf(requireGroupId(request.groupId))
      if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs) {
        throw new KafkaError('INVALID_SESSION_TIMEOUT')
      }
      return await joinGroup(shard, context, request)
    } catch (error) {
      const name = errorName(this.#errorCode(error))
      const failure = joinFailure(name === 'UNKNOWN_SERVER_ERROR' ? '' : request.memberId, name)
      return joinForVersion(failure, context.version)
    }
  }

  async syncGroup(
    context: RequestContext,
    request: messages.SyncGroupRequest,
  ): Promise<messages.SyncGroupResponse> {
    try {
      const isIncomplete = request.protocolType === null || request.protocolName === null
      if (context.version >= 5 && isIncomplete) throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL')
      return await syncGroup(this.#shardOf(requireGroupId(request.groupId)), request)
    } catch (error) {
      return syncFailure(errorName(this.#errorCode(error)))
    }
  }

  async heartbeat(
    _context: RequestContext,
    request: messages.HeartbeatRequest,
  ): Promise<messages.HeartbeatResponse> {
    try {
      heartbeat(this.#shardOf(requireGroupId(request.groupId)), request)
      return { throttleTimeMs: 0, errorCode: ErrorCode.NONE }
    } catch (error) {
      const code = this.#errorCode(error)
      // Until the group is loaded nobody can be told to have lost its membership.
      const errorCode = code === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : code
      return { throttleTimeMs: 0, errorCode }
    }
  }

  /** Before version 3 one member leaves by its id alone, and the response has its error as its own. */
  async leaveGroup(
    context: RequestContext,
    request: messages.LeaveGroupRequest,
  ): Promise<messages.LeaveGroupResponse> {
    const isSingle = context.version < 3
    const leaving = isSingle ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members
    try {
      const shard = this.#shardOf(requireGroupId(request.groupId))
      const members = await leaveGroup(
        shard,
        request.groupId,
        leaving.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId })),
      )
      const errorCode = isSingle ? members[0]!.errorCode : ErrorCode.NONE
      return { throttleTimeMs: 0, errorCode, members: isSingle ? [] : members }
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: this.#errorCode(error), members: [] }
    }
  }

  /**
   * `topics` must have their names in every version, and should have their ids: the handler looks them up. An id is
   * kept with the offset, and returned. An empty group id is allowed.
   */
  async commitOffsets(
    context: RequestContext,
    request: messages.OffsetCommitRequest,
  ): Promise<messages.OffsetCommitResponse> {
    try {
      const topics = await commitOffsets(this.#shardOf(request.groupId), context, request)
      return { throttleTimeMs: 0, topics }
    } catch (error) {
      const errorCode = this.#errorCode(error)
      const topics = request.topics.map(({ topicId, name, partitions }) => ({
        topicId,
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      }))
      return { throttleTimeMs: 0, topics }
    }
  }

  /**
   * Names and ids as for `commitOffsets`; in versions before 8 there is no place for ids. Where all topics were asked
   * for, the handler puts the ids in.
   */
  async fetchOffsets(
    context: RequestContext,
    request: messages.OffsetFetchRequest,
  ): Promise<messages.OffsetFetchResponse> {
    const { version } = context
    if (version >= 8) {
      const groups = await Promise.all(
        request.groups.map((group) => this.#fetchGroup(group, request.requireStable, version)),
      )
      return { throttleTimeMs: 0, groups, topics: [], errorCode: ErrorCode.NONE }
    }
    const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
    const group = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics }
    const fetched = await this.#fetchGroup(group, request.requireStable, version)
    return { throttleTimeMs: 0, groups: [], topics: fetched.topics, errorCode: fetched.errorCode }
  }

  async deleteOffsets(
    _context: RequestContext,
    request: messages.OffsetDeleteRequest,
  ): Promise<messages.OffsetDeleteResponse> {
    try {
      const topics = await deleteOffsets(this.#shardOf(requireGroupId(request.groupId)), request)
      return { errorCode: ErrorCode.NONE, throttleTimeMs: 0, topics }
    } catch (error) {
      return { errorCode: this.#errorCode(error), throttleTimeMs: 0, topics: [] }
    }
  }

  /** The groups of all partitions that this broker leads; nothing while one of them is being loaded. */
  async listGroups(
    _context: RequestContext,
    request: messages.ListGroupsRequest,
  ): Promise<messages.ListGroupsResponse> {
    const shards = [...this.#shards.values()]
    const errorCode = this.#closed
      ? ErrorCode.COORDINATOR_NOT_AVAILABLE
      : shards.some((shard) => shard.state === 'loading')
        ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
        : ErrorCode.NONE
    const groups =
      errorCode === ErrorCode.NONE
        ? shards.filter((shard) => shard.state === 'active').flatMap((shard) => listGroups(shard, request))
        : []
    return { throttleTimeMs: 0, errorCode, groups }
  }

  async describeGroups(
    context: RequestContext,
    request: messages.DescribeGroupsRequest,
  ): Promise<messages.DescribeGroupsResponse> {
    const groups = request.groups.map((groupId) => {
      try {
        return describeGroup(this.#shardOf(groupId), groupId, context.version)
      } catch (error) {
        return describeFailure(groupId, this.#errorCode(error))
      }
    })
    return { throttleTimeMs: 0, groups }
  }

  async deleteGroups(
    _context: RequestContext,
    request: messages.DeleteGroupsRequest,
  ): Promise<messages.DeleteGroupsResponse> {
    const byPartition = new Map<number, string[]>()
    for (const groupId of new Set(request.groupsNames)) {
      const partition = this.partitionFor(groupId)
      const groupIds = byPartition.get(partition)
      if (groupIds === undefined) byPartition.set(partition, [groupId])
      else groupIds.push(groupId)
    }
    const results = await Promise.all(
      Array.from(byPartition, async ([partition, groupIds]) => {
        try {
          return await deleteGroups(this.#activeShard(partition), groupIds)
        } catch (error) {
          const errorCode = this.#errorCode(error)
          return groupIds.map((groupId) => ({ groupId, errorCode }))
        }
      }),
    )
    return { throttleTimeMs: 0, results: results.flat() }
  }

  /**
   * A transaction has ended in a partition of `__consumer_offsets`: the marker is in its log. Resolves when the
   * transaction's offsets are committed, or dropped.
   */
  async onMarker(partition: number, marker: TransactionMarker): Promise<void> {
    const shard = this.#shards.get(partition)
    await shard?.load()
    if (shard?.state === 'active') await shard.onMarker(marker)
  }

  /** Removes the offsets of topics that are gone, in all groups; not those of ones created anew under their names. */
  onTopicsDeleted(topics: readonly DeletedTopic[]): Promise<void> {
    const names = new Set(topics.map(({ name }) => name))
    const ids = new Set(topics.map(({ topicId }) => topicId))
    return this.#removeOffsets(({ topic }, { topicId }) =>
      topicId === ZERO_UUID ? names.has(topic) : ids.has(topicId),
    )
  }

  /** A failure is logged by the shard; the offsets then stay until their retention ends. */
  async #removeOffsets(isGone: IsGone): Promise<void> {
    const removals = Array.from(this.#shards.values(), async (shard) => {
      const wasLoading = shard.state === 'loading'
      const removal = shard.load().then(() => {
        if (shard.state === 'active') return removeOffsets(shard, isGone)
      })
      // Nobody waits for a partition to be read.
      if (wasLoading) removal.catch(() => {})
      else await removal
    })
    await Promise.allSettled(removals)
  }

  async #fetchGroup(
    group: OffsetFetchGroup,
    requireStable: boolean,
    version: number,
  ): Promise<OffsetFetchGroupResult> {
    try {
      return await fetchOffsets(this.#shardOf(group.groupId), group, requireStable)
    } catch (error) {
      const code = this.#errorCode(error)
      // Consumers before 3.9 do not know that OffsetFetch may be answered so, and would not try again.
      const isLogFailure = error instanceof KafkaError && error.code !== code
      const isUnknown = isLogFailure && code === ErrorCode.COORDINATOR_NOT_AVAILABLE
      return offsetFetchFailure(group, isUnknown ? ErrorCode.NOT_COORDINATOR : code, version)
    }
  }

  #shardOf(groupId: string): GroupShard {
    return this.#activeShard(this.partitionFor(groupId))
  }

  #activeShard(partition: number): GroupShard {
    if (this.#closed) throw new KafkaError('COORDINATOR_NOT_AVAILABLE')
    const shard = this.#shards.get(partition)
    if (shard?.state === 'loading') throw new KafkaError('COORDINATOR_LOAD_IN_PROGRESS')
    if (shard?.state !== 'active') throw new KafkaError('NOT_COORDINATOR')
    return shard
  }

  #errorCode(error: unknown): number {
    if (error instanceof KafkaError) return ErrorCode[coordinatorError(error.errorName)]
    this.#options.logger.error({ err: error }, 'group operation failed')
    return ErrorCode.UNKNOWN_SERVER_ERROR
  }
}

function requireGroupId(groupId: string): string {
  if (groupId === '') throw new KafkaError('INVALID_GROUP_ID')
  return groupId
}

/** java.lang.String.hashCode. */
function javaHashCode(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
