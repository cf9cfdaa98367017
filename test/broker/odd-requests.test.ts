/** Requests that no careful client sends, answered as Kafka answers them. */
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, ZERO_UUID } from '../../lib/protocol/index.js'
import { createTopic } from './records.js'
import { TestClient } from './test-client.js'

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
