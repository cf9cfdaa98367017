import test from 'ava'
import { crc32c, encodeBatch, randomUuid } from '../../../lib/protocol/index.js'
import { Random } from '../../support/random.js'
import { MemoryLog } from '../runtime/memory-log.js'
import { settle } from '../runtime/virtual-time.js'
import { bytes, ErrorCode, errorName, Harness, parked, text } from './harness.js'

test('a group survives a restart: its members go on with their generation', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const a = await h.enter({ clientId: 'a', rebalanceTimeoutMs: 12_345 })
  const b = await h.enter({ clientId: 'b' })
  await h.time.pass(2_000)
  const { leader } = await a.response
  const assignments = { [a.memberId]: bytes('0'), [b.memberId]: bytes('1') }
  await Promise.all([
    h.sync(a.memberId, 1, a.memberId === leader ? assignments : {}),
    h.sync(b.memberId, 1, b.memberId === leader ? assignments : {}),
  ])
  const before = await h.describe()
  const next = await h.restart()
  t.deepEqual(await next.describe(), before)
  t.is(await next.heartbeat(a.memberId, 1), 'NONE')
  t.is(text((await next.sync(b.memberId, 1)).assignment), '1')
  t.is(await next.commit({ memberId: a.memberId, generationId: 1 }), 'NONE')
})

test('the sessions of loaded members start anew', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2, { sessionTimeoutMs: 10_000 })
  await h.time.pass(9_000)
  const next = await h.restart()
  await next.time.pass(9_999)
  t.is(await next.heartbeat(ids[0]!, generationId), 'NONE')
  await next.time.pass(1)
  t.is(await next.heartbeat(ids[0]!, generationId), 'REBALANCE_IN_PROGRESS')
  t.is(await next.heartbeat(ids[1]!, generationId), 'UNKNOWN_MEMBER_ID')
})

test('a group that is loaded larger than group.max.size rebalances', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(2)
  h.settings.maxSize = 1
  const next = await h.restart()
  t.is(await next.heartbeat(ids[0]!, generationId), 'REBALANCE_IN_PROGRESS')
})

