/** ListGroups. Version 4 filters by state, 5 by type. */
import { groupContext } from '../groups/group-context.js'
import { eachName } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

export const listGroups = defineHandler({
  api: 'ListGroups',
  versions: [0, 5],
  access: eachName<'ListGroups'>(
    'DESCRIBE on the cluster, or else on each group; others are left out',
    (rights) => {
      const maySeeAll = rights.hasOnCluster('DESCRIBE')
      return (groupId) => maySeeAll || rights.has('DESCRIBE', 'GROUP', groupId)
    },
  ),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, groups: [] }),
  async handle(request, context) {
    const response = await context.broker.groups.listGroups(groupContext(context), request)
    const permits = context.permits(request)
    if (!permits) return response
    return { ...response, groups: response.groups.filter(({ groupId }) => permits(groupId)) }
  },
})
