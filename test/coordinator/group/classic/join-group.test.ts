import test from 'ava'
import { settle } from '../../runtime/virtual-time.js'
import { bytes, ErrorCode, errorName, Harness, parked, subscription, text } from '../harness.js'

test('a dynamic member gets an id first, and joins with it', async (t) => {
  const h = await Harness.start()
  const first = await h.join({ clientId: 'reader' })
  t.is(errorName(first.errorCode), 'MEMBER_ID_REQUIRED')
  t.regex(first.memberId, /^reader-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
  t.is(first.generationId, -1)
  t.is((await h.describe()).groupState, 'Empty')

  const joining = h.join({ memberId: first.memberId })
  await h.time.pass(0)
  const joined = await joining
  t.is(joined.errorCode, ErrorCode.NONE)
  t.is(joined.generationId, 1)
  t.is(joined.leader, first.memberId)
  t.is(joined.protocolType, 'consumer')
  t.is(joined.protocolName, 'range')
  t.is(joined.skipAssignment, false)
  t.deepEqual(
    joined.members.map(({ memberId, metadata }) => [memberId, metadata]),
    [[first.memberId, subscription('orders')]],
  )
})

test('before version 4 a member joins at once', async (t) => {
  const h = await Harness.start()
  const joining = h.join({ version: 3 })
  await h.time.pass(0)
  t.is((await joining).generationId, 1)
})

test('in version 0 the session timeout is the rebalance timeout', async (t) => {
  const h = await Harness.start()
  const joining = h.join({ version: 0, sessionTimeoutMs: 6_000, rebalanceTimeoutMs: -1 })
  await h.time.pass(0)
  const { memberId, generationId } = await joining
  await h.sync(memberId, generationId, {}, { version: 0 })
  // A second member starts a rebalance that the first does not come back for.
  const second = parked(h.join({ version: 0, sessionTimeoutMs: 6_000, rebalanceTimeoutMs: -1 }))
  await h.time.pass(5_999)
  t.is(await h.heartbeat(memberId, generationId), 'REBALANCE_IN_PROGRESS')
  t.false(second.isAnswered())
  await h.time.pass(1)
  t.is((await second.response).generationId, 2)
  t.is((await second.response).members.length, 1)
})

test('the protocol name is empty before version 7 and null from it on where there is none', async (t) => {
  const h = await Harness.start()
  t.is((await h.join({ version: 6 })).protocolName, '')
  t.is((await h.join({ version: 7 })).protocolName, null)
})

test('the first rebalance waits for more members, at most the rebalance timeout', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 3_000 })
  const a = await h.enter({ rebalanceTimeoutMs: 7_000 })
  await h.time.pass(2_999)
  const b = await h.enter({ rebalanceTimeoutMs: 7_000 })
  await h.time.pass(1)
  t.false(a.isAnswered(), 'a second member extends the wait')
  await h.time.pass(2_999)
  const c = await h.enter({ rebalanceTimeoutMs: 7_000 })
  await h.time.pass(1)
  t.false(a.isAnswered(), 'a third one too')
  const d = await h.enter({ rebalanceTimeoutMs: 7_000 })
  await h.time.pass(1_000)
  t.true([a, b, c, d].every((member) => member.isAnswered()))
  const joined = await a.response
  t.is(joined.generationId, 1)
  t.is(joined.members.length, 4)
})

test('without further members the first rebalance waits its delay alone', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 3_000 })
  const a = await h.enter()
  await h.time.pass(2_999)
  t.false(a.isAnswered())
  await h.time.pass(1)
  t.true(a.isAnswered())
})

test('a rebalance ends when all members are back, and has no delay', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 3_000 })
  const { ids, generationId } = await h.stableGroup(1)
  const second = await h.enter()
  t.is(await h.heartbeat(ids[0]!, generationId), 'REBALANCE_IN_PROGRESS')
  t.false(second.isAnswered())
  const back = await h.join({ memberId: ids[0]! })
  t.is(back.generationId, 2)
  t.is(back.leader, ids[0]!, 'the leader stays leader')
  t.is(back.members.length, 2)
  t.deepEqual((await second.response).members, [], 'only the leader learns the members')
})

