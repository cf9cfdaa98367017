/** JoinGroup. Version 4 sends a new dynamic member away with an id first, 5 brings static members, 9 `skipAssignment`. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const joinGroup = defineHandler({
  api: 'JoinGroup',
  versions: [0, 9],
  handle: (request, context) => context.broker.groups.joinGroup(groupContext(context), request),
})
