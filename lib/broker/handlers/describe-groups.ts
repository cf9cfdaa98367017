/** DescribeGroups. Version 3 tells of the operations that the client may do, 6 refuses groups that do not exist. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { groupOperations } from '../authorized-operations.js'
import { groupContext } from '../groups/group-context.js'
import { oneOfEach } from '../repeated-names.js'

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
