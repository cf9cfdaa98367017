/** Three brokers that replicate, as clients see them. */
import test from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Brokers, until } from '../support/brokers.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const topic = 'orders'
const everywhere = [[1, 2, 3]]
/** Followers that stop are taken out of the ISR soon. */
const shortLag = { 'replica.lag.time.max.ms': '400', 'replica.fetch.wait.max.ms': '100' }

const valuesAt = async (brokers: Brokers, id: number, from = 0) =>
  valuesIn((await fetch(brokers.client(id), topic, from)).records)

/** Resolves when the broker leads, and what its predecessor had committed may be read there. */
async function untilServed(brokers: Brokers, id: number, endOffset: number, from = 0): Promise<void> {
  await until(async () => {
    const { errorCode, highWatermark } = await fetch(brokers.client(id), topic, from)
    return errorCode === 0 && highWatermark === endOffset
  })
}

const offsetOf = async (brokers: Brokers, id: number, timestamp: number) => {
  const partitions = [{ partitionIndex: 0, timestamp }]
  const { topics } = await brokers.client(id).send('ListOffsets', {
    replicaId: -1,
    topics: [{ name: topic, partitions }],
  })
  return topics[0]!.partitions[0]!
}

test.serial('acks=all is answered when all replicas have the records, and consumers read them', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere, { 'min.insync.replicas': '3' })
  t.like(await produce(brokers.client(1), topic, batchOf(['a', 'b'])), { errorCode: 0, baseOffset: 0 })
  t.like(await produce(brokers.client(1), topic, batchOf(['c'])), { errorCode: 0, baseOffset: 2 })
  t.like(await fetch(brokers.client(1), topic, 0), { errorCode: 0, highWatermark: 3 })
  t.deepEqual(await valuesAt(brokers, 1), ['a', 'b', 'c'])
})

test.serial(
  'a follower that is made leader has all that was acknowledged, and knows duplicates',
  async (t) => {
    await using brokers = await Brokers.start()
    await brokers.createTopic(topic, everywhere)
    const batch = (baseSequence: number) =>
      batchOf([`v${baseSequence}`], { producerId: 7, producerEpoch: 0, baseSequence })
    for (let sequence = 0; sequence < 10; sequence++) {
      t.is((await produce(brokers.client(1), topic, batch(sequence))).errorCode, 0)
    }
    await brokers.stop(1)
    await brokers.elect(topic, 2, [2, 3])
    await untilServed(brokers, 2, 10)
    t.like(await produce(brokers.client(2), topic, batch(9)), { errorCode: 0, baseOffset: 9 })
    t.like(await produce(brokers.client(2), topic, batch(10)), { errorCode: 0, baseOffset: 10 })
    t.deepEqual(
      await valuesAt(brokers, 2),
      Array.from({ length: 11 }, (_, sequence) => `v${sequence}`),
    )
  },
)

/** What a client calls itself; the broker keeps it for the connection. */
const named = (clientSoftwareName: string) => ({ clientSoftwareName, clientSoftwareVersion: '1.0' })

test.serial('who does not lead sends clients to the leader', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, [[1, 2]])
  for (const id of [2, 3]) await brokers.client(id).send('ApiVersions', named('test'), 3)
  await produce(brokers.client(1), topic, batchOf(['a']))
  for (const id of [2, 3]) {
    const { responses, nodeEndpoints } = await brokers.client(id).send(
      'Produce',
      {
        acks: -1,
        timeoutMs: 1_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
      },
      12,
    )
    const answer = responses[0]!.partitionResponses[0]!
    t.is(answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    t.deepEqual(answer.currentLeader, { leaderId: 1, leaderEpoch: 0 })
    t.deepEqual(
      nodeEndpoints.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]),
      [[1, brokers.bootstrap(1)]],
    )
    t.like(await fetch(brokers.client(id), topic, 0), {
      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
      currentLeader: { leaderId: 1, leaderEpoch: 0 },
    })
    t.is((await offsetOf(brokers, id, -1)).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  }
  const unknown = await fetch(brokers.client(3), 'nothing', 0)
  t.is(unknown.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

test.serial('clients that may not understand it are told the error alone', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, [[1]])
  const nobody = { leaderId: -1, leaderEpoch: -1 }
  const refused = async () => {
    const { errorCode, currentLeader } = await produce(brokers.client(2), topic, batchOf(['a']))
    t.is(errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
    return currentLeader
  }
  t.deepEqual(await refused(), nobody)
  await brokers.client(2).send('ApiVersions', named('platformatic-kafka'), 3)
  t.deepEqual(await refused(), nobody)
  await brokers.client(2).send('ApiVersions', named('apache-kafka-java'), 3)
  t.like(await refused(), { leaderId: 1 })
})

