/** DeleteGroups: empty groups, with their offsets. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const deleteGroups = defineHandler({
  api: 'DeleteGroups',
  versions: [0, 2],
  handle: (request, context) => context.broker.groups.deleteGroups(groupContext(context), request),
})
