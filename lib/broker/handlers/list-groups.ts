/** ListGroups. Version 4 filters by state, 5 by type. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const listGroups = defineHandler({
  api: 'ListGroups',
  versions: [0, 5],
  handle: (request, context) => context.broker.groups.listGroups(groupContext(context), request),
})
