/** Requests that no careful client sends, answered as Kafka answers them. */
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, ZERO_UUID } from '../../lib/protocol/index.js'
import { createTopic } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

test('a topic that DeleteTopics names twice, by name or by id, is kept', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders')
  const byName = { name: 'orders', topicId: ZERO_UUID }
  const byId = { name: null, topicId }
  for (const topics of [
    [byName, byName],
    [byId, byId],
    [byName, byId],
    [{ name: 'orders', topicId }],
    [{ name: null, topicId: ZERO_UUID }],
  ]) {
    const { responses } = await client.send('DeleteTopics', { topics })
    t.deepEqual(
      responses.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST],
    )
  }
  const { responses } = await client.send('DeleteTopics', { topicNames: ['orders', 'orders'] }, 5)
  t.is(responses.length, 1)
  t.is(responses[0]!.errorCode, ErrorCode.INVALID_REQUEST)
  t.is((await client.send('Metadata', { topics: null })).topics.length, 1)
  t.is((await client.send('DeleteTopics', { topics: [byId] })).responses[0]!.errorCode, ErrorCode.NONE)
})

test('a topic that CreatePartitions names twice keeps its partitions, the others get theirs', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  await createTopic(client, 'bills')
  const { results } = await client.send('CreatePartitions', {
    topics: [
      { name: 'orders', count: 2, assignments: null },
      { name: 'orders', count: 3, assignments: null },
      { name: 'bills', count: 2, assignments: null },
    ],
  })
  t.deepEqual(
    results.map(({ name, errorCode }) => [name, errorCode]),
    [
      ['orders', ErrorCode.INVALID_REQUEST],
      ['bills', ErrorCode.NONE],
    ],
  )
  const { topics } = await client.send('Metadata', { topics: null })
  t.deepEqual(Object.fromEntries(topics.map(({ name, partitions }) => [name, partitions.length])), {
    orders: 1,
    bills: 2,
  })
})

test('metadata answers once for a topic that is named twice', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders')
  for (const topic of [
    { name: 'orders', topicId: ZERO_UUID },
    { name: null, topicId },
  ]) {
    const { topics } = await client.send('Metadata', { topics: [topic, topic] })
    t.deepEqual(
      topics.map(({ name }) => name),
      ['orders'],
    )
  }
})

test('who looks at __consumer_offsets without leave to create it does not create it', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const offsets = { name: '__consumer_offsets', topicId: ZERO_UUID }
  const ask = (allowAutoTopicCreation: boolean) =>
    client.send('Metadata', { topics: [offsets], allowAutoTopicCreation })
  t.is((await ask(false)).topics[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.deepEqual((await client.send('Metadata', { topics: null })).topics, [])
  const { topics } = await ask(true)
  t.is(topics[0]!.errorCode, ErrorCode.NONE)
  t.is(topics[0]!.partitions.length, 50)
})

test('DescribeTopicPartitions tells what is no name and no cursor', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 3)
  const ask = async (name: string, partitionIndex = 0) => {
    const { topics, nextCursor } = await client.send('DescribeTopicPartitions', {
      topics: [{ name }],
      responsePartitionLimit: 10,
      cursor: { topicName: name, partitionIndex },
    })
    t.is(nextCursor, null)
    return topics[0]!.errorCode
  }
  t.is(await ask('orders', 2), ErrorCode.NONE)
  t.is(await ask('orders', -1), ErrorCode.INVALID_REQUEST)
  t.is(await ask('bills'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.is(await ask('a b'), ErrorCode.INVALID_TOPIC_EXCEPTION)
})

test('settings of a resource that one request names twice stay as they are', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  await createTopic(client, 'bills')
  const resource = (resourceName: string, name: string) => ({
    resourceType: 2,
    resourceName,
    configs: [{ name, configOperation: 0, value: '5000' }],
  })
  const resources = [
    resource('orders', 'retention.ms'),
    resource('orders', 'retention.bytes'),
    resource('bills', 'retention.ms'),
  ]
  for (const api of ['AlterConfigs', 'IncrementalAlterConfigs'] as const) {
    const { responses } = await client.send(api, { resources })
    t.deepEqual(
      responses.map(({ resourceName, errorCode }) => [resourceName, errorCode]),
      [
        ['orders', ErrorCode.INVALID_REQUEST],
        ['orders', ErrorCode.INVALID_REQUEST],
        ['bills', ErrorCode.NONE],
      ],
    )
  }
  const { results } = await client.send('DescribeConfigs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: null }],
  })
  t.deepEqual(
    results[0]!.configs.filter(({ configSource }) => configSource === 1),
    [],
  )
})

test('DescribeCluster has the brokers alone, and knows what controllers would be', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const ask = async (endpointType: number) =>
    (await client.send('DescribeCluster', { endpointType }, 2)).errorCode
  t.is(await ask(1), ErrorCode.NONE)
  t.is(await ask(2), ErrorCode.MISMATCHED_ENDPOINT_TYPE)
  for (const unknown of [0, 9, -1]) t.is(await ask(unknown), ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
})
