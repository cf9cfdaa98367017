/** Heartbeat. Version 3 brings static members. */

import { groupContext } from '../groups/group-context.js'
import { group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const heartbeat = defineHandler({
  api: 'Heartbeat',
  versions: [0, 4],
  access: group('READ'),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code }),
  handle: (request, context) => context.broker.groups.heartbeat(groupContext(context), request),
})