test('while a partition loads its groups cannot be served, but nobody loses a membership', async (t) => {
  const h = await Harness.start({ offsetsTopicNumPartitions: 2 })
  const { ids, generationId } = await h.stableGroup(1)
  await h.coordinator.close()
  const next = new Harness(h.settings, h.log)
  h.log.hold()
  const loaded = [next.coordinator.onElected(0), next.coordinator.onElected(1)]
  t.is(await next.heartbeat(ids[0]!, generationId), 'NONE')
  t.is(await next.commit(), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.is(errorName((await next.join()).errorCode), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.is(errorName((await next.sync(ids[0]!, 1)).errorCode), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.is(errorName((await next.fetchAll()).errorCode), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.is(errorName((await next.describe()).errorCode), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.is(errorName((await next.list()).errorCode), 'COORDINATOR_LOAD_IN_PROGRESS')
  t.deepEqual(await next.delete('g'), ['COORDINATOR_LOAD_IN_PROGRESS'])
  h.log.release()
  await Promise.all(loaded)
  t.is(await next.heartbeat(ids[0]!, generationId), 'NONE')
})

test('a partition that is led elsewhere answers NOT_COORDINATOR, and so does what it had parked', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const a = await h.enter()
  const b = await h.enter()
  await h.time.pass(2_000)
  const { leader } = await a.response
  const follower = leader === a.memberId ? b.memberId : a.memberId
  const syncing = h.sync(follower, 1)
  const joining = await h.enter({ groupId: 'other' })
  h.log.hold()
  const committing = h.commit({ groupId: 'third' })
  await settle()
  const resigned = parked(h.coordinator.onResigned(0))
  t.is(errorName((await syncing).errorCode), 'NOT_COORDINATOR')
  t.is(errorName((await joining.response).errorCode), 'NOT_COORDINATOR')
  t.is(await committing, 'NOT_COORDINATOR')
  t.is(await h.heartbeat(follower, 1), 'NOT_COORDINATOR')
  t.deepEqual((await h.list()).groups, [])
  t.false(resigned.isAnswered(), 'the append under way is waited for')
  h.log.release()
  await resigned.response
  t.is(h.time.scheduled, 0, 'no timer is left')

  await h.coordinator.onElected(0)
  t.is((await h.fetch('third')).committedOffset, 1, 'it had reached the log')
})

test('a partition that cannot be read is not served, and can be once it is elected again', async (t) => {
  const log = new MemoryLog()
  const h = await Harness.start({}, log)
  await h.commit()
  await h.coordinator.onResigned(0)
  const intact = log.batches.get(0)!
  log.batches.set(0, [new Uint8Array(200)])
  await h.coordinator.onElected(0)
  t.is(await h.commit(), 'NOT_COORDINATOR')
  log.batches.set(0, intact)
  await h.coordinator.onElected(0)
  t.is((await h.fetch()).committedOffset, 1)
})

test('a batch that does not unpack, though it is as it was written, is skipped', async (t) => {
  const log = new MemoryLog()
  const h = await Harness.start({}, log)
  const noGzip = Buffer.from(encodeBatch({ records: [{ timestamp: 0, key: bytes('k'), value: null }] }))
  noGzip[22] = 1
  noGzip.writeUint32BE(crc32c(noGzip.subarray(21)), 17)
  await log.append(0, noGzip)
  await h.commit()
  const next = await h.restart()
  t.is((await next.fetch()).committedOffset, 1)
})

test('a coordinator that is closed answers COORDINATOR_NOT_AVAILABLE', async (t) => {
  const h = await Harness.start({ initialRebalanceDelayMs: 1_000 })
  const a = await h.enter()
  await h.coordinator.close()
  t.is(errorName((await a.response).errorCode), 'NOT_COORDINATOR')
  t.is(await h.commit(), 'COORDINATOR_NOT_AVAILABLE')
  t.is(errorName((await h.list()).errorCode), 'COORDINATOR_NOT_AVAILABLE')
  t.is(h.time.scheduled, 0)
})

test('a resignation while a partition is being loaded ends the loading', async (t) => {
  const h = await Harness.start()
  await h.commit()
  await h.coordinator.onResigned(0)
  h.log.hold()
  const loading = h.coordinator.onElected(0)
  await h.coordinator.onResigned(0)
  h.log.release()
  await loading
  t.is(await h.commit(), 'NOT_COORDINATOR')
  t.is(h.time.scheduled, 0)
})

test('groups are spread over the partitions as in Kafka', async (t) => {
  const h = new Harness({ offsetsTopicNumPartitions: 50 })
  // Computed with Math.abs("...".hashCode()) % 50.
  t.is(h.coordinator.partitionFor('test-group'), 12)
  t.is(h.coordinator.partitionFor('console-consumer-12345'), 6)
  // The hash of this one is -2147483648, which has no absolute value.
  t.is(h.coordinator.partitionFor('polygenelubricants'), 0)
})

for (const codec of [0, 1, 2, 3, 4]) {
  test(`what is compressed with codec ${codec} is loaded`, async (t) => {
    const h = await Harness.start({ offsetsTopicCompressionCodec: codec })
    const { ids, generationId } = await h.stableGroup(1)
    await h.commit({ memberId: ids[0]!, generationId, metadata: 'x'.repeat(500), offset: 9 })
    const last = h.log.batches.get(0)!.at(-1)!
    t.is(last[22]! & 7, codec)
    t.is((await (await h.restart()).fetch()).committedOffset, 9)
  })
}

/** What of a coordinator must be the same after a restart. */
async function picture(h: Harness) {
  const groups = []
  for (const { groupId, protocolType, groupState } of (await h.list()).groups) {
    const { topics } = await h.fetchAll(groupId)
    // A group that only gave out ids was never written.
    if (groupState === 'Empty' && protocolType === '' && topics.length === 0) continue
    const described = await h.describe(groupId)
    described.members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    const offsets = topics
      .flatMap(({ name, partitions }) => partitions.map((partition) => ({ name, ...partition })))
      .sort((a, b) => (a.name === b.name ? a.partitionIndex - b.partitionIndex : a.name < b.name ? -1 : 1))
    groups.push({ described, offsets })
  }
  return groups.sort((a, b) => (a.described.groupId < b.described.groupId ? -1 : 1))
}

test('after a restart everything is as before, whatever happened', async (t) => {
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  let h = await Harness.start({ offsetsTopicNumPartitions: 3, offsetsRetentionMs: 3_600_000 })
  const members = new Map<string, { ids: string[]; generationId: number }>()
  for (let step = 0; step < 300; step++) {
    const groupId = `g${random.below(6)}`
    const group = members.get(groupId)
    const action = random.below(7)
    if (action === 0 && group === undefined) {
      members.set(groupId, await h.stableGroup(1 + random.below(3), { groupId, sessionTimeoutMs: 1_800_000 }))
    } else if (action === 1 && group !== undefined) {
      for (const id of group.ids) t.is((await h.leave(id, { groupId })).errorCode, ErrorCode.NONE)
      members.delete(groupId)
    } else if (action === 2) {
      await h.delete(groupId)
    } else if (action === 3) {
      await h.coordinator.deleteOffsets(h.context(0), {
        groupId,
        topics: [{ name: `t${random.below(4)}`, partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
      })
    } else if (action === 4 && random.chance(0.1)) {
      await h.coordinator.onTopicsDeleted([{ name: `t${random.below(4)}`, topicId: randomUuid() }])
    } else if (action === 5 && random.chance(0.3)) {
      await h.time.pass(random.below(1_200_000))
      for (const [id, { ids, generationId }] of members) {
        for (const memberId of ids) t.is(await h.heartbeat(memberId, generationId, { groupId: id }), 'NONE')
      }
    } else {
      const identity = group && { memberId: random.pick(group.ids), generationId: group.generationId }
      const commit = { groupId, topic: `t${random.below(4)}`, partition: random.below(2), offset: step }
      t.is(await h.commit({ ...commit, ...identity, metadata: `${step}`, leaderEpoch: step % 5 }), 'NONE')
    }
    if (step % 25 === 24) {
      const before = await picture(h)
      h = await h.restart()
      t.deepEqual(await picture(h), before)
    }
  }
  t.true((await picture(h)).length > 0)
})

test('consumer metadata that cannot be read leave the subscription unknown', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1, { protocols: { range: bytes('garbage') } })
  await h.commit({ memberId: ids[0]!, generationId, topic: 'orders' })
  for (const restarts of [0, 1]) {
    const harness = restarts === 0 ? h : await h.restart()
    const removed = await harness.coordinator.deleteOffsets(h.context(0), {
      groupId: 'g',
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }],
    })
    const { errorCode } = removed.topics[0]!.partitions[0]!
    t.is(errorName(errorCode), 'GROUP_SUBSCRIBED_TO_TOPIC')
  }
})
