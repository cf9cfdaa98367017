/**
 * The join phase of a group: what starts a rebalance, how long it waits for the members, and what ends it; and the
 * members' sessions, whose end starts one.
 */

import type { ErrorName } from '../../../protocol/index.js'
import type { Deadline } from '../../runtime/deadline.js'
import { joinSuccess } from './accepted.js'
import type { Group } from './group.js'
import { type Member, NO_BYTES } from './member.js'
import { syncFailure } from './outcomes.js'
import type { RebalanceContext } from './rebalance-context.js'

/**
 * How long a new member's JoinGroup may stay parked. It cannot heartbeat yet, and a client that gave up and tries
 * again would leave one defunct member behind for each attempt.
 */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000

export class Rebalance {
  readonly #shard: RebalanceContext
  readonly #joinDeadlines = new WeakMap<Group, Deadline>()
  readonly #syncDeadlines = new WeakMap<Group, Deadline>()

  constructor(shard: RebalanceContext) {
    this.#shard = shard
  }

  /** Starts a rebalance where the group's state allows one, else ends the one under way if nobody is missing. */
  prepareOrComplete(group: Group, reason: string): Promise<void> | undefined {
    return group.canRebalance ? this.prepare(group, reason) : this.completeIfAllJoined(group)
  }

  prepare(group: Group, reason: string): Promise<void> | undefined {
    if (group.state === 'CompletingRebalance') this.failSync(group, 'REBALANCE_IN_PROGRESS')
    this.clearSyncDeadline(group)
    group.pendingSyncIds.clear()
    const isInitial = group.state === 'Empty'
    group.transitionTo('PreparingRebalance', this.#shard.time.wallTime())
    this.#shard.logger.debug(
      { groupId: group.groupId, generationId: group.generationId, reason },
      'preparing to rebalance group',
    )
    if (isInitial) {
      const delayMs = this.#shard.settings.initialRebalanceDelayMs
      this.#waitForFirstMembers(group, delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0))
      return undefined
    }
    if (group.hasAllMembersJoined) return this.#complete(group)
    this.#waitForMembers(group)
    return undefined
  }

  /** Ends the join phase when every member has joined. The initial rebalance runs its whole delay nonetheless. */
  completeIfAllJoined(group: Group): Promise<void> | undefined {
    if (group.state !== 'PreparingRebalance' || group.previousState === 'Empty') return undefined
    return group.hasAllMembersJoined ? this.#complete(group) : undefined
  }

  /** Fails the parked SyncGroups of a generation whose assignment will not come. */
  failSync(group: Group, error: ErrorName): void {
    for (const member of group.members.values()) {
      member.assignment = NO_BYTES
      if (member.answerSync(syncFailure(error))) this.keepSession(group, member)
    }
  }

  /** The member was heard of: its session starts anew. */
  keepSession(group: Group, member: Member, timeoutMs = member.sessionTimeoutMs): void {
    member.session ??= this.#shard.deadline(() => this.#endSession(group, member))
    member.session.set(timeoutMs)
  }

  /** A new member has no session yet, only a limit on how long it may wait. */
  keepNewMember(group: Group, member: Member): void {
    this.keepSession(group, member, NEW_MEMBER_JOIN_TIMEOUT_MS)
  }

