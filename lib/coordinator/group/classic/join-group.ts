/**
 * JoinGroup: takes a member into a group, or tells it why not. The answer is parked until the rebalance completes.
 *
 * Version 0 has no rebalance timeout: the session timeout stands for it. From version 4 on a new dynamic member is
 * sent away with an id first (MEMBER_ID_REQUIRED). Version 5 brings static members, version 9 `skipAssignment`.
 */
import { randomUUID } from 'node:crypto'
import type { JoinGroupRequest, JoinGroupResponse } from '../../../protocol/index.js'
import { KafkaError } from '../../../protocol/index.js'
import type { RequestContext } from '../../request-context.js'
import type { GroupShardState } from '../shard-state.js'
import { joinSuccess } from './accepted.js'
import { Group } from './group.js'
import { Member } from './member.js'
import { joinFailure, joinForVersion } from './outcomes.js'

const UNKNOWN_MEMBER_ID = ''

/** A JoinGroup request with what the shard made of it. */
interface Joining {
  readonly context: RequestContext
  readonly request: JoinGroupRequest
  readonly rebalanceTimeoutMs: number
  /** Answers where the request was parked. */
  readonly answer: (response: JoinGroupResponse) => void
}

export function joinGroup(
  shard: GroupShardState,
  context: RequestContext,
  request: JoinGroupRequest,
): Promise<JoinGroupResponse> {
  return new Promise((resolve, reject) => {
    const answer = (response: JoinGroupResponse) => resolve(joinForVersion(response, context.version))
    const rebalanceTimeoutMs = context.version === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs
    try {
      const response = join(shard, { context, request, rebalanceTimeoutMs, answer })
      if (response !== undefined) answer(response)
    } catch (error) {
      reject(error)
    }
  })
}

/** The answer, or undefined where the request is parked. */
type Answer = JoinGroupResponse | undefined

function join(shard: GroupShardState, joining: Joining): Answer {
  const { request } = joining
  const { groupId, memberId } = request
  const isUnknown = memberId === UNKNOWN_MEMBER_ID
  const known = shard.groups.get(groupId)
  if (known === undefined && !isUnknown) return joinFailure(memberId, 'UNKNOWN_MEMBER_ID')
  const group = known ?? Group.empty(groupId, shard.time.wallTime())

  if (!hasRoomFor(group, memberId, shard.settings.maxSize)) {
    group.remove(memberId)
    shard.rebalance.completeIfAllJoined(group)?.catch(() => {})
    return joinFailure(UNKNOWN_MEMBER_ID, 'GROUP_MAX_SIZE_REACHED')
  }
  if (!group.supports(request.protocolType, joining.request.protocols)) {
    return joinFailure(memberId, 'INCONSISTENT_GROUP_PROTOCOL')
  }
  shard.groups.set(groupId, group)
  return isUnknown ? joinAsNewMember(shard, group, joining) : joinAsKnownMember(shard, group, joining)
}

/** While a rebalance runs the members that are back count, so that those who come last are turned away. */
function hasRoomFor(group: Group, memberId: string, maxSize: number): boolean {
  const member = group.member(memberId)
  switch (group.state) {
    case 'PreparingRebalance':
      return member?.parkedJoin !== undefined || group.parkedJoins < maxSize
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || group.members.size < maxSize
    default:
      return true
  }
}

function joinAsNewMember(shard: GroupShardState, group: Group, joining: Joining): Answer {
  const { context, request } = joining
  const { groupInstanceId } = request
  const memberId = `${groupInstanceId ?? context.clientId ?? ''}-${randomUUID()}`
  const current = groupInstanceId === null ? undefined : group.staticMemberId(groupInstanceId)
  if (current !== undefined) {
    return replaceStaticMember(shard, group, joining, group.member(current)!, memberId)
  }
  if (groupInstanceId === null && context.version >= 4) {
    shard.rebalance.keepPendingId(group, memberId, request.sessionTimeoutMs)
    return joinFailure(memberId, 'MEMBER_ID_REQUIRED')
  }
  return addMember(shard, group, joining, memberId)
}

