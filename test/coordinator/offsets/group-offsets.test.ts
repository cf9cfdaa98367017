import test from 'ava'
import { KafkaError } from '../../../lib/protocol/index.js'
import { errorName, Harness, NO_TOPIC_ID, parked, subscription } from '../group/harness.js'
import { settle } from '../runtime/virtual-time.js'

const NOTHING = {
  partitionIndex: 0,
  committedOffset: -1,
  committedLeaderEpoch: -1,
  metadata: '',
  errorCode: 0,
}

test('a simple consumer commits and fetches without joining', async (t) => {
  const h = await Harness.start()
  t.deepEqual(await h.fetch(), NOTHING)
  t.is(await h.commit({ offset: 42, leaderEpoch: 3, metadata: 'note' }), 'NONE')
  t.deepEqual(await h.fetch(), {
    partitionIndex: 0,
    committedOffset: 42,
    committedLeaderEpoch: 3,
    metadata: 'note',
    errorCode: 0,
  })
  t.deepEqual(await h.fetch('g', 'orders', 1), { ...NOTHING, partitionIndex: 1 })
  t.deepEqual(await h.fetch('g', 'payments'), NOTHING)
  t.is((await h.describe()).groupState, 'Empty')
  t.is((await h.describe()).protocolType, '')
})

test('offsets beyond 2^53 are kept', async (t) => {
  const h = await Harness.start()
  const offset = 2n ** 62n + 1n
  await h.commit({ offset })
  t.is((await h.fetch()).committedOffset, offset)
  t.is((await (await h.restart()).fetch()).committedOffset, offset)
})

test('an empty group id may commit', async (t) => {
  const h = await Harness.start()
  t.is(await h.commit({ groupId: '' }), 'NONE')
  t.is((await h.fetch('')).committedOffset, 1)
})

test('all offsets of a group are fetched where no topics are named', async (t) => {
  const h = await Harness.start()
  await h.commit({ topic: 'a', partition: 0, offset: 1 })
  await h.commit({ topic: 'a', partition: 1, offset: 2 })
  await h.commit({ topic: 'b', partition: 0, offset: 3 })
  const { topics } = await h.fetchAll()
  t.deepEqual(
    topics.map(({ name, partitions }) => [
      name,
      partitions.map((p) => [p.partitionIndex, p.committedOffset]),
    ]),
    [
      [
        'a',
        [
          [0, 1],
          [1, 2],
        ],
      ],
      ['b', [[0, 3]]],
    ],
  )
  t.deepEqual((await h.fetchAll('none')).topics, [])
})

test('before version 8 one group is fetched, from version 2 on with an error of its own', async (t) => {
  const h = await Harness.start()
  await h.commit({ offset: 5 })
  const request = {
    groups: [],
    groupId: 'g',
    topics: [{ name: 'orders', partitionIndexes: [0] }],
    requireStable: false,
  }
  const fetched = await h.coordinator.fetchOffsets(h.context(7), request)
  t.is(fetched.topics[0]!.partitions[0]!.committedOffset, 5)
  t.is(fetched.errorCode, 0)
  const all = await h.coordinator.fetchOffsets(h.context(7), { ...request, topics: null })
  t.is(all.topics[0]!.name, 'orders')

  await h.coordinator.onResigned(0)
  const second = await h.coordinator.fetchOffsets(h.context(2), request)
  t.is(errorName(second.errorCode), 'NOT_COORDINATOR')
  const first = await h.coordinator.fetchOffsets(h.context(1), request)
  t.is(errorName(first.topics[0]!.partitions[0]!.errorCode), 'NOT_COORDINATOR')
  t.is(first.topics[0]!.partitions[0]!.committedOffset, -1)
})

test('a response has the topic ids of its request', async (t) => {
  const h = await Harness.start()
  const topicId = 'abcdefghijklmnopqrstuw'
  const request = h.commitRequest()
  request.topics[0]!.topicId = topicId
  const committed = await h.coordinator.commitOffsets(h.context(10), request)
  t.is(committed.topics[0]!.topicId, topicId)
  const topics = [{ topicId, name: 'orders', partitionIndexes: [0] }]
  const groups = [{ groupId: 'g', memberId: null, memberEpoch: -1, topics }]
  const fetched = await h.coordinator.fetchOffsets(h.context(10), {
    groups,
    groupId: '',
    topics: null,
    requireStable: true,
  })
  t.is(fetched.groups[0]!.topics[0]!.topicId, topicId)
  t.is((await h.fetchAll()).topics[0]!.topicId, NO_TOPIC_ID)
})

