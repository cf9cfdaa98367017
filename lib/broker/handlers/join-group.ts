/** JoinGroup. Version 4 sends a new dynamic member away with an id first, 5 brings static members, 9 `skipAssignment`. */

import { groupContext } from '../groups/group-context.js'
import { group } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const joinGroup = defineHandler({
  api: 'JoinGroup',
  versions: [0, 9],
  access: group('READ'),
  charge: 'request',
  refuse: ({ code }, _, { version }) => ({
    errorCode: code,
    generationId: -1,
    protocolName: version < 7 ? '' : null,
    leader: '',
    memberId: '',
    members: [],
  }),
  handle: (request, context) => context.broker.groups.joinGroup(groupContext(context), request),
})
