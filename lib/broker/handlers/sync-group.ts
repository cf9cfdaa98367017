/** SyncGroup. Version 5 names the protocol, and requires that it is named. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const syncGroup = defineHandler({
  api: 'SyncGroup',
  versions: [0, 5],
  handle: (request, context) => context.broker.groups.syncGroup(groupContext(context), request),
})