test('what was committed for a topic is nothing to one of the same name that came after it', async (t) => {
  const h = await Harness.start()
  const request = h.commitRequest({ offset: 5 })
  request.topics[0]!.topicId = 'abcdefghijklmnopqrstuw'
  await h.coordinator.commitOffsets(h.context(9), request)
  const fetch = async (topicId: string) => {
    const topics = [{ topicId, name: 'orders', partitionIndexes: [0] }]
    const groups = [{ groupId: 'g', memberId: null, memberEpoch: -1, topics }]
    const all = { groups, groupId: '', topics: null, requireStable: false }
    const fetched = await h.coordinator.fetchOffsets(h.context(10), all)
    return fetched.groups[0]!.topics[0]!.partitions[0]!.committedOffset
  }
  t.is(await fetch('abcdefghijklmnopqrstuw'), 5)
  t.is(await fetch('wutsrqponmlkjihgfedcbw'), -1)
  t.is(await fetch(NO_TOPIC_ID), 5)
})

test('metadata of more than offset.metadata.max.bytes are refused, the other partitions are not', async (t) => {
  const h = await Harness.start({ offsetMetadataMaxBytes: 5 })
  const request = h.commitRequest({ metadata: '123456' })
  const [topic] = request.topics
  topic!.partitions.push({ ...topic!.partitions[0]!, partitionIndex: 1, committedMetadata: '12345' })
  topic!.partitions.push({ ...topic!.partitions[0]!, partitionIndex: 2, committedMetadata: null })
  const { topics } = await h.coordinator.commitOffsets(h.context(9), request)
  t.deepEqual(
    topics[0]!.partitions.map((partition) => errorName(partition.errorCode)),
    ['OFFSET_METADATA_TOO_LARGE', 'NONE', 'NONE'],
  )
  t.is((await h.fetch('g', 'orders', 0)).committedOffset, -1)
  t.is((await h.fetch('g', 'orders', 1)).metadata, '12345')
  h.settings.offsetMetadataMaxBytes = 2 ** 31 - 1
  t.is(await h.commit({ metadata: 'x'.repeat(32_767) }), 'NONE')
  t.is(
    await h.commit({ metadata: 'x'.repeat(32_768) }),
    'OFFSET_METADATA_TOO_LARGE',
    'no record could hold it',
  )
})

test('who may commit depends on the state of the group', async (t) => {
  const h = await Harness.start()
  t.is(await h.commit({ generationId: 1, memberId: 'm', version: 9 }), 'GROUP_ID_NOT_FOUND')
  t.is(await h.commit({ generationId: 1, memberId: 'm', version: 8 }), 'ILLEGAL_GENERATION')
  const { ids, generationId } = await h.stableGroup(1)
  const memberId = ids[0]!
  t.is(await h.commit({ memberId, generationId }), 'NONE')
  t.is(await h.commit(), 'UNKNOWN_MEMBER_ID', 'only an empty group takes commits of strangers')
  t.is(await h.commit({ memberId: 'nobody', generationId }), 'UNKNOWN_MEMBER_ID')
  t.is(await h.commit({ memberId, generationId: generationId + 1 }), 'ILLEGAL_GENERATION')
  t.is(await h.commit({ memberId, generationId: -1 }), 'ILLEGAL_GENERATION')
  t.is(await h.commit({ memberId, generationId, instanceId: 'i' }), 'UNKNOWN_MEMBER_ID')
  const second = await h.enter()
  t.is(await h.commit({ memberId, generationId }), 'NONE', 'before it joins again a member may commit')
  await h.join({ memberId })
  await second.response
  t.is(await h.commit({ memberId, generationId: generationId + 1 }), 'REBALANCE_IN_PROGRESS')
  await h.leave(memberId)
  await h.leave(second.memberId)
  t.is(await h.commit({ memberId, generationId: generationId + 2 }), 'UNKNOWN_MEMBER_ID')
  t.is(await h.commit(), 'NONE')
})

test('a commit is seen when it is in the log', async (t) => {
  const h = await Harness.start()
  await h.commit({ offset: 1 })
  h.log.hold()
  const waits = parked(h.commit({ offset: 2 }))
  const stable = parked(h.fetch('g', 'orders', 0, true))
  await settle()
  t.false(waits.isAnswered())
  t.is((await h.fetch()).committedOffset, 1)
  t.false(stable.isAnswered(), 'requireStable waits for what is on its way')
  h.log.release()
  t.is(await waits.response, 'NONE')
  t.is((await stable.response).committedOffset, 2)
})

test('a commit whose append fails is not seen', async (t) => {
  const h = await Harness.start()
  await h.commit({ offset: 1 })
  const failing = async (name: ConstructorParameters<typeof KafkaError>[0]) => {
    h.log.onAppend = () => {
      throw new KafkaError(name)
    }
    return h.commit({ offset: 2 })
  }
  t.is(await failing('NOT_ENOUGH_REPLICAS'), 'COORDINATOR_NOT_AVAILABLE')
  t.is(await failing('UNKNOWN_TOPIC_OR_PARTITION'), 'COORDINATOR_NOT_AVAILABLE')
  t.is(await failing('NOT_LEADER_OR_FOLLOWER'), 'NOT_COORDINATOR')
  t.is(await failing('KAFKA_STORAGE_ERROR'), 'NOT_COORDINATOR')
  t.is(await failing('MESSAGE_TOO_LARGE'), 'UNKNOWN_SERVER_ERROR')
  t.is((await h.fetch()).committedOffset, 1)
  h.log.onAppend = () => {
    throw new Error('unexpected')
  }
  t.is(await h.commit({ offset: 2 }), 'UNKNOWN_SERVER_ERROR')
})

