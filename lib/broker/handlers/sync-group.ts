/** SyncGroup. Version 5 names the protocol, and requires that it is named. */

import { groupContext } from '../groups/group-context.js'
import { group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const syncGroup = defineHandler({
  api: 'SyncGroup',
  versions: [0, 5],
  access: group('READ'),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, assignment: new Uint8Array(0) }),
  handle: (request, context) => context.broker.groups.syncGroup(groupContext(context), request),
})
