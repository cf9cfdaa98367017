/** What JoinGroup and SyncGroup answer to members of a group. */

import type { JoinGroupResponse, SyncGroupResponse } from '../../../protocol/index.js'
import { ErrorCode } from '../../../protocol/index.js'
import type { Group } from './group.js'
import { type Member, NO_BYTES } from './member.js'
import { joinFailure } from './outcomes.js'

export interface JoinSuccessOptions {
  /** Whom the response names as leader, where that is not the group's. */
  leader?: string | null
  /** Send the leader the list of members. */
  withMembers: boolean
  skipAssignment?: boolean
}

export function joinSuccess(group: Group, member: Member, options: JoinSuccessOptions): JoinGroupResponse {
  return {
    ...joinFailure(member.memberId, 'NONE'),
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: (options.leader === undefined ? group.leaderId : options.leader) ?? '',
    skipAssignment: options.skipAssignment ?? false,
    members: options.withMembers ? joinedMembers(group) : [],
  }
}

function joinedMembers(group: Group): JoinGroupResponse['members'] {
  return Array.from(group.members.values(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: member.metadata(group.protocolName ?? '') ?? NO_BYTES,
  }))
}

export function syncSuccess(group: Group, member: Member): SyncGroupResponse {
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  }
}
