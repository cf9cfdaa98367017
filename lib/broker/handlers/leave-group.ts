/** LeaveGroup. Version 3 lets several members leave at once. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const leaveGroup = defineHandler({
  api: 'LeaveGroup',
  versions: [0, 5],
  handle: (request, context) => context.broker.groups.leaveGroup(groupContext(context), request),
})