function joinAsKnownMember(shard: GroupShardState, group: Group, joining: Joining): Answer {
  const { memberId, groupInstanceId, protocols } = joining.request
  if (group.hasPendingId(memberId)) {
    // Such an id was given to a dynamic member.
    if (groupInstanceId !== null) throw new KafkaError('UNKNOWN_SERVER_ERROR')
    return addMember(shard, group, joining, memberId)
  }
  const member = group.requireMember(memberId, groupInstanceId)
  const isLeader = group.isLeader(memberId)
  switch (group.state) {
    case 'PreparingRebalance':
      return rejoin(shard, group, joining, member)
    case 'CompletingRebalance':
      // With the same metadata it has only missed the answer to its last JoinGroup.
      if (!member.matches(protocols)) return rejoin(shard, group, joining, member)
      return joinSuccess(group, member, { withMembers: isLeader })
    case 'Stable':
      // A leader joins again to have partitions assigned anew, also when its metadata are the same.
      if (isLeader || !member.matches(protocols)) return rejoin(shard, group, joining, member)
      return joinSuccess(group, member, { withMembers: false })
    default:
      return joinFailure(memberId, 'UNKNOWN_MEMBER_ID')
  }
}

function addMember(shard: GroupShardState, group: Group, joining: Joining, memberId: string): undefined {
  const { context, request } = joining
  const member = new Member({
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: context.clientId ?? '',
    // Kafka writes the address as Java prints it.
    clientHost: `/${context.clientAddress}`,
    protocolType: request.protocolType,
    rebalanceTimeoutMs: joining.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: joining.request.protocols,
  })
  member.isNew = true
  if (group.state === 'PreparingRebalance' && group.previousState === 'Empty') group.newMemberAdded = true
  group.add(member)
  group.parkJoin(member, joining.answer)
  shard.rebalance.keepNewMember(group, member)
  shard.rebalance.prepareOrComplete(group, reasonOf(request, `member ${memberId} joins`))?.catch(() => {})
}

function rejoin(shard: GroupShardState, group: Group, joining: Joining, member: Member): undefined {
  update(group, member, joining)
  shard.rebalance
    .prepareOrComplete(group, reasonOf(joining.request, `member ${member.memberId} joins again`))
    ?.catch(() => {})
}

function update(group: Group, member: Member, joining: Joining): void {
  group.updateMember(member, {
    protocols: joining.request.protocols,
    rebalanceTimeoutMs: joining.rebalanceTimeoutMs,
    sessionTimeoutMs: joining.request.sessionTimeoutMs,
  })
  group.parkJoin(member, joining.answer)
}

/**
 * A static member that has restarted: it comes without a member id, and takes the place of its old self. In a Stable
 * group nobody else notices, unless its new protocols change the one selected.
 */
function replaceStaticMember(
  shard: GroupShardState,
  group: Group,
  joining: Joining,
  old: Member,
  memberId: string,
): undefined {
  const leaderBefore = group.leaderId
  const member = group.replaceStaticMember(old, memberId)
  update(group, member, joining)
  shard.rebalance.keepSession(group, member)
  if (group.state === 'Stable' && group.selectProtocol() === group.protocolName) {
    persistReplacement(shard, group, { member, old, leaderBefore }, joining.context.version)
  } else {
    // In CompletingRebalance the leader may be assigning partitions to the old member id.
    const reason = reasonOf(joining.request, `static member ${member.groupInstanceId} is back`)
    shard.rebalance.prepareOrComplete(group, reason)?.catch(() => {})
  }
}

function persistReplacement(
  shard: GroupShardState,
  group: Group,
  replaced: { member: Member; old: Member; leaderBefore: string | null },
  version: number,
): void {
  const { member, old, leaderBefore } = replaced
  // Where a rebalance began meanwhile, its end answers, and writes the group again.
  const isCurrent = () =>
    group.state === 'Stable' && group.member(member.memberId) === member && member.parkedJoin !== undefined
  shard.writeGroup(group).then(
    () => {
      if (!isCurrent()) return
      // An older client that hears it is the leader would assign anew, which nobody asked for.
      const isLeader = version >= 9 && group.isLeader(member.memberId)
      const leader = version >= 9 ? group.leaderId : leaderBefore
      group.answerJoin(
        member,
        joinSuccess(group, member, { leader, withMembers: isLeader, skipAssignment: isLeader }),
      )
      shard.rebalance.keepSession(group, member)
    },
    (error: unknown) => {
      if (!isCurrent()) return
      const failure = joinFailure(UNKNOWN_MEMBER_ID, shard.errorName(error))
      group.answerJoin(member, failure)
      group.updateMember(member, old)
      const restored = group.replaceStaticMember(member, old.memberId)
      shard.rebalance.keepSession(group, restored)
    },
  )
}

function reasonOf(request: JoinGroupRequest, what: string): string {
  return `${what}; client reason: ${request.reason || 'not provided'}`
}
