import test from 'ava'
import { KafkaError } from '../../../../lib/protocol/index.js'
import { settle } from '../../runtime/virtual-time.js'
import { bytes, errorName, Harness, parked, subscription, text } from '../harness.js'

/** Two members between join and sync. */
async function joinedGroup(h: Harness) {
  const a = await h.enter()
  const b = await h.enter()
  await h.time.pass(2 * h.settings.initialRebalanceDelayMs)
  const { leader, generationId } = await a.response
  const follower = leader === a.memberId ? b.memberId : a.memberId
  return { leader, follower, generationId }
}

test('each member gets its assignment when the leader has handed them in', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  const waits = parked(h.sync(follower, generationId))
  await settle()
  t.false(waits.isAnswered())
  t.is((await h.describe()).groupState, 'CompletingRebalance')
  const mine = await h.sync(leader, generationId, { [leader]: bytes('0'), [follower]: bytes('1') })
  t.is(text(mine.assignment), '0')
  t.is(mine.protocolName, 'range')
  t.is(mine.protocolType, 'consumer')
  t.is(text((await waits.response).assignment), '1')
  const described = await h.describe()
  t.is(described.groupState, 'Stable')
  t.is(described.protocolData, 'range')
  t.deepEqual(
    described.members.map((member) => [member.memberId, text(member.memberAssignment)]).sort(),
    [
      [leader, '0'],
      [follower, '1'],
    ].sort(),
  )
  t.is(described.members[0]!.clientHost, '/127.0.0.1')
  t.deepEqual(described.members[0]!.memberMetadata, subscription('orders'))
  // Who asks again gets the same.
  t.is(text((await h.sync(follower, generationId)).assignment), '1')
})

test('a member that the leader forgot gets nothing', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  const waits = h.sync(follower, generationId)
  await h.sync(leader, generationId, { [leader]: bytes('0'), stranger: bytes('1') })
  t.is((await waits).assignment.length, 0)
})

test('assignments count only once they are in the log', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, generationId } = await joinedGroup(h)
  h.log.hold()
  const waits = parked(h.sync(leader, generationId, { [leader]: bytes('0') }))
  await settle()
  t.false(waits.isAnswered())
  t.is((await h.describe()).groupState, 'CompletingRebalance')
  h.log.release()
  t.is(text((await waits.response).assignment), '0')
})

test('assignments that cannot be written start another rebalance', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  const waits = h.sync(follower, generationId)
  h.log.onAppend = () => {
    throw new KafkaError('KAFKA_STORAGE_ERROR')
  }
  t.is(errorName((await h.sync(leader, generationId, { [leader]: bytes('0') })).errorCode), 'NOT_COORDINATOR')
  t.is(errorName((await waits).errorCode), 'NOT_COORDINATOR')
  t.is(await h.heartbeat(leader, generationId), 'REBALANCE_IN_PROGRESS')
})

test('an append that takes longer than offsets.commit.timeout.ms fails the assignments', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, generationId } = await joinedGroup(h)
  h.log.hold()
  const waits = parked(h.sync(leader, generationId, { [leader]: bytes('0') }))
  await h.time.pass(4_999)
  t.false(waits.isAnswered())
  await h.time.pass(1)
  t.is(errorName((await waits.response).errorCode), 'COORDINATOR_NOT_AVAILABLE')
  h.log.release()
  await settle()
  t.is((await h.describe()).groupState, 'PreparingRebalance', 'what comes late changes nothing')
})

test('members that do not sync within the rebalance timeout are removed', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  await h.sync(leader, generationId, { [leader]: bytes('0') })
  for (let i = 0; i < 12; i++) {
    await h.time.pass(5_000)
    if (i < 11) {
      t.is(await h.heartbeat(leader, generationId), 'NONE')
      t.is(await h.heartbeat(follower, generationId), 'NONE')
    }
  }
  t.is(await h.heartbeat(leader, generationId), 'REBALANCE_IN_PROGRESS')
  t.is(await h.heartbeat(follower, generationId), 'UNKNOWN_MEMBER_ID')
})

test('a rebalance that starts before the assignments come calls the waiting members back', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { follower, generationId } = await joinedGroup(h)
  const waits = h.sync(follower, generationId)
  await h.enter()
  t.is(errorName((await waits).errorCode), 'REBALANCE_IN_PROGRESS')
  t.is(errorName((await h.sync(follower, generationId)).errorCode), 'REBALANCE_IN_PROGRESS')
})

test('a SyncGroup that replaces a parked one of the same member answers it', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  const first = h.sync(follower, generationId)
  const second = h.sync(follower, generationId)
  t.is(errorName((await first).errorCode), 'REBALANCE_IN_PROGRESS')
  await h.sync(leader, generationId, { [follower]: bytes('1') })
  t.is(text((await second).assignment), '1')
})

test('bad input is refused', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  const id = ids[0]!
  const refused = async (...args: Parameters<Harness['sync']>) => errorName((await h.sync(...args)).errorCode)
  t.is(await refused(id, generationId, {}, { groupId: '' }), 'INVALID_GROUP_ID')
  t.is(await refused(id, generationId, {}, { groupId: 'none' }), 'UNKNOWN_MEMBER_ID')
  t.is(await refused('nobody', generationId), 'UNKNOWN_MEMBER_ID')
  t.is(await refused(id, generationId - 1), 'ILLEGAL_GENERATION')
  t.is(await refused(id, generationId + 1), 'ILLEGAL_GENERATION')
  t.is(await refused(id, generationId, {}, { protocolName: 'sticky' }), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await refused(id, generationId, {}, { instanceId: 'i' }), 'UNKNOWN_MEMBER_ID')
  const incomplete = {
    groupId: 'g',
    generationId,
    memberId: id,
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [],
  }
  const sync = async (version: number) =>
    errorName((await h.coordinator.syncGroup(h.context(version), incomplete)).errorCode)
  t.is(await sync(5), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await sync(4), 'NONE')
})

test('assignments that reach the log after a rebalance began are nobody’s', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const { leader, follower, generationId } = await joinedGroup(h)
  h.log.hold()
  const synced = h.sync(leader, generationId, { [leader]: bytes('0'), [follower]: bytes('1') })
  await settle()
  await h.enter()
  t.is(errorName((await synced).errorCode), 'REBALANCE_IN_PROGRESS')
  h.log.release()
  await settle()
  const { groupState, members } = await h.describe()
  t.is(groupState, 'PreparingRebalance')
  t.true(members.every((member) => member.memberAssignment.length === 0))
})
