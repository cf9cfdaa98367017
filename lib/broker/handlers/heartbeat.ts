/** Heartbeat. Version 3 brings static members. */
import { defineHandler } from '../api-handler.js'
import { groupContext } from '../groups/group-context.js'

export const heartbeat = defineHandler({
  api: 'Heartbeat',
  versions: [0, 4],
  handle: (request, context) => context.broker.groups.heartbeat(groupContext(context), request),
})
