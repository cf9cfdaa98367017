/** What members of groups ask of their coordinator. */
import { ErrorCode } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import { ClusterConnection, NoAnswerError } from './cluster-client.js'
import { FaultCluster } from './fault-cluster.js'
import type { GroupEvent, GroupHistory } from './history.js'

/** Whose commits count: everybody's of a group without members, else a member's of the present generation. */
export interface Membership {
  readonly generationIdOrMemberEpoch: number
  readonly memberId: string
}

export const noMember: Membership = { generationIdOrMemberEpoch: -1, memberId: '' }

/** A connection to the coordinator. Throws where there is none now. */
export async function dialCoordinator(
  cluster: FaultCluster,
  random: Random,
  group: string,
): Promise<ClusterConnection> {
  using connection = await ClusterConnection.open(cluster, random.pick(FaultCluster.ids))
  const question = { keyType: 0, coordinatorKeys: [group] }
  const { coordinators } = await connection.send('FindCoordinator', question, 4)
  const { errorCode, nodeId } = coordinators[0]!
  if (errorCode !== ErrorCode.NONE) throw new NoAnswerError('no coordinator')
  return ClusterConnection.open(cluster, nodeId)
}

/** Resolves with the error code. Throws NoAnswerError. */
export async function commitOffset(
  connection: ClusterConnection,
  { group, topic, partition, events }: GroupHistory,
  committedOffset: number,
  membership: Membership = noMember,
): Promise<number> {
  const event = begin(events, 'commit', committedOffset)
  const partitions = [{ partitionIndex: partition, committedOffset }]
  const body = { groupId: group, ...membership, topics: [{ name: topic, partitions }] }
  const { topics } = await connection.send('OffsetCommit', body, 9)
  return end(event, topics[0]!.partitions[0]!.errorCode)
}

/** The offset, -1 for none; undefined where it is refused. Throws NoAnswerError. */
export async function fetchOffset(
  connection: ClusterConnection,
  { group, topic, partition, events }: GroupHistory,
): Promise<number | undefined> {
  const event = begin(events, 'fetch', -1)
  const topics = [{ name: topic, partitionIndexes: [partition] }]
  const { groups } = await connection.send('OffsetFetch', { groups: [{ groupId: group, topics }] }, 8)
  const { errorCode, topics: told } = groups[0]!
  const answer = told[0]?.partitions[0]
  event.offset = Number(answer?.committedOffset ?? -1)
  const isTold = end(event, errorCode || (answer?.errorCode ?? ErrorCode.NONE)) === ErrorCode.NONE
  return isTold ? event.offset : undefined
}

function begin(events: GroupEvent[], what: GroupEvent['what'], offset: number): GroupEvent {
  const sentAtMs = performance.now()
  const event = { what, offset, sentAtMs, answeredAtMs: Number.POSITIVE_INFINITY, isDone: false }
  events.push(event)
  return event
}

function end(event: GroupEvent, errorCode: number): number {
  event.answeredAtMs = performance.now()
  event.isDone = errorCode === ErrorCode.NONE
  return errorCode
}
