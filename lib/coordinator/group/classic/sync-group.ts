/**
 * SyncGroup: the leader hands in the assignments, each member gets its own. A member's request is parked until the
 * leader's assignments are written. From version 5 on the protocol's type and name must be there.
 */

import type { SyncGroupRequest, SyncGroupResponse } from '../../../protocol/index.js'
import { ErrorCode, KafkaError } from '../../../protocol/index.js'
import type { GroupShardState } from '../shard-state.js'
import { syncSuccess } from './accepted.js'
import type { Group } from './group.js'
import { type Member, NO_BYTES } from './member.js'
import { syncFailure } from './outcomes.js'

export function syncGroup(
  shard: GroupShardState,
  request: SyncGroupRequest,
): SyncGroupResponse | Promise<SyncGroupResponse> {
  const group = shard.groups.get(request.groupId)
  if (group === undefined || group.state === 'Empty') return syncFailure('UNKNOWN_MEMBER_ID')
  const member = requireSyncer(group, request)
  switch (group.state) {
    case 'CompletingRebalance':
      return new Promise((resolve) => {
        member.answerSync(syncFailure('REBALANCE_IN_PROGRESS'))
        member.parkedSync = resolve
        shard.rebalance.synced(group, member.memberId)
        if (group.isLeader(member.memberId)) writeAssignments(shard, group, request)
      })
    case 'Stable':
      shard.rebalance.synced(group, member.memberId)
      return syncSuccess(group, member)
    default:
      return syncFailure('REBALANCE_IN_PROGRESS')
  }
}

function requireSyncer(group: Group, request: SyncGroupRequest): Member {
  const member = group.requireMember(request.memberId, request.groupInstanceId)
  if (request.generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION')
  if (
    differs(request.protocolType, group.protocolType) ||
    differs(request.protocolName, group.protocolName)
  ) {
    throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL')
  }
  return member
}

function differs(requested: string | null, current: string | null): boolean {
  return requested !== null && current !== null && requested !== current
}

function writeAssignments(shard: GroupShardState, group: Group, request: SyncGroupRequest): void {
  const { generationId } = group
  const assignments = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  // The leader's assignments count only for the generation that they were made for.
  const isCurrent = () => group.state === 'CompletingRebalance' && group.generationId === generationId
  shard.writeGroup(group, assignments).then(
    () => {
      if (!isCurrent()) return
      for (const member of group.members.values()) {
        member.assignment = assignments.get(member.memberId) ?? NO_BYTES
        if (member.answerSync(syncSuccess(group, member))) shard.rebalance.keepSession(group, member)
      }
      group.transitionTo('Stable', shard.time.wallTime())
    },
    (error: unknown) => {
      if (!isCurrent()) return
      const name = shard.errorName(error)
      shard.rebalance.failSync(group, name)
      shard.rebalance
        .prepareOrComplete(group, `assignments could not be stored: ${name} (${ErrorCode[name]})`)
        ?.catch(() => {})
    },
  )
}