  /** Gives an id that was only handed out so long to come back with. */
  keepPendingId(group: Group, memberId: string, timeoutMs: number): void {
    const expires = this.#shard.deadline(() => {
      group.removePendingId(memberId)
      this.#completeIfLastMissing(group)
    })
    group.addPendingId(memberId, expires)
    expires.set(timeoutMs)
  }

  /** Called when a member has synced. */
  synced(group: Group, memberId: string): void {
    group.pendingSyncIds.delete(memberId)
    if (group.pendingSyncIds.size === 0) this.clearSyncDeadline(group)
  }

  clearSyncDeadline(group: Group): void {
    this.#syncDeadlines.get(group)?.clear()
  }

  /** Stops all that the group waits for, when it leaves the shard. */
  clear(group: Group): void {
    this.#joinDeadlines.get(group)?.clear()
    this.clearSyncDeadline(group)
    group.clearDeadlines()
  }

  #waitForFirstMembers(group: Group, delayMs: number, remainingMs: number): void {
    this.#setJoinDeadline(group, delayMs, () => {
      if (!group.newMemberAdded || remainingMs === 0) return this.#complete(group)
      group.newMemberAdded = false
      const nextDelayMs = Math.min(this.#shard.settings.initialRebalanceDelayMs, remainingMs)
      this.#waitForFirstMembers(group, nextDelayMs, Math.max(remainingMs - delayMs, 0))
      return undefined
    })
  }

  #waitForMembers(group: Group): void {
    this.#setJoinDeadline(group, group.rebalanceTimeoutMs, () => this.#complete(group))
  }

  #setJoinDeadline(group: Group, delayMs: number, run: () => Promise<void> | undefined): void {
    this.#joinDeadlines.get(group)?.clear()
    const deadline = this.#shard.deadline(() => this.#background(run()))
    this.#joinDeadlines.set(group, deadline)
    deadline.set(delayMs)
  }

  /** Resolves, where there is something to wait for, when the group that has become empty is written as such. */
  #complete(group: Group): Promise<void> | undefined {
    this.#joinDeadlines.get(group)?.clear()
    for (const member of [...group.members.values()]) {
      // A static member keeps its place until its session ends.
      if (member.parkedJoin === undefined && !member.isStatic) group.remove(member.memberId)
    }
    if (group.state === 'Dead') return undefined
    if (!group.electJoinedLeader() && group.members.size > 0) {
      // Only static members are left, and none of them rejoined: their sessions decide.
      this.#waitForMembers(group)
      return undefined
    }
    group.startNextGeneration(this.#shard.time.wallTime())
    if (group.state === 'Empty') return this.#shard.writeGroup(group)
    for (const member of group.members.values()) {
      group.answerJoin(member, joinSuccess(group, member, { withMembers: group.isLeader(member.memberId) }))
      this.keepSession(group, member)
      member.isNew = false
      group.pendingSyncIds.add(member.memberId)
    }
    this.#waitForSyncs(group)
    this.#shard.logger.debug(
      { groupId: group.groupId, generationId: group.generationId, members: group.members.size },
      'group has a new generation',
    )
    return undefined
  }

  #waitForSyncs(group: Group): void {
    const { generationId } = group
    this.clearSyncDeadline(group)
    const deadline = this.#shard.deadline(() => {
      if (group.generationId !== generationId || group.pendingSyncIds.size === 0) return
      if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return
      const missing = [...group.pendingSyncIds]
      for (const memberId of missing) group.remove(memberId)
      this.#background(this.prepare(group, `no SyncGroup from ${missing.join(', ')}`))
    })
    this.#syncDeadlines.set(group, deadline)
    deadline.set(group.rebalanceTimeoutMs)
  }

  #endSession(group: Group, member: Member): void {
    if (group.member(member.memberId) !== member || member.isExcusedFromHeartbeat) return
    this.#shard.logger.debug({ groupId: group.groupId, memberId: member.memberId }, 'session of member ended')
    group.remove(member.memberId)
    if (group.state === 'Stable' || group.state === 'CompletingRebalance') {
      this.#background(this.prepareOrComplete(group, `session of ${member.memberId} ended`))
    } else {
      this.#completeIfLastMissing(group)
    }
  }

  /** Unlike a member that leaves, one whose time ran out also ends an initial rebalance that waits for nobody. */
  #completeIfLastMissing(group: Group): void {
    if (group.state === 'PreparingRebalance' && group.hasAllMembersJoined) {
      this.#background(this.#complete(group))
    }
  }

  /** What a timer started has nobody who waits for it; a failure of the write has been logged. */
  #background(written: Promise<void> | undefined): void {
    written?.catch(() => {})
  }
}
