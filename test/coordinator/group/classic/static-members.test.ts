import test from 'ava'
import { KafkaError } from '../../../../lib/protocol/index.js'
import { settle } from '../../runtime/virtual-time.js'
import { bytes, errorName, Harness, type JoinOptions, parked, subscription, text } from '../harness.js'

/** A Stable group of the static members `1` (the leader) and `2`. */
async function staticGroup(h: Harness, options: JoinOptions = {}) {
  h.settings.initialRebalanceDelayMs = 1_000
  const one = parked(h.join({ instanceId: '1', ...options }))
  const two = parked(h.join({ instanceId: '2', ...options }))
  await h.time.pass(2_000)
  const [a, b] = [await one.response, await two.response]
  const assignments = { [a.memberId]: bytes('0'), [b.memberId]: bytes('1') }
  const waits = h.sync(b.memberId, 1, {}, { instanceId: '2' })
  await h.sync(a.memberId, 1, assignments, { instanceId: '1' })
  await waits
  return { leader: a.memberId, follower: b.memberId }
}

test('a static member joins at once, its id begins with its instance id', async (t) => {
  const h = await Harness.start()
  const joining = h.join({ instanceId: 'node-7' })
  await h.time.pass(0)
  const joined = await joining
  t.regex(joined.memberId, /^node-7-[0-9a-f-]{36}$/)
  t.is(joined.members[0]!.groupInstanceId, 'node-7')
})

test('a static member that restarts takes its place again without a rebalance', async (t) => {
  const h = await Harness.start()
  const { leader, follower } = await staticGroup(h)
  const back = await h.join({ instanceId: '2' })
  t.is(errorName(back.errorCode), 'NONE')
  t.not(back.memberId, follower)
  t.is(back.generationId, 1)
  t.is(back.leader, leader)
  t.false(back.skipAssignment)
  t.is(text((await h.sync(back.memberId, 1, {}, { instanceId: '2' })).assignment), '1')
  t.is(await h.heartbeat(leader, 1, { instanceId: '1' }), 'NONE')
})

test('its old self is fenced', async (t) => {
  const h = await Harness.start()
  const { follower } = await staticGroup(h)
  await h.join({ instanceId: '2' })
  t.is(await h.heartbeat(follower, 1, { instanceId: '2' }), 'FENCED_INSTANCE_ID')
  t.is(await h.heartbeat(follower, 1), 'UNKNOWN_MEMBER_ID')
  t.is(await h.commit({ memberId: follower, generationId: 1, instanceId: '2' }), 'FENCED_INSTANCE_ID')
  const sync = await h.sync(follower, 1, {}, { instanceId: '2' })
  t.is(errorName(sync.errorCode), 'FENCED_INSTANCE_ID')
  t.is(errorName((await h.join({ memberId: follower, instanceId: '2' })).errorCode), 'FENCED_INSTANCE_ID')
  const left = await h.leave(follower, { instanceId: '2' })
  t.is(errorName(left.members[0]!.errorCode), 'FENCED_INSTANCE_ID')
})

test('a leader that restarts is told to skip the assignment, from version 9 on', async (t) => {
  const h = await Harness.start()
  const { leader } = await staticGroup(h)
  const back = await h.join({ instanceId: '1', version: 9 })
  t.is(back.leader, back.memberId)
  t.true(back.skipAssignment)
  t.is(back.members.length, 2)
  t.is(back.generationId, 1)
  // An older client is told that its old self leads, and so does not assign.
  const older = await h.join({ instanceId: '1', version: 8 })
  t.is(older.leader, back.memberId)
  t.not(older.memberId, back.memberId)
  t.false(older.skipAssignment)
  t.deepEqual(older.members, [])
  t.not(leader, back.memberId)
})

test('a restarted member whose protocols change the selected one starts a rebalance', async (t) => {
  const h = await Harness.start()
  const both = { range: subscription('orders'), sticky: subscription('orders') }
  await staticGroup(h, { protocols: both })
  const back = parked(h.join({ instanceId: '2', protocols: { sticky: subscription('orders') } }))
  await settle()
  t.false(back.isAnswered())
  t.is((await h.describe()).groupState, 'PreparingRebalance')
})

