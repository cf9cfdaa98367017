/** LeaveGroup. Version 3 lets several members leave at once. */

import { groupContext } from '../groups/group-context.js'
import { group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const leaveGroup = defineHandler({
  api: 'LeaveGroup',
  versions: [0, 5],
  access: group('READ'),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, members: [] }),
  handle: (request, context) => context.broker.groups.leaveGroup(groupContext(context), request),
})
