/** A client in the broker's own process speaks the protocol without a socket. */
import test from 'ava'
import { startBroker } from '../../../lib/broker/broker.js'
import { type BrokerClient, BrokerClientError, createBroker } from '../../../lib/index.js'
import { ErrorCode } from '../../../lib/protocol/index.js'
import { batchOf, valuesIn } from '../../support/records.js'
import { StrictAuthorizer } from '../../support/strict-authorizer.js'
import { TestClient } from '../../support/test-client.js'

const createOrders = (client: BrokerClient) =>
  client.send('CreateTopics', { topics: [{ name: 'orders', numPartitions: 1, replicationFactor: 1 }] })

const produceTo = (client: BrokerClient, topicId: string, values: readonly string[], acks = -1) =>
  client.send('Produce', {
    acks,
    timeoutMs: 60_000,
    topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(values) }] }],
  })

const fetchFrom = (client: BrokerClient, topicId: string, { maxWaitMs = 0, fetchOffset = 0 } = {}) =>
  client.send('Fetch', {
    maxWaitMs,
    minBytes: 1,
    maxBytes: 1 << 20,
    sessionEpoch: -1,
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
  })

test('records that it produces come back as bytes, as a client on a socket has them', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = broker.client()
  const { topicId, errorCode } = (await createOrders(client)).topics[0]!
  t.is(errorCode, ErrorCode.NONE)
  t.is((await produceTo(client, topicId, ['a', 'b'])).responses[0]!.partitionResponses[0]!.baseOffset, 0)
  const response = await fetchFrom(client, topicId)
  const [{ records, divergingEpoch }] = response.responses[0]!.partitions as [never]
  t.deepEqual(await valuesIn(records), ['a', 'b'])
  t.deepEqual(divergingEpoch, { epoch: -1, endOffset: -1 }, 'defaults are filled in')
  using socket = await TestClient.connect(broker.bootstrap)
  const topics = [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }]
  const overSocket = await socket.send('Fetch', { minBytes: 1, maxBytes: 1 << 20, sessionEpoch: -1, topics })
  t.deepEqual(response, overSocket)
})

test('it speaks the newest version unless told otherwise, and none that is not served', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = broker.client()
  t.is((await client.send('Metadata', { topics: null })).brokers.length, 1)
  t.is((await client.send('Metadata', { topics: [] }, 0)).clusterId, null)
  await t.throwsAsync(client.send('Metadata', {}, 99), { code: 'NOT_SERVED', message: /0 to 13/ })
  await t.throwsAsync(client.send('SaslHandshake', {}), { code: 'NOT_SERVED', message: /not served/ })
  await t.throwsAsync(client.send('Metadata', { topics: 7 as never }), { message: /topics/ })
})

test('its principal is asked about like any other', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using broker = await startBroker({ port: 0 }, { authorizer })
  using client = broker.client({ principal: 'User:console' })
  authorizer.allowed = new Set()
  const { topics } = await createOrders(client)
  t.is(topics[0]!.errorCode, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  t.deepEqual([...authorizer.principals], ['User:console'])
})

test('more requests than may be under way wait for their turn, in order', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = broker.client()
  const { topicId } = (await createOrders(client)).topics[0]!
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, index) => produceTo(client, topicId, [String(index)])),
  )
  t.deepEqual(
    answers.map(({ responses }) => responses[0]!.partitionResponses[0]!.baseOffset),
    Array.from({ length: 300 }, (_, index) => index),
  )
})

test('requests beyond those that may wait are refused', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = broker.client()
  const { topicId } = (await createOrders(client)).topics[0]!
  const waiting = Array.from({ length: 1_064 }, () => fetchFrom(client, topicId, { maxWaitMs: 600_000 }))
  await t.throwsAsync(fetchFrom(client, topicId), { code: 'TOO_MANY_REQUESTS' })
  client.close()
  for (const { status } of await Promise.allSettled(waiting)) t.is(status, 'rejected')
})

test('what waits rejects when the client is closed, and nothing is sent after', async (t) => {
  await using broker = await createBroker({ port: 0 })
  const client = broker.client()
  const { topicId } = (await createOrders(client)).topics[0]!
  const waiting = fetchFrom(client, topicId, { maxWaitMs: 600_000 })
  client.close()
  await t.throwsAsync(waiting, { instanceOf: BrokerClientError, code: 'CLOSED' })
  await t.throwsAsync(createOrders(client), { code: 'CLOSED' })
})

test('it ends with its broker, which answers what is under way', async (t) => {
  const broker = await createBroker({ port: 0 })
  const client = broker.client()
  const { topicId } = (await createOrders(client)).topics[0]!
  const waiting = fetchFrom(client, topicId, { maxWaitMs: 600_000 })
  await broker.close()
  t.is((await waiting).responses[0]!.partitions[0]!.errorCode, ErrorCode.NONE)
  await t.throwsAsync(createOrders(client), { code: 'CLOSED', message: /the broker is closed/ })
  await t.throwsAsync(createOrders(broker.client()), { code: 'CLOSED' })
})

test('an unanswered request resolves with an empty response; one that fails closes the client', async (t) => {
  await using broker = await createBroker({ port: 0 })
  const client = broker.client()
  const { topicId } = (await createOrders(client)).topics[0]!
  t.deepEqual((await produceTo(client, topicId, ['a'], 0)).responses, [])
  await t.throwsAsync(produceTo(client, '0AAAAAAAAAAAAAAAAAAAAA', ['a'], 0), { code: 'CLOSED' })
})
