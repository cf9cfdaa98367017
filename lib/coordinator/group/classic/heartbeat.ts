import type { HeartbeatRequest } from '../../../protocol/index.js'
import { KafkaError } from '../../../protocol/index.js'
import type { GroupShardState } from '../shard-state.js'

/** Heartbeat: keeps a member's session, and throws REBALANCE_IN_PROGRESS to call it to join again. */
export function heartbeat(shard: GroupShardState, request: HeartbeatRequest): void {
  const group = shard.groups.get(request.groupId)
  if (group === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID')
  const member = group.requireMember(request.memberId, request.groupInstanceId)
  if (request.generationId !== group.generationId) throw new KafkaError('ILLEGAL_GENERATION')
  shard.rebalance.keepSession(group, member)
  if (group.state === 'PreparingRebalance') throw new KafkaError('REBALANCE_IN_PROGRESS')
}
