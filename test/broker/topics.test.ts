import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, ZERO_UUID } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

test('metadata tells brokers and topics, by name and by id', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders', 3)
  const all = await client.send('Metadata', { topics: null })
  t.is(all.brokers.length, 1)
  t.is(`${all.brokers[0]!.host}:${all.brokers[0]!.port}`, broker.bootstrap)
  t.is(all.clusterId, broker.clusterId)
  t.deepEqual(
    all.topics.map(({ name, partitions }) => [name, partitions.length]),
    [['orders', 3]],
  )
  const byId = await client.send('Metadata', { topics: [{ topicId, name: null }] })
  t.is(byId.topics[0]!.name, 'orders')
  t.deepEqual((await client.send('Metadata', { topics: [] })).topics, [])
})

test('metadata asked by topic id in a version that has ids and cannot ask by them is refused', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders')
  for (const version of [10, 11]) {
    for (const name of [null, 'orders']) {
      const { topics, brokers } = await client.send('Metadata', { topics: [{ topicId, name }] }, version)
      t.deepEqual(
        topics.map((topic) => [topic.errorCode, topic.name, topic.topicId]),
        [[ErrorCode.INVALID_REQUEST, name ?? '', topicId]],
      )
      t.deepEqual(brokers, [])
    }
  }
})

test('a topic that is asked for is created, unless client or broker say no', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const ask = async (name: string, allowAutoTopicCreation: boolean) => {
    const { topics } = await client.send('Metadata', {
      topics: [{ topicId: ZERO_UUID, name }],
      allowAutoTopicCreation,
    })
    return topics[0]!.errorCode
  }
  t.is(await ask('quiet', false), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.is(await ask('asked', true), ErrorCode.NONE)
  t.is(await ask('not allowed/', true), ErrorCode.INVALID_TOPIC_EXCEPTION)
  await using strict = await createBroker({ port: 0, properties: { 'auto.create.topics.enable': 'false' } })
  using other = await TestClient.connect(strict.bootstrap)
  const { topics } = await other.send('Metadata', { topics: [{ topicId: ZERO_UUID, name: 'asked' }] })
  t.is(topics[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

test('a deleted topic is gone, and one created anew under its name is empty', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const before = await createTopic(client, 'orders')
  await produce(client, 'orders', batchOf(['a']))
  const { responses } = await client.send('DeleteTopics', {
    topics: [{ name: 'orders', topicId: ZERO_UUID }],
  })
  t.like(responses[0], { errorCode: ErrorCode.NONE, topicId: before })
  t.is((await produce(client, 'orders', batchOf(['a']))).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.not(await createTopic(client, 'orders'), before)
  t.is((await fetch(client, 'orders', 0)).highWatermark, 0)
})

test('new partitions take records at once', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const { results } = await client.send('CreatePartitions', {
    topics: [{ name: 'orders', count: 3, assignments: null }],
  })
  t.is(results[0]!.errorCode, ErrorCode.NONE)
  t.is((await produce(client, 'orders', batchOf(['a']), { partition: 2 })).errorCode, ErrorCode.NONE)
})

test('a setting of a topic takes effect at once', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const configs = [{ name: 'max.message.bytes', configOperation: 0, value: '500' }]
  const resources = [{ resourceType: 2, resourceName: 'orders', configs }]
  t.is((await client.send('IncrementalAlterConfigs', { resources })).responses[0]!.errorCode, ErrorCode.NONE)
  const { errorCode } = await produce(client, 'orders', batchOf(['x'.repeat(1_000)]))
  t.is(errorCode, ErrorCode.MESSAGE_TOO_LARGE)
  const described = await client.send('DescribeConfigs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: ['max.message.bytes'] }],
  })
  t.like(described.results[0]!.configs[0], { value: '500', configSource: 1 })
})

test('deleted records cannot be read, and the log start is kept over a restart', async (t) => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const dataDir = await mkdtemp(`${tmpdir()}/odradek-test-`)
  t.teardown(() => rm(dataDir, { recursive: true }))
  {
    await using broker = await createBroker({ port: 0, dataDir })
    using client = await TestClient.connect(broker.bootstrap)
    await createTopic(client, 'orders')
    await produce(client, 'orders', batchOf(['a', 'b', 'c']))
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 2 }] }]
    const { topics: answer } = await client.send('DeleteRecords', { topics })
    t.like(answer[0]!.partitions[0], { errorCode: ErrorCode.NONE, lowWatermark: 2 })
    t.is((await fetch(client, 'orders', 1)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  }
  await using broker = await createBroker({ port: 0, dataDir })
  using client = await TestClient.connect(broker.bootstrap)
  t.like(await fetch(client, 'orders', 2), { errorCode: ErrorCode.NONE, logStartOffset: 2, highWatermark: 3 })
})

test('the leader epoch rises with every start', async (t) => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const dataDir = await mkdtemp(`${tmpdir()}/odradek-test-`)
  t.teardown(() => rm(dataDir, { recursive: true }))
  const epochs: number[] = []
  for (let start = 0; start < 3; start++) {
    await using broker = await createBroker({ port: 0, dataDir })
    using client = await TestClient.connect(broker.bootstrap)
    if (start === 0) await createTopic(client, 'orders')
    await produce(client, 'orders', batchOf(['a']))
    const { topics } = await client.send('Metadata', { topics: null })
    epochs.push(topics[0]!.partitions[0]!.leaderEpoch)
    const asked = [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: epochs[0]! }] }]
    const answer = await client.send('OffsetForLeaderEpoch', { topics: asked })
    t.like(answer.topics[0]!.partitions[0], { leaderEpoch: epochs[0], endOffset: 1 })
  }
  t.deepEqual(epochs, [epochs[0]!, epochs[0]! + 1, epochs[0]! + 2])
})
