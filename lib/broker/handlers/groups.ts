/**
 * The APIs of consumer groups whose fields the coordinator takes as they are: JoinGroup, SyncGroup, Heartbeat,
 * LeaveGroup, ListGroups, DescribeGroups, DeleteGroups.
 */

import type { RequestContext as GroupContext, GroupCoordinator } from '../../coordinator/index.js'
import { ErrorCode } from '../../protocol/errors.js'
import type { ApiName, Encodable, RequestOf, ResponseOf } from '../../protocol/index.js'
import { type AnyApiHandler, defineHandler, type RequestContext } from '../api-handler.js'
import { groupOperations } from '../authorized-operations.js'
import { oneOfEach } from '../repeated-names.js'

export function groupContext({ version, clientId, connection }: RequestContext): GroupContext {
  return { version, clientId, clientAddress: connection.remoteAddress }
}

function delegate<A extends ApiName>(
  api: A,
  versions: readonly [number, number],
  call: (
    groups: GroupCoordinator,
    context: GroupContext,
    request: RequestOf<A>,
  ) => Promise<Encodable<ResponseOf<A>>>,
): AnyApiHandler {
  return defineHandler({
    api,
    versions,
    handle: (request, context) => call(context.broker.groups, groupContext(context), request),
  })
}

export const joinGroup = delegate('JoinGroup', [0, 9], (groups, context, request) =>
  groups.joinGroup(context, request),
)
export const syncGroup = delegate('SyncGroup', [0, 5], (groups, context, request) =>
  groups.syncGroup(context, request),
)
export const heartbeat = delegate('Heartbeat', [0, 4], (groups, context, request) =>
  groups.heartbeat(context, request),
)
export const leaveGroup = delegate('LeaveGroup', [0, 5], (groups, context, request) =>
  groups.leaveGroup(context, request),
)
export const listGroups = delegate('ListGroups', [0, 5], (groups, context, request) =>
  groups.listGroups(context, request),
)
export const deleteGroups = delegate('DeleteGroups', [0, 2], (groups, context, request) =>
  groups.deleteGroups(context, request),
)

export const describeGroups = defineHandler({
  api: 'DescribeGroups',
  versions: [0, 6],
  async handle(request, context) {
    const groups = oneOfEach(request.groups, (groupId) => groupId)
    const response = await context.broker.groups.describeGroups(groupContext(context), { ...request, groups })
    if (!request.includeAuthorizedOperations) return response
    return {
      ...response,
      groups: response.groups.map((group) =>
        group.errorCode === ErrorCode.NONE ? { ...group, authorizedOperations: groupOperations } : group,
      ),
    }
  },
})
