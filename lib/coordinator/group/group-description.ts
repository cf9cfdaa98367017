/** ListGroups and DescribeGroups of one shard. */

import type { DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse } from '../../protocol/index.js'
import { ErrorCode } from '../../protocol/index.js'
import type { Group } from './classic/group.js'
import { NO_BYTES } from './classic/member.js'
import type { GroupShardState } from './shard-state.js'

type DescribedGroup = DescribeGroupsResponse['groups'][number]

/** Kafka's name for groups whose members assign partitions among themselves. */
const CLASSIC_GROUP_TYPE = 'classic'

/** The handler puts the real bits in where the request asks for them. */
const NO_AUTHORIZED_OPERATIONS = -(2 ** 31)

export function listGroups(shard: GroupShardState, request: ListGroupsRequest): ListGroupsResponse['groups'] {
  const states = new Set(request.statesFilter.map((state) => state.trim().toLowerCase()))
  const types = new Set(request.typesFilter.map((type) => type.trim().toLowerCase()))
  if (types.size > 0 && !types.has(CLASSIC_GROUP_TYPE)) return []
  const groups: ListGroupsResponse['groups'] = []
  for (const { groupId, protocolType, state } of shard.groups.values()) {
    if (states.size > 0 && !states.has(state.toLowerCase())) continue
    groups.push({
      groupId,
      protocolType: protocolType ?? '',
      groupState: state,
      groupType: CLASSIC_GROUP_TYPE,
    })
  }
  return groups
}

/** From version 6 on a group that does not exist is an error, before it is one in the state Dead. */
export function describeGroup(shard: GroupShardState, groupId: string, version: number): DescribedGroup {
  const group = shard.groups.get(groupId)
  if (group !== undefined) return describe(group)
  if (version < 6) return { ...describeFailure(groupId, ErrorCode.NONE), groupState: 'Dead' }
  return {
    ...describeFailure(groupId, ErrorCode.GROUP_ID_NOT_FOUND),
    errorMessage: `Group ${groupId} not found.`,
    groupState: 'Dead',
  }
}

export function describeFailure(groupId: string, errorCode: number): DescribedGroup {
  return {
    errorCode,
    errorMessage: null,
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: NO_AUTHORIZED_OPERATIONS,
  }
}

function describe(group: Group): DescribedGroup {
  // Between two generations there is no protocol whose metadata could be shown.
  const protocolName = group.state === 'Stable' ? group.protocolName : null
  return {
    ...describeFailure(group.groupId, ErrorCode.NONE),
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: protocolName ?? '',
    members: Array.from(group.members.values(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: (protocolName === null ? undefined : member.metadata(protocolName)) ?? NO_BYTES,
      memberAssignment: member.assignment,
    })),
  }
}