test.serial('epochs that are not the leader’s are refused', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere)
  await brokers.elect(topic, 2, undefined)
  await untilServed(brokers, 2, 0)
  const { leaderEpoch } = await brokers.partition(topic)
  const codeFor = async (currentLeaderEpoch: number) => {
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000, currentLeaderEpoch }]
    const request = { maxWaitMs: 0, minBytes: 1, sessionEpoch: -1, topics: [{ topic, partitions }] }
    const { responses } = await brokers.client(2).send('Fetch', request, 12)
    return responses[0]!.partitions[0]!.errorCode
  }
  t.is(await codeFor(leaderEpoch), ErrorCode.NONE)
  t.is(await codeFor(leaderEpoch - 1), ErrorCode.FENCED_LEADER_EPOCH)
  t.is(await codeFor(leaderEpoch + 1), ErrorCode.UNKNOWN_LEADER_EPOCH)
})

test.serial('consumers see nothing that is not in every in-sync replica', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere)
  await produce(brokers.client(1), topic, batchOf(['a']))
  await brokers.stop(3)
  t.like(await produce(brokers.client(1), topic, batchOf(['b']), { acks: 1 }), {
    errorCode: 0,
    baseOffset: 1,
  })
  t.like(await fetch(brokers.client(1), topic, 0), { highWatermark: 1, lastStableOffset: 1 })
  t.deepEqual(await valuesAt(brokers, 1), ['a'])
  t.is((await offsetOf(brokers, 1, -1)).offset, 1)
  await brokers.start(3)
  await untilServed(brokers, 1, 2)
  t.deepEqual(await valuesAt(brokers, 1), ['a', 'b'])
})

test.serial('a replica that stops leaves the ISR, and comes back when it has caught up', async (t) => {
  await using brokers = await Brokers.start({ properties: shortLag })
  await brokers.createTopic(topic, everywhere)
  await produce(brokers.client(1), topic, batchOf(['a']))
  await brokers.stop(3)
  const waited = await produce(brokers.client(1), topic, batchOf(['b']))
  t.is(waited.errorCode, 0)
  t.false((await brokers.partition(topic)).isr.includes(3))
  await brokers.start(3)
  await brokers.untilInSync(topic, [1, 2, 3])
  t.is((await produce(brokers.client(1), topic, batchOf(['c']))).errorCode, 0)
  await brokers.elect(topic, 3, undefined)
  await untilServed(brokers, 3, 3)
  t.deepEqual(await valuesAt(brokers, 3), ['a', 'b', 'c'])
})

test.serial('too few replicas in sync: acks=all is refused, others are not', async (t) => {
  await using brokers = await Brokers.start({ properties: shortLag })
  await brokers.createTopic(topic, everywhere, { 'min.insync.replicas': '3' })
  await brokers.stop(2)
  // Whether the ISR has shrunk before or after the append is a race here.
  const first = await produce(brokers.client(1), topic, batchOf(['b']))
  t.true(
    first.errorCode === ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND ||
      first.errorCode === ErrorCode.NOT_ENOUGH_REPLICAS,
  )
  const second = await produce(brokers.client(1), topic, batchOf(['c']))
  t.is(second.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
  const { errorCode, baseOffset } = await produce(brokers.client(1), topic, batchOf(['d']), { acks: 1 })
  t.is(errorCode, 0)
  await untilServed(brokers, 1, Number(baseOffset) + 1)
  t.is((await valuesAt(brokers, 1)).at(-1), 'd')
})

test.serial('what an old leader alone had is cut when it follows', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere)
  await produce(brokers.client(1), topic, batchOf(['a', 'b']))
  await brokers.stop(2)
  await brokers.stop(3)
  for (const value of ['x', 'y', 'z']) {
    t.is((await produce(brokers.client(1), topic, batchOf([value]), { acks: 1 })).errorCode, 0)
  }
  await brokers.stop(1)
  await brokers.start(2)
  await brokers.elect(topic, 2, [2])
  await untilServed(brokers, 2, 2)
  await produce(brokers.client(2), topic, batchOf(['c', 'd']))
  await brokers.start(1)
  await brokers.start(3)
  await brokers.untilInSync(topic, [1, 2, 3])
  await produce(brokers.client(2), topic, batchOf(['e']))
  await brokers.elect(topic, 1, undefined)
  await untilServed(brokers, 1, 5)
  t.deepEqual(await valuesAt(brokers, 1), ['a', 'b', 'c', 'd', 'e'])
})

test.serial('whoever waits for a leader that leads no more is told so', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere)
  await produce(brokers.client(1), topic, batchOf(['a']))
  await brokers.stop(2)
  await brokers.stop(3)
  using producer = await TestClient.connect(brokers.bootstrap(1))
  using consumer = await TestClient.connect(brokers.bootstrap(1))
  const waiting = [produce(producer, topic, batchOf(['b'])), fetch(consumer, topic, 1, { maxWaitMs: 60_000 })]
  await until(async () => (await offsetOfLogEnd(brokers)) === 2)
  await brokers.elect(topic, 2, undefined)
  for (const answer of waiting) t.is((await answer).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
})