test('members that are not back by the rebalance timeout are removed', async (t) => {
  const h = await Harness.start()
  const { ids } = await h.stableGroup(2, { rebalanceTimeoutMs: 20_000, sessionTimeoutMs: 1_800_000 })
  const third = await h.enter({ rebalanceTimeoutMs: 5_000 })
  const back = parked(h.join({ memberId: ids[1]!, rebalanceTimeoutMs: 20_000 }))
  await h.time.pass(19_999)
  t.false(third.isAnswered(), 'the longest timeout of the members counts')
  await h.time.pass(1)
  const joined = await back.response
  t.is(joined.leader, ids[1]!, 'one that is back becomes leader')
  t.is(joined.members.length, 2)
  t.is(await h.heartbeat(ids[0]!, 2), 'UNKNOWN_MEMBER_ID')
})

test('a group waits for the ids that it has given out', async (t) => {
  const h = await Harness.start()
  const { ids } = await h.stableGroup(1)
  const pending = await h.join({ sessionTimeoutMs: 10_000 })
  const back = parked(h.join({ memberId: ids[0]! }))
  await h.time.pass(9_999)
  t.false(back.isAnswered())
  await h.time.pass(1)
  t.true(back.isAnswered(), 'until the session timeout of the one who asked')
  t.is(errorName((await h.join({ memberId: pending.memberId })).errorCode), 'UNKNOWN_MEMBER_ID')
})

test('a member that joins again with the same metadata gets its last answer again', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2)
  const [leader, follower] = ids as [string, string]
  const again = await h.join({ memberId: follower })
  t.is(again.generationId, generationId)
  t.deepEqual(again.members, [])
  t.is(await h.heartbeat(leader, generationId), 'NONE', 'no rebalance')
})

test('between join and sync the leader gets the members again', async (t) => {
  const h = await Harness.start()
  const a = await h.enter()
  await h.time.pass(0)
  await a.response
  const again = await h.join({ memberId: a.memberId })
  t.is(again.generationId, 1)
  t.is(again.members.length, 1)
})

test('a leader that joins again, or a member with other metadata, starts a rebalance', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2)
  const [leader, follower] = ids as [string, string]
  const protocols = { range: subscription('orders', 'payments') }
  const changed = parked(h.join({ memberId: follower, protocols }))
  await settle()
  t.is(await h.heartbeat(leader, generationId), 'REBALANCE_IN_PROGRESS')
  t.is((await h.join({ memberId: leader })).generationId, generationId + 1)
  await changed.response
  await Promise.all([h.sync(follower, generationId + 1), h.sync(leader, generationId + 1)])
  const one = parked(h.join({ memberId: leader }))
  await settle()
  t.false(one.isAnswered())
  t.is(await h.heartbeat(follower, generationId + 1), 'REBALANCE_IN_PROGRESS')
})

test('the protocol that most members prefer among those that all support is selected', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const none = bytes('')
  const a = await h.enter({ protocols: { x: none, range: none, sticky: none } })
  const b = await h.enter({ protocols: { sticky: none, range: none } })
  const c = await h.enter({ protocols: { sticky: none, range: none } })
  await h.time.pass(2_000)
  t.is((await a.response).protocolName, 'sticky')
  t.is((await b.response).protocolName, 'sticky')
  t.is((await c.response).protocolName, 'sticky')
})

