/**
 * LeaveGroup: members go at once, several by one request from version 3 on. An administrator names a static member
 * by its instance id alone.
 */

import type { LeaveGroupResponse } from '../../../protocol/index.js'
import { ErrorCode, KafkaError } from '../../../protocol/index.js'
import type { GroupShardState } from '../shard-state.js'
import type { Group } from './group.js'

export interface LeavingMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

type MemberResult = LeaveGroupResponse['members'][number]

/** Resolves when a group that has become empty is written as such. */
export async function leaveGroup(
  shard: GroupShardState,
  groupId: string,
  leaving: readonly LeavingMember[],
): Promise<MemberResult[]> {
  const group = shard.groups.get(groupId)
  if (group === undefined) {
    return leaving.map((member) => ({ ...member, errorCode: ErrorCode.UNKNOWN_MEMBER_ID }))
  }
  const results = leaving.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: remove(group, memberId, groupInstanceId),
  }))
  const left = results.filter((result) => result.errorCode === ErrorCode.NONE)
  if (left.length > 0 && group.state !== 'Empty') {
    const reason = `LeaveGroup of ${left.map((result) => result.memberId || result.groupInstanceId).join(', ')}`
    await shard.rebalance.prepareOrComplete(group, reason)
  }
  return results
}

function remove(group: Group, memberId: string, groupInstanceId: string | null): number {
  if (memberId === '') {
    const current = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId)
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    group.remove(current)
    return ErrorCode.NONE
  }
  if (!group.hasPendingId(memberId)) {
    try {
      group.requireMember(memberId, groupInstanceId)
    } catch (error) {
      if (error instanceof KafkaError) return error.code
      throw error
    }
  }
  group.remove(memberId)
  return ErrorCode.NONE
}
