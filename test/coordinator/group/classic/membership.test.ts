import test from 'ava'
import { settle } from '../../runtime/virtual-time.js'
import { ErrorCode, errorName, Harness, parked } from '../harness.js'

test('a member whose session ends is removed', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2)
  const [a, b] = ids as [string, string]
  await h.time.pass(9_999)
  t.is(await h.heartbeat(a, generationId), 'NONE')
  await h.time.pass(1)
  t.is(await h.heartbeat(a, generationId), 'REBALANCE_IN_PROGRESS')
  t.is(await h.heartbeat(b, generationId), 'UNKNOWN_MEMBER_ID')
  t.deepEqual(
    (await h.describe()).members.map((member) => member.memberId),
    [a],
  )
})

test('a commit keeps the session as a heartbeat does', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  for (let i = 0; i < 4; i++) {
    await h.time.pass(9_000)
    t.is(await h.commit({ memberId: ids[0]!, generationId }), 'NONE')
  }
  t.is(await h.heartbeat(ids[0]!, generationId), 'NONE')
})

test('a member that waits for a rebalance needs no heartbeat', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2, { rebalanceTimeoutMs: 50_000 })
  const waits = parked(h.join({ memberId: ids[0]!, rebalanceTimeoutMs: 50_000 }))
  const other = async () => h.heartbeat(ids[1]!, generationId)
  for (let passed = 0; passed < 45_000; passed += 5_000) {
    await h.time.pass(5_000)
    t.is(await other(), 'REBALANCE_IN_PROGRESS')
  }
  t.false(waits.isAnswered())
  await h.time.pass(5_000)
  t.is((await waits.response).members.length, 1)
})

test('heartbeats of a wrong generation, group or member are refused', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  t.is(await h.heartbeat(ids[0]!, generationId + 1), 'ILLEGAL_GENERATION')
  t.is(await h.heartbeat('nobody', generationId), 'UNKNOWN_MEMBER_ID')
  t.is(await h.heartbeat(ids[0]!, generationId, { groupId: 'none' }), 'UNKNOWN_MEMBER_ID')
  t.is(await h.heartbeat(ids[0]!, generationId, { groupId: '' }), 'INVALID_GROUP_ID')
  t.is(await h.heartbeat(ids[0]!, generationId, { instanceId: 'i' }), 'UNKNOWN_MEMBER_ID')
})

test('a member that leaves is gone at once, and the others rebalance', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2)
  const [a, b] = ids as [string, string]
  const left = await h.leave(a)
  t.is(left.errorCode, ErrorCode.NONE)
  t.deepEqual(left.members, [{ memberId: a, groupInstanceId: null, errorCode: ErrorCode.NONE }])
  t.is(await h.heartbeat(b, generationId), 'REBALANCE_IN_PROGRESS')
  const joined = await h.join({ memberId: b })
  t.is(joined.leader, b)
})

test('the last member to leave leaves an empty group, which is written', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  const appends = h.log.appends
  await h.leave(ids[0]!)
  t.is(h.log.appends, appends + 1)
  t.is((await h.describe()).groupState, 'Empty')
  t.is((await h.describe()).protocolType, 'consumer')
  const next = await h.stableGroup(1)
  t.is(next.generationId, generationId + 2)
})

test('before version 3 the error of the one member that leaves is that of the response', async (t) => {
  const h = await Harness.start()
  const { ids } = await h.stableGroup(1)
  t.deepEqual(await h.leave('nobody', { version: 2 }), {
    throttleTimeMs: 0,
    errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
    members: [],
  })
  t.deepEqual(await h.leave(ids[0]!, { version: 2 }), { throttleTimeMs: 0, errorCode: 0, members: [] })
})

test('several members leave by one request, static ones by their instance id', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const a = await h.enter()
  const b = parked(h.join({ instanceId: 'i' }))
  await h.time.pass(2_000)
  await a.response
  const { memberId: staticId } = await b.response
  const pending = await h.join()
  const request = {
    groupId: 'g',
    memberId: '',
    members: [
      { memberId: a.memberId, groupInstanceId: null, reason: 'done' },
      { memberId: '', groupInstanceId: 'i', reason: null },
      { memberId: '', groupInstanceId: 'none', reason: null },
      { memberId: 'nobody', groupInstanceId: null, reason: null },
      { memberId: pending.memberId, groupInstanceId: null, reason: null },
    ],
  }
  const left = await h.coordinator.leaveGroup(h.context(5), request)
  t.deepEqual(
    left.members.map((member) => errorName(member.errorCode)),
    ['NONE', 'NONE', 'UNKNOWN_MEMBER_ID', 'UNKNOWN_MEMBER_ID', 'NONE'],
  )
  t.is((await h.describe()).groupState, 'Empty')
  t.is(await h.heartbeat(staticId, 1), 'UNKNOWN_MEMBER_ID')
})

test('leaving a group that does not exist is an error of each member', async (t) => {
  const h = await Harness.start()
  const left = await h.leave('a', { groupId: 'none' })
  t.is(left.errorCode, ErrorCode.NONE)
  t.is(left.members[0]!.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  t.is((await h.leave('a', { groupId: '' })).errorCode, ErrorCode.INVALID_GROUP_ID)
  t.is((await h.leave('a', { groupId: 'none', version: 2 })).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
})

test('a member that leaves while its requests are parked gets them answered', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const a = await h.enter()
  await h.leave(a.memberId)
  t.is(errorName((await a.response).errorCode), 'UNKNOWN_MEMBER_ID')

  const b = await h.enter()
  const c = await h.enter()
  await h.time.pass(3_000)
  const { leader, generationId } = await b.response
  const follower = leader === b.memberId ? c.memberId : b.memberId
  const waits = h.sync(follower, generationId)
  await settle()
  await h.leave(follower)
  t.is(errorName((await waits).errorCode), 'UNKNOWN_MEMBER_ID')
})

test('groups are listed by state and type', async (t) => {
  const h = await Harness.start()
  await h.stableGroup(1, { groupId: 'stable' })
  await h.commit({ groupId: 'simple' })
  const ids = async (filter: Parameters<Harness['list']>[0]) =>
    (await h.list(filter)).groups.map((group) => group.groupId).sort()
  t.deepEqual(await ids({}), ['simple', 'stable'])
  t.deepEqual(await ids({ states: ['stable'] }), ['stable'])
  t.deepEqual(await ids({ states: ['EMPTY', 'Dead'] }), ['simple'])
  t.deepEqual(await ids({ types: ['Classic'] }), ['simple', 'stable'])
  t.deepEqual(await ids({ types: ['consumer'] }), [])
  t.deepEqual((await h.list({ states: ['Stable'] })).groups, [
    { groupId: 'stable', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' },
  ])
})

test('a group that does not exist is Dead, and an error from version 6 on', async (t) => {
  const h = await Harness.start()
  const old = await h.describe('none', 5)
  t.is(old.errorCode, ErrorCode.NONE)
  t.is(old.groupState, 'Dead')
  const current = await h.describe('none', 6)
  t.is(current.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
  t.is(current.groupState, 'Dead')
  t.is(current.errorMessage, 'Group none not found.')
})
