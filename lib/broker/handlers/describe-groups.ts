/** DescribeGroups. Version 3 tells of the operations that the client may do, 6 refuses groups that do not exist. */
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import { groupContext } from '../groups/group-context.js'
import { defineHandler } from '../pipeline/handler.js'
import { groups } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'
import { oneOfEach } from '../repeated-names.js'

const refuseGroup = (groupId: string, error: KafkaError) => ({
  groupId,
  ...errorFields(error),
  groupState: '',
  protocolType: '',
  protocolData: '',
  members: [],
})

export const describeGroups = defineHandler({
  api: 'DescribeGroups',
  versions: [0, 6],
  access: groups('DescribeGroups', 'DESCRIBE', { items: 'groups', answers: 'groups', refuse: refuseGroup }),
  charge: 'request',
  refuse: (error, request) => ({ groups: request.groups.map((groupId) => refuseGroup(groupId, error)) }),
  async handle(request, context) {
    const { broker, session } = context
    const asked = oneOfEach(request.groups, (groupId) => groupId)
    const response = await broker.groups.describeGroups(groupContext(context), { ...request, groups: asked })
    if (!request.includeAuthorizedOperations) return response
    return {
      ...response,
      groups: response.groups.map((group) =>
        group.errorCode === ErrorCode.NONE
          ? { ...group, authorizedOperations: session.rights.operationsOn('GROUP', group.groupId) }
          : group,
      ),
    }
  },
})
