/**
 * A classic group: who is in it, in which state and generation. It changes itself and answers parked requests, but
 * starts no timer and writes no record: that is for the rebalance and the shard around it.
 */

import type { JoinGroupResponse } from '../../../protocol/index.js'
import { KafkaError } from '../../../protocol/index.js'
import type { Deadline } from '../../runtime/deadline.js'
import { Member, type MemberProtocol } from './member.js'
import { joinFailure, syncFailure } from './outcomes.js'
import { subscribedTopics } from './subscription.js'

/** In Kafka's spelling, as DescribeGroups and ListGroups show it. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** From which states a group may come into each state. */
const VALID_PREVIOUS: Record<GroupState, readonly GroupState[]> = {
  Empty: ['PreparingRebalance'],
  PreparingRebalance: ['Stable', 'CompletingRebalance', 'Empty'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead'],
}

export const CONSUMER_PROTOCOL_TYPE = 'consumer'

export interface GroupFields {
  readonly groupId: string
  readonly state: GroupState
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  /** −1 where the record that the group was loaded from is too old to say. */
  readonly stateTimestamp: number | bigint
}

export class Group {
  readonly groupId: string
  state: GroupState
  previousState: GroupState = 'Dead'
  stateTimestamp: number | bigint
  generationId: number
  protocolType: string | null
  protocolName: string | null
  leaderId: string | null
  /** Null where it is not known, as for a group of another protocol type than consumers'. */
  subscribedTopics: ReadonlySet<string> | null = null
  /** Another member joined during the initial rebalance: it may be delayed further. */
  newMemberAdded = false
  /** A GroupMetadata record of this group was handed to the log: removing the group takes a tombstone. */
  persisted = false

  readonly #members = new Map<string, Member>()
  readonly #memberIdByInstance = new Map<string, string>()
  readonly #supportCounts = new Map<string, number>()
  /** Ids given out by MEMBER_ID_REQUIRED whose owner has not joined yet, with when they expire. */
  readonly #pendingIds = new Map<string, Deadline>()
  /** Members of this generation that have not sent their SyncGroup yet. */
  readonly pendingSyncIds = new Set<string>()
  #parkedJoins = 0

  constructor(fields: GroupFields) {
    this.groupId = fields.groupId
    this.state = fields.state
    this.generationId = fields.generationId
    this.protocolType = fields.protocolType
    this.protocolName = fields.protocolName
    this.leaderId = fields.leaderId
    this.stateTimestamp = fields.stateTimestamp
  }

  static empty(groupId: string, now: number): Group {
    return new Group({
      groupId,
      state: 'Empty',
      generationId: 0,
      protocolType: null,
      protocolName: null,
      leaderId: null,
      stateTimestamp: now,
    })
  }

  /** By member id, the oldest first. */
  get members(): ReadonlyMap<string, Member> {
    return this.#members
  }

  get parkedJoins(): number {
    return this.#parkedJoins
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE
  }

  get canRebalance(): boolean {
    return VALID_PREVIOUS.PreparingRebalance.includes(this.state)
  }

  get hasAllMembersJoined(): boolean {
    return this.#parkedJoins === this.#members.size && this.#pendingIds.size === 0
  }

  /** The largest of the members' rebalance timeouts. */
  get rebalanceTimeoutMs(): number {
    let largest = 0
    for (const member of this.#members.values()) largest = Math.max(largest, member.rebalanceTimeoutMs)
    return largest
  }

  member(memberId: string): Member | undefined {
    return this.#members.get(memberId)
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId
  }

  staticMemberId(groupInstanceId: string): string | undefined {
    return this.#memberIdByInstance.get(groupInstanceId)
  }

  transitionTo(state: GroupState, now: number): void {
    // INVARIANT: a group only takes the steps of the classic protocol.
    if (!VALID_PREVIOUS[state].includes(this.state)) {
      throw new Error(`Group ${this.groupId} cannot go from ${this.state} to ${state}`)
    }
    this.previousState = this.state
    this.state = state
    this.stateTimestamp = now
  }

  add(member: Member): void {
    // INVARIANT: an instance id belongs to one member.
    if (member.groupInstanceId !== null) {
      if (this.#memberIdByInstance.has(member.groupInstanceId)) {
        throw new Error(`Group ${this.groupId} already has the static member ${member.groupInstanceId}`)
      }
      this.#memberIdByInstance.set(member.groupInstanceId, member.memberId)
    }
    if (this.#members.size === 0) this.protocolType = member.protocolType
    this.leaderId ??= member.memberId
    this.#members.set(member.memberId, member)
    this.#countSupport(member, 1)
    this.removePendingId(member.memberId)
  }

  /** Takes a member, or an id that was only given out, out of the group. Its parked requests must be answered. */
  remove(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member !== undefined) {
      this.#members.delete(memberId)
      this.#countSupport(member, -1)
      member.session?.clear()
      this.answerJoin(member, joinFailure('', 'UNKNOWN_MEMBER_ID'))
      member.answerSync(syncFailure('UNKNOWN_MEMBER_ID'))
      if (member.groupInstanceId !== null) this.#memberIdByInstance.delete(member.groupInstanceId)
    }
    if (this.leaderId === memberId) this.leaderId = this.#members.keys().next().value ?? null
    this.removePendingId(memberId)
    this.pendingSyncIds.delete(memberId)
  }

  /** Gives a static member a new id. Whoever still waits under the old one is fenced at once. */
  replaceStaticMember(old: Member, newMemberId: string): Member {
    this.#members.delete(old.memberId)
    old.session?.clear()
    this.answerJoin(old, joinFailure(old.memberId, 'FENCED_INSTANCE_ID'))
    old.answerSync(syncFailure('FENCED_INSTANCE_ID'))
    const member = new Member({ ...fieldsOf(old), memberId: newMemberId })
    this.#members.set(newMemberId, member)
    this.#memberIdByInstance.set(old.groupInstanceId!, newMemberId)
    if (this.leaderId === old.memberId) this.leaderId = newMemberId
    if (this.pendingSyncIds.delete(old.memberId)) this.pendingSyncIds.add(newMemberId)
    return member
  }

  updateMember(
    member: Member,
    update: { protocols: readonly MemberProtocol[]; rebalanceTimeoutMs: number; sessionTimeoutMs: number },
  ): void {
    this.#countSupport(member, -1)
    member.protocols = update.protocols
    this.#countSupport(member, 1)
    member.rebalanceTimeoutMs = update.rebalanceTimeoutMs
    member.sessionTimeoutMs = update.sessionTimeoutMs
  }

  parkJoin(member: Member, answer: (response: JoinGroupResponse) => void): void {
    // Two at a time: the first one's connection is gone, or its client is confused. It is not left hanging.
    this.answerJoin(member, joinFailure(member.memberId, 'REBALANCE_IN_PROGRESS'))
    member.parkedJoin = answer
    this.#parkedJoins++
  }

  answerJoin(member: Member, response: JoinGroupResponse): boolean {
    const answer = member.parkedJoin
    if (answer === undefined) return false
    member.parkedJoin = undefined
    this.#parkedJoins--
    answer(response)
    return true
  }

  addPendingId(memberId: string, expires: Deadline): void {
    this.#pendingIds.set(memberId, expires)
  }

  hasPendingId(memberId: string): boolean {
    return this.#pendingIds.has(memberId)
  }

  get pendingIds(): number {
    return this.#pendingIds.size
  }

  removePendingId(memberId: string): void {
    this.#pendingIds.get(memberId)?.clear()
    this.#pendingIds.delete(memberId)
  }

  /** Stops the sessions of the members, and takes back the ids given out: nothing would end their time. */
  clearDeadlines(): void {
    for (const member of this.#members.values()) member.session?.clear()
    for (const memberId of [...this.#pendingIds.keys()]) this.removePendingId(memberId)
  }

  /** True when the leader has rejoined, or another member that has was made leader. */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false
    if (this.#members.get(this.leaderId)?.parkedJoin !== undefined) return true
    for (const member of this.#members.values()) {
      if (member.parkedJoin === undefined) continue
      this.leaderId = member.memberId
      return true
    }
    return false
  }

  /** Opens the next generation: the protocol is voted on, and the members may sync; without members it is Empty. */
  startNextGeneration(now: number): void {
    this.generationId++
    this.protocolName = this.#members.size === 0 ? null : this.selectProtocol()
    this.readSubscription()
    this.transitionTo(this.#members.size === 0 ? 'Empty' : 'CompletingRebalance', now)
    this.pendingSyncIds.clear()
  }

  /** Learns from the members' metadata which topics the group is subscribed to. */
  readSubscription(): void {
    const metadata = Array.from(this.#members.values(), (member) => member.metadata(this.protocolName ?? ''))
    this.subscribedTopics = this.usesConsumerProtocol ? subscribedTopics(metadata) : null
  }

  /** Of the protocols that every member supports, the one that most members name first. */
  selectProtocol(): string {
    const candidates = new Set<string>()
    for (const [name, count] of this.#supportCounts) if (count === this.#members.size) candidates.add(name)
    const votes = new Map<string, number>()
    for (const member of this.#members.values()) {
      const vote = member.vote(candidates)
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1)
    }
    let selected: string | undefined
    let most = 0
    for (const [name, count] of votes) if (count > most) [selected, most] = [name, count]
    if (selected === undefined) throw new Error(`Group ${this.groupId} has no protocol in common`)
    return selected
  }

  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0
    return (
      protocolType === this.protocolType &&
      protocols.some(({ name }) => (this.#supportCounts.get(name) ?? 0) === this.#members.size)
    )
  }

  /** Consumers are taken to be subscribed to everything while it is not known what they are subscribed to. */
  isSubscribedTo(topic: string): boolean {
    return this.subscribedTopics?.has(topic) ?? this.usesConsumerProtocol
  }

  /** Throws FENCED_INSTANCE_ID or UNKNOWN_MEMBER_ID where the request does not come from a member. */
  requireMember(memberId: string, groupInstanceId: string | null): Member {
    if (groupInstanceId !== null) {
      const current = this.#memberIdByInstance.get(groupInstanceId)
      if (current !== undefined && current !== memberId) throw new KafkaError('FENCED_INSTANCE_ID')
      if (current === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID')
    }
    const member = this.#members.get(memberId)
    if (member === undefined) throw new KafkaError('UNKNOWN_MEMBER_ID')
    return member
  }

  #countSupport(member: Member, step: 1 | -1): void {
    for (const name of new Set(member.protocols.map((protocol) => protocol.name))) {
      const count = (this.#supportCounts.get(name) ?? 0) + step
      if (count === 0) this.#supportCounts.delete(name)
      else this.#supportCounts.set(name, count)
    }
  }
}

function fieldsOf(member: Member) {
  const { groupInstanceId, clientId, clientHost, protocolType } = member
  const { rebalanceTimeoutMs, sessionTimeoutMs, protocols, assignment } = member
  return {
    groupInstanceId,
    clientId,
    clientHost,
    protocolType,
    rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols,
    assignment,
  }
}
