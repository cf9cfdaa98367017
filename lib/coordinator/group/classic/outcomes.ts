/** The refusals of JoinGroup and SyncGroup, which come from several places, and how a JoinGroup answer reads in each version. */

import type { JoinGroupResponse, SyncGroupResponse } from '../../../protocol/index.js'
import { ErrorCode, type ErrorName } from '../../../protocol/index.js'
import { NO_BYTES } from './member.js'

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
