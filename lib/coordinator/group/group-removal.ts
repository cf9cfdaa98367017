/**
 * What takes groups and offsets away: DeleteGroups, the retention of offsets (KIP-211), and the end of a topic. Each
 * removal is a tombstone, and waits for the writes before it, so that it sees every offset that is to go.
 */

import type { DeleteGroupsResponse } from '../../protocol/index.js'
import { ErrorCode } from '../../protocol/index.js'
import { removalOf } from '../offsets/group-offsets.js'
import type { CommittedOffset, OffsetKey } from '../offsets/offset-store.js'
import type { Write } from '../runtime/record-writer.js'
import type { Group } from './classic/group.js'
import { encodeGroupTombstone } from './group-records.js'
import type { GroupShardState } from './shard-state.js'

/** A deleted topic may have offsets in every group; one write must fit into a batch. */
const MAX_KEYS_IN_A_WRITE = 1000

type GroupResult = DeleteGroupsResponse['results'][number]

export async function deleteGroups(
  shard: GroupShardState,
  groupIds: readonly string[],
): Promise<GroupResult[]> {
  let results: GroupResult[] = []
  await shard.writeAfterOthers(() => {
    const writes: Write[] = []
    results = groupIds.map((groupId) => {
      const group = shard.groups.get(groupId)
      if (group === undefined) return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND }
      const isInUse = group.state !== 'Empty' || shard.pendingOffsets.hasGroup(groupId)
      if (isInUse) return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP }
      writes.push(...removalsOf(shard, [...shard.offsets.keysOf(groupId)]), removalOfGroup(shard, group))
      return { groupId, errorCode: ErrorCode.NONE }
    })
    return writes
  })
  return results
}

/** Removes the offsets whose time has come, and the groups that have neither members nor offsets left. */
export function removeExpired(shard: GroupShardState): Promise<void> {
  return shard.writeAfterOthers(() => {
    const now = shard.time.wallTime()
    const pendingGroups = new Set(shard.pendingOffsets.groupIds())
    const writes: Write[] = []
    for (const group of [...shard.groups.values()]) {
      const keys: OffsetKey[] = []
      let total = 0
      for (const key of shard.offsets.keysOf(group.groupId)) {
        total++
        const isKept = group.isSubscribedTo(key.topic) || shard.pendingOffsets.has(key)
        if (!isKept && isExpired(shard, group, shard.offsets.get(key)!, now)) keys.push(key)
      }
      writes.push(...removalsOf(shard, keys))
      // An id that was given out is about to join.
      const isIdle = group.pendingIds === 0 && !pendingGroups.has(group.groupId)
      const isAbandoned = group.state === 'Empty' && isIdle && keys.length === total
      if (isAbandoned) writes.push(removalOfGroup(shard, group))
    }
    return writes
  })
}

function isExpired(shard: GroupShardState, group: Group, committed: CommittedOffset, now: number): boolean {
  const since = retainedSince(group, committed)
  if (since === null) return false
  // Clients of OffsetCommit 2–4 may have set a time of their own.
  if (committed.expireTimestamp !== -1) return now >= committed.expireTimestamp
  return now - Number(since) >= shard.settings.offsetsRetentionMs
}

/** From when the retention of an offset counts, null while it does not. */
function retainedSince(group: Group, committed: CommittedOffset): number | bigint | null {
  // A simple consumer: no group ever formed.
  if (group.protocolType === null) return committed.commitTimestamp
  if (group.state === 'Empty') {
    return group.stateTimestamp === -1 ? committed.commitTimestamp : group.stateTimestamp
  }
  // Consumers that are there, but no longer subscribed to the topic.
  const isKnown = group.usesConsumerProtocol && group.subscribedTopics !== null
  return isKnown && group.state === 'Stable' ? committed.commitTimestamp : null
}

export type IsGone = (key: OffsetKey, committed: CommittedOffset) => boolean

/** Removes the offsets that `isGone` says of. */
export function removeOffsets(shard: GroupShardState, isGone: IsGone): Promise<void> {
  return shard.writeAfterOthers(() => {
    const keys: OffsetKey[] = []
    for (const groupId of shard.offsets.groupIds) {
      for (const key of shard.offsets.keysOf(groupId)) {
        if (!shard.pendingOffsets.has(key) && isGone(key, shard.offsets.get(key)!)) keys.push(key)
      }
    }
    return removalsOf(shard, keys)
  })
}

function removalsOf(shard: GroupShardState, keys: readonly OffsetKey[]): Write[] {
  const writes: Write[] = []
  for (let i = 0; i < keys.length; i += MAX_KEYS_IN_A_WRITE) {
    writes.push(removalOf(shard, keys.slice(i, i + MAX_KEYS_IN_A_WRITE)))
  }
  return writes
}

/** The group goes from memory at once: who joins while the tombstone is on its way founds a new one behind it. */
function removalOfGroup(shard: GroupShardState, group: Group): Write {
  const { groupId } = group
  shard.groups.delete(groupId)
  shard.rebalance.clear(group)
  return {
    records: group.persisted ? [encodeGroupTombstone(groupId)] : [],
    revert: () => {
      if (!shard.groups.has(groupId)) shard.groups.set(groupId, group)
    },
  }
}
