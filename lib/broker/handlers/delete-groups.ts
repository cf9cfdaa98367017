/** DeleteGroups: empty groups, with their offsets. */
import type { KafkaError } from '../../protocol/errors.js'
import { groupContext } from '../groups/group-context.js'
import { defineHandler } from '../pipeline/handler.js'
import { groups } from '../pipeline/item-access.js'

const refuseGroup = (groupId: string, { code }: KafkaError) => ({ groupId, errorCode: code })

export const deleteGroups = defineHandler({
  api: 'DeleteGroups',
  versions: [0, 2],
  access: groups('DeleteGroups', 'DELETE', {
    items: 'groupsNames',
    answers: 'results',
    refuse: refuseGroup,
    nothingLeft: () => ({ results: [] }),
  }),
  charge: 'request',
  refuse: (error, request) => ({
    results: request.groupsNames.map((groupId) => refuseGroup(groupId, error)),
  }),
  handle: (request, context) => context.broker.groups.deleteGroups(groupContext(context), request),
})