test('a member without a protocol in common is refused', async (t) => {
  const h = await Harness.start()
  await h.stableGroup(1)
  const refused = async (options: object) => errorName((await h.join(options)).errorCode)
  t.is(await refused({ protocols: { sticky: bytes('') } }), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await refused({ protocolType: 'connect' }), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await refused({ groupId: 'new', protocols: {} }), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is(await refused({ groupId: 'new', protocolType: '' }), 'INCONSISTENT_GROUP_PROTOCOL')
  t.is((await h.list()).groups.length, 1, 'a refused member founds no group')
})

test('bad input is refused', async (t) => {
  const h = await Harness.start()
  const refused = async (options: object) => errorName((await h.join(options)).errorCode)
  t.is(await refused({ groupId: '' }), 'INVALID_GROUP_ID')
  t.is(await refused({ sessionTimeoutMs: 5_999 }), 'INVALID_SESSION_TIMEOUT')
  t.is(await refused({ sessionTimeoutMs: 1_800_001 }), 'INVALID_SESSION_TIMEOUT')
  t.is(await refused({ memberId: 'nobody' }), 'UNKNOWN_MEMBER_ID')
  await h.stableGroup(1)
  t.is(await refused({ memberId: 'nobody' }), 'UNKNOWN_MEMBER_ID')
  t.is(await refused({ memberId: 'nobody', instanceId: 'i' }), 'UNKNOWN_MEMBER_ID')
  const { memberId } = await h.join()
  t.is(await refused({ memberId, instanceId: 'i' }), 'UNKNOWN_SERVER_ERROR')
})

test('a group takes group.max.size members', async (t) => {
  const h = await Harness.start({ maxSize: 2 })
  const { ids } = await h.stableGroup(2)
  const third = await h.join()
  t.is(errorName(third.errorCode), 'GROUP_MAX_SIZE_REACHED')
  t.is(third.memberId, '')

  // When the limit has been lowered, those that come back last to the next rebalance are turned away.
  h.settings.maxSize = 1
  const first = parked(h.join({ memberId: ids[0]! }))
  t.is(errorName((await h.join({ memberId: ids[1]! })).errorCode), 'GROUP_MAX_SIZE_REACHED')
  t.is((await first.response).members.length, 1)
})

test('a JoinGroup that replaces a parked one of the same member answers it', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 3_000 })
  const a = await h.enter()
  const again = parked(h.join({ memberId: a.memberId }))
  await settle()
  t.is(errorName((await a.response).errorCode), 'REBALANCE_IN_PROGRESS')
  await h.time.pass(3_000)
  t.is((await again.response).generationId, 1)
})

test('a new member that never comes back for its answer is gone after five minutes', async (t) => {
  const h = await Harness.start()
  const { ids } = await h.stableGroup(1, { rebalanceTimeoutMs: 2_000_000, sessionTimeoutMs: 1_800_000 })
  const lost = await h.enter({ rebalanceTimeoutMs: 1_000_000 })
  await h.time.pass(299_999)
  t.is((await h.describe()).members.length, 2)
  await h.time.pass(1)
  t.is((await h.describe()).members.length, 1)
  t.is(errorName((await lost.response).errorCode), 'UNKNOWN_MEMBER_ID')
  t.is((await h.join({ memberId: ids[0]! })).members.length, 1)
})

test('cooperative members go through two rebalances, each with the generation that it was made for', async (t) => {
  const h = await Harness.start()
  const protocols = { 'cooperative-sticky': subscription('orders') }
  const options = { protocolName: 'cooperative-sticky' }
  const a = await h.enter({ protocols })
  await h.time.pass(0)
  await a.response
  await h.sync(a.memberId, 1, { [a.memberId]: bytes('0 1') }, options)
  // The second member gets nothing until the first has given something up.
  const b = await h.enter({ protocols })
  t.is(await h.heartbeat(a.memberId, 1), 'REBALANCE_IN_PROGRESS')
  const second = await h.join({ memberId: a.memberId, protocols })
  t.is(second.generationId, 2)
  await b.response
  const waits = parked(h.sync(b.memberId, 2, {}, options))
  await h.sync(a.memberId, 2, { [a.memberId]: bytes('0') }, options)
  t.is(text((await waits.response).assignment), '')
  // Having revoked, the first joins again, now with what it still owns in its metadata.
  const owned = { 'cooperative-sticky': bytes('owns 0') }
  const third = parked(h.join({ memberId: a.memberId, protocols: owned }))
  await settle()
  t.is(await h.heartbeat(b.memberId, 2), 'REBALANCE_IN_PROGRESS')
  await h.join({ memberId: b.memberId, protocols })
  t.is((await third.response).generationId, 3)
  const gets = parked(h.sync(b.memberId, 3, {}, options))
  await h.sync(a.memberId, 3, { [a.memberId]: bytes('0'), [b.memberId]: bytes('1') }, options)
  t.is(text((await gets.response).assignment), '1')
})
