/**
 * A member of a group as consumers are: it joins, is given partitions, goes on where the group has committed, and
 * commits under its generation. Whenever it does not know what became of a commit it joins anew, so that a late one
 * is one of an old generation.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import type { ClusterConnection } from './cluster-client.js'
import type { FaultCluster } from './fault-cluster.js'
import { commitOffset, dialCoordinator, fetchOffset, type Membership } from './group-calls.js'
import type { GroupHistory } from './history.js'

const pauseMs = 40
const sessionTimeoutMs = 2_500
const rebalanceTimeoutMs = 1_500
/** A join waits for the other members. */
const joinPatienceMs = 6_000
/** No consumer's: the coordinator need not understand what members say to each other. */
const protocolType = 'faults'
const protocolName = 'in turn'

export class GroupMember {
  readonly #cluster: FaultCluster
  readonly #random: Random
  /** One of each partition; shared by the members of the group. */
  readonly #histories: readonly GroupHistory[]
  readonly #group: string
  #memberId = ''

  constructor(cluster: FaultCluster, random: Random, histories: readonly GroupHistory[]) {
    this.#cluster = cluster
    this.#random = random
    this.#histories = histories
    this.#group = histories[0]!.group
  }

  /** Until told to stop; then until what is committed was told. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      try {
        using connection = await dialCoordinator(this.#cluster, this.#random, this.#group)
        await this.#takePart(connection, isOver)
      } catch {}
      await delay(pauseMs)
    }
    for (const history of this.#histories) {
      for (let isTold = false; !isTold; await delay(pauseMs)) {
        try {
          using connection = await dialCoordinator(this.#cluster, this.#random, this.#group)
          isTold = (await fetchOffset(connection, history)) !== undefined
        } catch {}
      }
    }
  }

  /** Until an answer says that another generation begins, or does not come. */
  async #takePart(connection: ClusterConnection, isOver: () => boolean): Promise<void> {
    const joined = await this.#join(connection)
    if (!joined) return
    const { membership, histories } = joined
    const offsets = new Map<GroupHistory, number>()
    for (const history of histories) {
      const offset = await fetchOffset(connection, history)
      if (offset === undefined) return
      offsets.set(history, offset)
    }
    while (!isOver()) {
      const { errorCode } = await connection.send('Heartbeat', {
        groupId: this.#group,
        generationId: membership.generationIdOrMemberEpoch,
        memberId: membership.memberId,
      })
      if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#memberId = ''
      if (errorCode !== ErrorCode.NONE) return
      for (const [history, offset] of offsets) {
        offsets.set(history, offset + 1)
        if ((await commitOffset(connection, history, offset + 1, membership)) !== ErrorCode.NONE) return
      }
      await delay(pauseMs)
    }
  }

  async #join(
    connection: ClusterConnection,
  ): Promise<{ membership: Membership; histories: GroupHistory[] } | undefined> {
    const groupId = this.#group
    const protocols = [{ name: protocolName, metadata: Buffer.alloc(0) }]
    const { errorCode, generationId, memberId, leader, members } = await connection.send(
      'JoinGroup',
      {
        ...{ groupId, protocolType, protocols, sessionTimeoutMs, rebalanceTimeoutMs },
        memberId: this.#memberId,
      },
      9,
      joinPatienceMs,
    )
    this.#memberId = errorCode === ErrorCode.UNKNOWN_MEMBER_ID ? '' : memberId
    if (errorCode !== ErrorCode.NONE) return undefined
    const assignments = members.map((member, turn) => {
      const partitions = this.#histories
        .map(({ partition }) => partition)
        .filter((_, index) => index % members.length === turn)
      return { memberId: member.memberId, assignment: Buffer.from(JSON.stringify(partitions)) }
    })
    const answer = await connection.send(
      'SyncGroup',
      {
        ...{ groupId, generationId, memberId, protocolType, protocolName },
        assignments: leader === memberId ? assignments : [],
      },
      5,
      joinPatienceMs,
    )
    if (answer.errorCode !== ErrorCode.NONE) return undefined
    const partitions = JSON.parse(Buffer.from(answer.assignment).toString()) as number[]
    return {
      membership: { generationIdOrMemberEpoch: generationId, memberId },
      histories: this.#histories.filter(({ partition }) => partitions.includes(partition)),
    }
  }
}
