/**
 * Replays a partition of `__consumer_offsets`: the last value of each key counts, a tombstone removes it. Records of
 * other kinds of groups (consumer, share and streams groups) are left alone.
 */
import { setImmediate } from 'node:timers/promises'
import type { Int64 } from '../../../protocol/index.js'
import type { TransactionMarker } from '../../offsets/pending-offsets.js'
import { type GroupBatch, readGroupBatches } from '../../runtime/record-batches.js'
import type { GroupRecordContent } from '../group-records.js'
import type { GroupShardState } from '../shard-state.js'
import { Group } from './group.js'
import { Member } from './member.js'

/** Records between two turns of the event loop: a few milliseconds, in which nobody else is served. */
const recordsPerTurn = 1_000

export async function loadGroups(
  shard: GroupShardState,
  runs: AsyncIterable<Uint8Array>,
  isAborted: () => boolean,
): Promise<void> {
  const onUnreadable = (offset: Int64, error: unknown) => {
    shard.logger.warn({ err: error, partition: shard.partition, offset }, 'a group record was skipped')
  }
  let records = 0
  for await (const run of runs) {
    if (isAborted()) return
    for await (const batch of readGroupBatches(run, onUnreadable)) {
      try {
        replay(shard, batch)
      } catch (error) {
        onUnreadable(batch.baseOffset, error)
      }
      records += batch.contents.length
      if (records < recordsPerTurn) continue
      records = 0
      await setImmediate()
      if (isAborted()) return
    }
  }
  // Offsets without a group belong to simple consumers.
  for (const groupId of [...shard.offsets.groupIds, ...shard.pendingOffsets.groupIds()]) {
    if (!shard.groups.has(groupId)) shard.groups.set(groupId, Group.empty(groupId, shard.time.wallTime()))
  }
}

export function endTransaction(shard: GroupShardState, marker: TransactionMarker): void {
  for (const [key, committed] of shard.pendingOffsets.end(marker)) shard.offsets.set(key, committed)
}

function replay(shard: GroupShardState, batch: GroupBatch): void {
  const { producerId, producerEpoch, isTransactional, endOfTransaction, contents } = batch
  if (endOfTransaction !== null) {
    endTransaction(shard, { producerId, producerEpoch, committed: endOfTransaction === 'COMMIT' })
  }
  for (const content of contents) {
    if (content.type === 'group') {
      if (content.value === null) shard.groups.delete(content.groupId)
      else shard.groups.set(content.groupId, groupOf(content.groupId, content.value))
    } else if (isTransactional && content.committed !== null) {
      shard.pendingOffsets.add(producerId, producerEpoch, content.key, content.committed)
    } else {
      shard.pendingOffsets.supersede(content.key)
      if (content.committed === null) shard.offsets.delete(content.key)
      else shard.offsets.set(content.key, content.committed)
    }
  }
}

/** A group as a record says it was. */
export function groupOf(
  groupId: string,
  value: NonNullable<(GroupRecordContent & { type: 'group' })['value']>,
): Group {
  const group = new Group({
    groupId,
    // Only groups without members and groups whose members have their assignments are written.
    state: value.members.length === 0 ? 'Empty' : 'Stable',
    generationId: value.generation,
    protocolType: value.protocolType || null,
    protocolName: value.protocol,
    leaderId: value.leader,
    stateTimestamp: value.currentStateTimestamp,
  })
  group.persisted = true
  for (const member of value.members) {
    group.add(
      new Member({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        protocolType: value.protocolType,
        rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
        sessionTimeoutMs: member.sessionTimeout,
        // Only what the selected protocol needs is kept: the others come back with the next JoinGroup.
        protocols: [{ name: value.protocol ?? '', metadata: member.subscription }],
        assignment: member.assignment,
      }),
    )
  }
  group.readSubscription()
  return group
}