test('commits that arrive while an append is under way share the next batch', async (t) => {
  const h = await Harness.start()
  h.log.hold()
  const commits = []
  commits.push(h.commit({ groupId: 'g0' }))
  await settle()
  for (let i = 1; i <= 100; i++) commits.push(h.commit({ groupId: `g${i}`, offset: i }))
  await settle()
  h.log.release()
  t.true((await Promise.all(commits)).every((error) => error === 'NONE'))
  t.is(h.log.appends, 2)
  t.is((await h.fetch('g77')).committedOffset, 77)
})

test('of a batch that is too large only the commit fails that is', async (t) => {
  const h = await Harness.start({ offsetMetadataMaxBytes: 100_000 })
  h.log.onAppend = (_partition, batch) => {
    if (batch.byteLength > 2_000) throw new KafkaError('MESSAGE_TOO_LARGE')
  }
  const commits = []
  for (let i = 0; i < 20; i++) commits.push(h.commit({ partition: i, offset: i, metadata: 'x'.repeat(300) }))
  commits.push(h.commit({ partition: 20, metadata: 'x'.repeat(3_000) }))
  const results = await Promise.all(commits)
  t.deepEqual(results.slice(0, 20), Array(20).fill('NONE'))
  t.is(results[20], 'UNKNOWN_SERVER_ERROR')
  t.is((await h.fetch('g', 'orders', 19)).committedOffset, 19)
})

test('a log that does not answer fails commits in time and collects only so many', async (t) => {
  const h = await Harness.start({ offsetMetadataMaxBytes: 2 ** 30 })
  h.log.hold()
  const first = h.commit({ offset: 1 })
  await settle()
  const metadata = 'x'.repeat(30_000)
  const waits = parked(h.commit({ offset: 2 }))
  const large = Array.from({ length: 3_000 }, () => parked(h.commit({ metadata })))
  await settle()
  t.false(waits.isAnswered())
  const refused = large.filter((commit) => commit.isAnswered()).length
  t.true(refused > 500 && refused < 1_000, `64 MB fit 2,236 of them; ${refused} were refused`)
  await h.time.pass(5_000)
  t.is(await first, 'COORDINATOR_NOT_AVAILABLE')
  t.is(await waits.response, 'COORDINATOR_NOT_AVAILABLE')
  for (const { response } of large) t.is(await response, 'COORDINATOR_NOT_AVAILABLE')
  h.log.release()
  await settle()
  t.is(
    (await h.fetch()).committedOffset,
    1,
    'what was with the log by then is committed; the rest was dropped',
  )
})

test('offsets are deleted but for topics that the group is subscribed to', async (t) => {
  const h = await Harness.start()
  const { ids, generationId } = await h.stableGroup(1, { protocols: { range: subscription('orders') } })
  await h.commit({ memberId: ids[0]!, generationId, topic: 'orders' })
  await h.commit({ memberId: ids[0]!, generationId, topic: 'old' })
  const remove = (groupId: string, ...names: string[]) =>
    h.coordinator.deleteOffsets(h.context(0), {
      groupId,
      topics: names.map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
    })
  const removed = await remove('g', 'orders', 'old', 'never')
  t.deepEqual(
    removed.topics.map(({ name, partitions }) => [name, errorName(partitions[0]!.errorCode)]),
    [
      ['orders', 'GROUP_SUBSCRIBED_TO_TOPIC'],
      ['old', 'NONE'],
      ['never', 'NONE'],
    ],
  )
  t.is((await h.fetch('g', 'orders')).committedOffset, 1)
  t.is((await h.fetch('g', 'old')).committedOffset, -1)
  t.is(errorName((await remove('none', 'old')).errorCode), 'GROUP_ID_NOT_FOUND')
  t.is(errorName((await remove('', 'old')).errorCode), 'INVALID_GROUP_ID')
  await h.leave(ids[0]!)
  t.is((await remove('g', 'orders')).topics[0]!.partitions[0]!.errorCode, 0)
  t.is((await h.fetch('g', 'orders')).committedOffset, -1)
  t.is((await (await h.restart()).fetch('g', 'orders')).committedOffset, -1)
})

test('what a group of another protocol type is subscribed to is not known: it must be empty', async (t) => {
  const h = await Harness.start()
  const joining = h.join({ protocolType: 'connect' })
  const { memberId } = await joining
  const joined = h.join({ memberId, protocolType: 'connect' })
  await h.time.pass(0)
  await joined
  const removed = await h.coordinator.deleteOffsets(h.context(0), { groupId: 'g', topics: [] })
  t.is(errorName(removed.errorCode), 'NON_EMPTY_GROUP')
})
