import type { JoinGroupResponse, SyncGroupResponse } from '../../../protocol/index.js'
import type { Deadline } from '../../runtime/deadline.js'

/** What a member says it can do: the name of a protocol (an assignor) and bytes that only the leader reads. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface MemberFields {
  readonly memberId: string
  /** Null for a dynamic member. */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly protocols: readonly MemberProtocol[]
  readonly assignment?: Uint8Array
}

export const NO_BYTES = new Uint8Array(0)

/** One member of a classic group, with the requests of its that are parked until the group moves on. */
export class Member implements MemberFields {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  protocols: readonly MemberProtocol[]
  assignment: Uint8Array

  /** True until the member's first rebalance completes: it does not know its id yet, so it cannot heartbeat. */
  isNew = false
  /** Answers the parked JoinGroup. Set and taken by the group, which counts them. */
  parkedJoin: ((response: JoinGroupResponse) => void) | undefined
  /** Answers the parked SyncGroup. */
  parkedSync: ((response: SyncGroupResponse) => void) | undefined
  /** When the session ends. */
  session: Deadline | undefined

  constructor(fields: MemberFields) {
    this.memberId = fields.memberId
    this.groupInstanceId = fields.groupInstanceId
    this.clientId = fields.clientId
    this.clientHost = fields.clientHost
    this.protocolType = fields.protocolType
    this.rebalanceTimeoutMs = fields.rebalanceTimeoutMs
    this.sessionTimeoutMs = fields.sessionTimeoutMs
    this.protocols = fields.protocols
    this.assignment = fields.assignment ?? NO_BYTES
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null
  }

  /** A member whose request the coordinator holds is not expected to heartbeat, unless it is new. */
  get isExcusedFromHeartbeat(): boolean {
    return !this.isNew && (this.parkedJoin !== undefined || this.parkedSync !== undefined)
  }

  metadata(protocolName: string): Uint8Array | undefined {
    return this.protocols.find((protocol) => protocol.name === protocolName)?.metadata
  }

  /** True where a JoinGroup brings the same protocols, in the same order, with the same bytes. */
  matches(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((protocol, i) => {
        const mine = this.protocols[i]!
        return protocol.name === mine.name && equalBytes(protocol.metadata, mine.metadata)
      })
    )
  }

  /** The first of this member's protocols that all members support. */
  vote(candidates: ReadonlySet<string>): string | undefined {
    return this.protocols.find((protocol) => candidates.has(protocol.name))?.name
  }

  answerSync(response: SyncGroupResponse): boolean {
    const answer = this.parkedSync
    this.parkedSync = undefined
    answer?.(response)
    return answer !== undefined
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