/** Where the log of broker 1 ends, as a tool that reads past the high watermark sees it. */
async function offsetOfLogEnd(brokers: Brokers): Promise<number> {
  const { topics } = await brokers.client(1).send('ListOffsets', {
    replicaId: -2,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  return Number(topics[0]!.partitions[0]!.offset)
}

test.serial(
  'followers let go what the leader has deleted, and start anew where they lack what comes next',
  async (t) => {
    await using brokers = await Brokers.start({ properties: shortLag })
    await brokers.createTopic(topic, everywhere)
    await produce(brokers.client(1), topic, batchOf(['a', 'b']))
    await brokers.stop(3)
    await produce(brokers.client(1), topic, batchOf(['c', 'd', 'e']))
    const deleted = await brokers.client(1).send('DeleteRecords', {
      timeoutMs: 60_000,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 4 }] }],
    })
    t.like(deleted.topics[0]!.partitions[0]!, { errorCode: 0, lowWatermark: 4 })
    await brokers.start(3)
    await brokers.untilInSync(topic, [1, 2, 3])
    for (const id of [2, 3]) {
      await brokers.elect(topic, id, undefined)
      await untilServed(brokers, id, 5, 4)
      t.is((await offsetOf(brokers, id, -2)).offset, 4)
      t.is((await valuesAt(brokers, id, 4)).at(-1), 'e')
    }
  },
)

test.serial('with write.caching acks=all waits for the page caches alone', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, everywhere, { 'write.caching': 'true', 'min.insync.replicas': '3' })
  for (const value of ['a', 'b']) {
    t.is((await produce(brokers.client(1), topic, batchOf([value]))).errorCode, 0)
  }
  await untilServed(brokers, 1, 2)
})

test.serial(
  'once write.caching is turned off, followers of a quiet topic join by what is on their disks',
  async (t) => {
    await using brokers = await Brokers.start()
    await brokers.createTopic(topic, everywhere, { 'write.caching': 'true', 'min.insync.replicas': '3' })
    t.is((await produce(brokers.client(1), topic, batchOf(['a', 'b']))).errorCode, 0)
    const configs = [{ name: 'write.caching', configOperation: 0, value: 'false' }]
    const { responses } = await brokers.client(1).send('IncrementalAlterConfigs', {
      resources: [{ resourceType: 2, resourceName: topic, configs }],
    })
    t.is(responses[0]!.errorCode, 0)
    await brokers.elect(topic, 2, [2])
    await brokers.untilInSync(topic, [1, 2, 3])
    t.deepEqual(await valuesAt(brokers, 2), ['a', 'b'])
  },
)

test.serial('the partitions of groups are made once enough brokers are there to hold them', async (t) => {
  await using brokers = await Brokers.start({
    ids: [1, 2],
    properties: { 'offsets.topic.num.partitions': '2' },
  })
  const find = async () => {
    const { coordinators } = await brokers.client(1).send('FindCoordinator', { coordinatorKeys: ['readers'] })
    return coordinators[0]!
  }
  const refused = await find()
  t.is(refused.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  t.regex(refused.errorMessage!, /once 3 brokers live, now 2 do: .*offsets\.topic\.replication\.factor/)
  await brokers.start(3)
  t.is((await find()).errorCode, 0)
  for (const partition of [0, 1]) {
    t.deepEqual([...(await brokers.partition('__consumer_offsets', partition)).replicas].sort(), [1, 2, 3])
  }
})

test.serial('groups move with the partition that holds them', async (t) => {
  await using brokers = await Brokers.start({
    properties: { 'offsets.topic.num.partitions': '1' },
  })
  await brokers.createTopic(topic, everywhere)
  const groupId = 'readers'
  const coordinator = async (id: number) => {
    const { coordinators } = await brokers.client(id).send('FindCoordinator', { coordinatorKeys: [groupId] })
    return coordinators[0]!.nodeId
  }
  const offsets = '__consumer_offsets'
  const before = await coordinator(1)
  const commit = { name: topic, partitions: [{ partitionIndex: 0, committedOffset: 42 }] }
  await until(async () => {
    const { topics } = await brokers
      .client(before)
      .send('OffsetCommit', { groupId, generationIdOrMemberEpoch: -1, topics: [commit] }, 9)
    return topics[0]!.partitions[0]!.errorCode === 0
  })
  const after = brokers.ids.find((id) => id !== before)!
  await brokers.elect(offsets, after, undefined)
  await until(async () => {
    const request = { groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }] }
    const { groups } = await brokers.client(after).send('OffsetFetch', request, 9)
    if (groups[0]!.errorCode !== 0) return false
    t.is(groups[0]!.topics[0]!.partitions[0]!.committedOffset, 42)
    return true
  })
  t.is(await coordinator(before), after)
})
