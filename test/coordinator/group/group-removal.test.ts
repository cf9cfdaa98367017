import test from 'ava'
import { KafkaError, randomUuid } from '../../../lib/protocol/index.js'
import { settle } from '../runtime/virtual-time.js'
import { errorName, Harness, parked, subscription } from './harness.js'

const HOUR = 3_600_000
const RETENTION = { offsetsRetentionMs: 24 * HOUR, offsetsRetentionCheckIntervalMs: HOUR }

const groupIds = async (h: Harness) => (await h.list()).groups.map((group) => group.groupId).sort()

test('the offsets of a simple consumer expire so long after their commit, then the group goes', async (t) => {
  const h = await Harness.start(RETENTION)
  await h.commit({ topic: 'a' })
  await h.time.pass(12 * HOUR)
  await h.commit({ topic: 'b' })
  await h.time.pass(12 * HOUR)
  t.is((await h.fetch('g', 'a')).committedOffset, -1)
  t.is((await h.fetch('g', 'b')).committedOffset, 1)
  t.deepEqual(await groupIds(h), ['g'])
  await h.time.pass(12 * HOUR)
  t.deepEqual(await groupIds(h), [])
  const next = await h.restart()
  t.is((await next.fetch('g', 'b')).committedOffset, -1)
  t.deepEqual(await groupIds(next), [])
})

test('the offsets of a group expire so long after its last member is gone', async (t) => {
  const h = await Harness.start(RETENTION)
  const { ids, generationId } = await h.stableGroup(1, { sessionTimeoutMs: 1_800_000 })
  await h.commit({ memberId: ids[0]!, generationId })
  for (let i = 0; i < 120; i++) {
    await h.time.pass(HOUR / 4)
    t.is(await h.heartbeat(ids[0]!, generationId), 'NONE')
  }
  t.is((await h.fetch()).committedOffset, 1, 'not while the group is subscribed')
  await h.leave(ids[0]!)
  await h.time.pass(23 * HOUR)
  t.is((await h.fetch()).committedOffset, 1)
  const restarted = await h.restart()
  await restarted.time.pass(HOUR)
  t.is((await restarted.fetch()).committedOffset, -1, 'a restart does not start the time anew')
  t.deepEqual(await groupIds(restarted), [])
  t.deepEqual(await groupIds(await restarted.restart()), [], 'nor does it bring the group back')
})

test('a group with members keeps what it is subscribed to alone', async (t) => {
  const h = await Harness.start(RETENTION)
  const { ids, generationId } = await h.stableGroup(1, {
    sessionTimeoutMs: 1_800_000,
    protocols: { range: subscription('orders') },
  })
  const member = { memberId: ids[0]!, generationId }
  await h.commit({ ...member, topic: 'orders' })
  await h.commit({ ...member, topic: 'given-up' })
  for (let i = 0; i < 100; i++) {
    await h.time.pass(HOUR / 4)
    await h.heartbeat(ids[0]!, generationId)
  }
  t.is((await h.fetch('g', 'orders')).committedOffset, 1)
  t.is((await h.fetch('g', 'given-up')).committedOffset, -1)
})

test('the retention time of OffsetCommit 2 to 4 is honoured, also after a restart', async (t) => {
  const h = await Harness.start(RETENTION)
  await h.commit({ version: 4, topic: 'short', retentionTimeMs: 2 * HOUR })
  await h.commit({ version: 4, topic: 'long', retentionTimeMs: 48 * HOUR })
  await h.commit({ version: 5, topic: 'default', retentionTimeMs: 48 * HOUR })
  await h.time.pass(HOUR)
  const next = await h.restart()
  await next.time.pass(HOUR)
  t.is((await next.fetch('g', 'short')).committedOffset, -1)
  await next.time.pass(22 * HOUR)
  t.is((await next.fetch('g', 'default')).committedOffset, -1)
  t.is((await next.fetch('g', 'long')).committedOffset, 1)
  await next.time.pass(24 * HOUR)
  t.is((await next.fetch('g', 'long')).committedOffset, -1)
})

test('a retention time without end keeps an offset for ever', async (t) => {
  const h = await Harness.start(RETENTION)
  t.is(await h.commit({ version: 4, retentionTimeMs: 2n ** 63n - 1n }), 'NONE')
  await h.time.pass(48 * HOUR)
  t.is((await h.fetch()).committedOffset, 1)
})

test('a change of the retention counts from the next check on', async (t) => {
  const h = await Harness.start(RETENTION)
  await h.commit()
  await h.time.pass(2 * HOUR)
  h.settings.offsetsRetentionMs = HOUR
  await h.time.pass(HOUR)
  t.is((await h.fetch()).committedOffset, -1)
})

test('a group that gave out an id is not taken away from under it', async (t) => {
  const h = await Harness.start({ ...RETENTION, offsetsRetentionCheckIntervalMs: 5_000 })
  const { memberId } = await h.join({ sessionTimeoutMs: 10_000 })
  await h.time.pass(6_000)
  const joining = parked(h.join({ memberId }))
  await h.time.pass(0)
  t.is((await joining.response).generationId, 1)
})