test('a static member that restarts between join and sync starts a rebalance', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const one = parked(h.join({ instanceId: '1' }))
  const two = parked(h.join({ instanceId: '2' }))
  await h.time.pass(2_000)
  const [a, b] = [await one.response, await two.response]
  const waits = h.sync(b.memberId, 1, {}, { instanceId: '2' })
  const back = parked(h.join({ instanceId: '2' }))
  t.is(errorName((await waits).errorCode), 'FENCED_INSTANCE_ID')
  t.is(await h.heartbeat(a.memberId, 1, { instanceId: '1' }), 'REBALANCE_IN_PROGRESS')
  await h.join({ memberId: a.memberId, instanceId: '1' })
  t.is((await back.response).generationId, 2)
})

test('a static member that restarts while its join is parked fences the parked one', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const first = h.join({ instanceId: '1' })
  const second = parked(h.join({ instanceId: '1' }))
  const fenced = await first
  t.is(errorName(fenced.errorCode), 'FENCED_INSTANCE_ID')
  await h.time.pass(1_000)
  t.is((await second.response).members.length, 1)
})

test('a static member that misses a rebalance stays until its session ends', async (t) => {
  const h = await Harness.start()
  const timeouts = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 }
  const { leader } = await staticGroup(h, timeouts)
  const third = parked(h.join({ instanceId: '3', ...timeouts }))
  const back = parked(h.join({ memberId: leader, instanceId: '1', ...timeouts }))
  await h.time.pass(20_000)
  t.is((await back.response).members.length, 3)
  t.is((await third.response).generationId, 2)
})

test('a group of static members of whom none is back waits for their sessions to end', async (t) => {
  const h = await Harness.start()
  const timeouts = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 }
  const { leader } = await staticGroup(h, timeouts)
  await h.leave('', { instanceId: '2' })
  await h.time.pass(50_000)
  t.is((await h.describe()).groupState, 'PreparingRebalance')
  t.is(await h.heartbeat(leader, 1, { instanceId: '1' }), 'REBALANCE_IN_PROGRESS')
  await h.time.pass(60_000)
  t.is((await h.describe()).groupState, 'Empty')
})

test('where the new member id cannot be written the old one stays', async (t) => {
  const h = await Harness.start()
  const { follower } = await staticGroup(h)
  h.log.onAppend = () => {
    throw new KafkaError('NOT_ENOUGH_REPLICAS')
  }
  const refused = await h.join({ instanceId: '2' })
  t.is(errorName(refused.errorCode), 'COORDINATOR_NOT_AVAILABLE')
  t.is(refused.memberId, '')
  t.is(await h.heartbeat(follower, 1, { instanceId: '2' }), 'NONE')
  h.log.onAppend = undefined
  t.is(errorName((await h.join({ instanceId: '2' })).errorCode), 'NONE')
})

test('a rebalance that begins while the new member id is written takes the member along', async (t) => {
  const h = await Harness.start()
  const { leader } = await staticGroup(h)
  h.log.hold()
  const back = parked(h.join({ instanceId: '2' }))
  await settle()
  const rejoins = parked(h.join({ memberId: leader, instanceId: '1' }))
  await settle()
  t.is((await back.response).generationId, 2)
  t.is((await rejoins.response).members.length, 2)
  h.log.release()
})

for (const outcome of ['is written', 'cannot be written']) {
  test(`a rebalance that is still under way when the new member id ${outcome} answers the member`, async (t) => {
    const h = await Harness.start()
    const { leader } = await staticGroup(h)
    h.log.hold()
    const back = parked(h.join({ instanceId: '2' }))
    await settle()
    const third = parked(h.join({ instanceId: '3' }))
    await settle()
    if (outcome === 'cannot be written') {
      h.log.onAppend = () => {
        throw new KafkaError('NOT_ENOUGH_REPLICAS')
      }
    }
    h.log.release()
    await settle()
    t.false(back.isAnswered(), 'its generation is over')
    await h.join({ memberId: leader, instanceId: '1' })
    t.is((await back.response).generationId, 2)
    await third.response
  })
}

test('a static member that restarts before it has synced must sync as the new one', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const timeouts = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 20_000 }
  const one = parked(h.join({ instanceId: '1', ...timeouts }))
  const two = parked(h.join({ instanceId: '2', ...timeouts }))
  await h.time.pass(2_000)
  const [a] = [await one.response, await two.response]
  await h.sync(a.memberId, 1, {}, { instanceId: '1' })
  const back = await h.join({ instanceId: '2', ...timeouts })
  await h.time.pass(20_000)
  t.is(await h.heartbeat(back.memberId, 1, { instanceId: '2' }), 'UNKNOWN_MEMBER_ID')
  t.is(await h.heartbeat(a.memberId, 1, { instanceId: '1' }), 'REBALANCE_IN_PROGRESS')
})
