/** The answers to JoinGroup and SyncGroup, which are given from several places. */

import type { JoinGroupResponse, SyncGroupResponse } from '../../../protocol/index.js'
import { ErrorCode, type ErrorName } from '../../../protocol/index.js'
import type { Group } from './group.js'
import { type Member, NO_BYTES } from './member.js'

const UNKNOWN_GENERATION_ID = -1

export function joinFailure(memberId: string, error: ErrorName): JoinGroupResponse {
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode[error],
    generationId: UNKNOWN_GENERATION_ID,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

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

/** Before version 7 the protocol name may not be null, from it on an empty one is null. */
export function joinForVersion(response: JoinGroupResponse, version: number): JoinGroupResponse {
  const protocolName = version < 7 ? (response.protocolName ?? '') : response.protocolName || null
  return { ...response, protocolName }
}

export function syncFailure(error: ErrorName): SyncGroupResponse {
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode[error],
    protocolType: null,
    protocolName: null,
    assignment: NO_BYTES,
  }
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