test('an empty group is deleted with its offsets', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  await h.commit({ memberId: ids[0]!, generationId })
  t.deepEqual(await h.delete('g', 'none'), ['NON_EMPTY_GROUP', 'GROUP_ID_NOT_FOUND'])
  await h.leave(ids[0]!)
  t.deepEqual(await h.delete('g'), ['NONE'])
  t.deepEqual(await h.delete('g'), ['GROUP_ID_NOT_FOUND'])
  t.deepEqual(await groupIds(h), [])
  const next = await h.restart()
  t.deepEqual(await groupIds(next), [])
  t.is((await next.fetch()).committedOffset, -1)
})

test('a deletion takes along the commits that were on their way before it', async (t) => {
  const h = await Harness.start()
  await h.commit({ topic: 'a' })
  h.log.hold()
  const committed = h.commit({ topic: 'b' })
  const deleted = h.delete('g')
  const later = h.commit({ topic: 'c', offset: 7 })
  await settle()
  h.log.release()
  t.is(await committed, 'NONE')
  t.deepEqual(await deleted, ['NONE'])
  t.is(await later, 'NONE')
  for (const restarts of [0, 1]) {
    const harness = restarts === 0 ? h : await h.restart()
    t.is((await harness.fetch('g', 'a')).committedOffset, -1)
    t.is((await harness.fetch('g', 'b')).committedOffset, -1)
    t.is((await harness.fetch('g', 'c')).committedOffset, 7)
  }
})

test('a group that is joined while its tombstone is on its way begins anew behind it', async (t) => {
  const h = await Harness.start()
  const { ids } = await h.stableGroup(1)
  await h.leave(ids[0]!)
  h.log.hold()
  const deleted = h.delete('g')
  await settle()
  const a = await h.enter()
  await h.time.pass(0)
  t.is((await a.response).generationId, 1)
  const synced = h.sync(a.memberId, 1)
  await settle()
  h.log.release()
  t.deepEqual(await deleted, ['NONE'])
  await synced
  const next = await h.restart()
  t.is((await next.describe()).groupState, 'Stable')
})

test('a deletion that cannot be written leaves the group as it was', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1)
  await h.commit({ memberId: ids[0]!, generationId })
  await h.leave(ids[0]!)
  h.log.onAppend = () => {
    throw new KafkaError('NOT_ENOUGH_REPLICAS')
  }
  t.deepEqual(await h.delete('g'), ['COORDINATOR_NOT_AVAILABLE'])
  t.is((await h.describe()).groupState, 'Empty')
  t.is((await h.fetch()).committedOffset, 1)
})

test('a group whose deletion could not be written waits for no id that it had given out before', async (t) => {
  const h = await Harness.start()
  await h.commit()
  const { memberId } = await h.join()
  h.log.onAppend = () => {
    throw new KafkaError('NOT_ENOUGH_REPLICAS')
  }
  t.deepEqual(await h.delete('g'), ['COORDINATOR_NOT_AVAILABLE'])
  h.log.onAppend = undefined
  t.is(errorName((await h.join({ memberId })).errorCode), 'UNKNOWN_MEMBER_ID')
  const { ids } = await h.stableGroup(1)
  const rejoined = parked(h.join({ memberId: ids[0]! }))
  await h.time.pass(0)
  t.true(rejoined.isAnswered())
})

test('the offsets of a topic go with the topic, in every group', async (t) => {
  const h = await Harness.start({ offsetsTopicNumPartitions: 3 })
  for (let i = 0; i < 9; i++) {
    await h.commit({ groupId: `g${i}`, topic: 'a', partition: 0 })
    await h.commit({ groupId: `g${i}`, topic: 'a', partition: 1 })
    await h.commit({ groupId: `g${i}`, topic: 'b' })
  }
  await h.coordinator.onTopicsDeleted([{ name: 'a', topicId: randomUuid() }])
  const next = await h.restart()
  for (let i = 0; i < 9; i++) {
    t.is((await next.fetch(`g${i}`, 'a', 0)).committedOffset, -1)
    t.is((await next.fetch(`g${i}`, 'b', 0)).committedOffset, 1)
  }
})

test('offsets of a topic that was created anew stay when those of the old one go', async (t) => {
  const h = await Harness.start()
  const [old, anew] = [randomUuid(), randomUuid()]
  const commit = async (topicId: string, groupId: string) => {
    const request = h.commitRequest({ groupId })
    request.topics[0]!.topicId = topicId
    await h.coordinator.commitOffsets(h.context(10), request)
  }
  await commit(old, 'late')
  await commit(anew, 'early')
  await h.coordinator.onTopicsDeleted([{ name: 'orders', topicId: old }])
  t.is((await h.fetch('late')).committedOffset, -1)
  t.is((await h.fetch('early')).committedOffset, 1)
})

test('a topic that goes while a partition is being loaded takes its offsets along', async (t) => {
  const h = await Harness.start()
  await h.commit({ topic: 'a' })
  await h.commit({ topic: 'b' })
  await h.coordinator.onResigned(0)
  h.log.hold()
  const loading = h.coordinator.onElected(0)
  await h.coordinator.onTopicsDeleted([{ name: 'a', topicId: randomUuid() }])
  h.log.release()
  await loading
  await settle()
  t.is((await h.fetch('g', 'a')).committedOffset, -1)
  t.is((await h.fetch('g', 'b')).committedOffset, 1)
})
