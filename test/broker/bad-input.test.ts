import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

/** Sends bytes that the broker must not answer, and resolves when it has closed the connection. */
async function closes(bootstrap: string, bytes: Uint8Array): Promise<boolean> {
  using client = await TestClient.connect(bootstrap)
  return client.exchange(bytes).then(
    () => false,
    () => true,
  )
}

function frame(apiKey: number, apiVersion: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.byteLength, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(apiVersion, 6)
  header.writeInt32BE(1, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

const absurdLength = Buffer.from([0x7f, 0xff, 0xff, 0xff])

test('malformed frames close their connection alone', async (t) => {
  await using broker = await createBroker({ port: 0, properties: { 'socket.request.max.bytes': '100000' } })
  using bystander = await TestClient.connect(broker.bootstrap)
  await createTopic(bystander, 'orders')
  const cases: [string, Buffer][] = [
    ['too large', Buffer.from([0x10, 0, 0, 0])],
    ['of negative size', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['without a header', Buffer.from([0, 0, 0, 2, 0, 0])],
    ['of an unknown API', frame(999, 0, Buffer.alloc(0))],
    ['of an API that is not served', frame(22 + 2, 0, Buffer.alloc(8))],
    ['of an unsupported version', frame(3, 99, Buffer.alloc(4))],
    ['with an absurd array', frame(3, 1, absurdLength)],
    ['with an absurd string', frame(3, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 0x7f, 0xff])]))],
    ['cut off', frame(0, 3, Buffer.from([0xff]))],
  ]
  for (const [name, bytes] of cases) t.true(await closes(broker.bootstrap, bytes), name)
  t.is((await produce(bystander, 'orders', batchOf(['a']))).errorCode, ErrorCode.NONE)
})

test('an ApiVersions request of a version to come is answered with the range that is served', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const answer = await client.exchange(frame(18, 77, Buffer.alloc(1)))
  t.is(answer.readInt16BE(4), ErrorCode.UNSUPPORTED_VERSION)
  t.is(answer.readInt32BE(6), 1)
  t.deepEqual([answer.readInt16BE(10), answer.readInt16BE(12), answer.readInt16BE(14)], [18, 0, 4])
})

test('a client that goes away in the middle of a frame disturbs nobody', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  {
    using half = await TestClient.connect(broker.bootstrap)
    half.socket.write(Buffer.from([0, 0, 1, 0, 0, 0, 0, 9]))
  }
  await produce(client, 'orders', batchOf(['a']))
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0)).records), ['a'])
})

test('a client that goes away while its fetch waits leaves nothing behind', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  {
    using reader = await TestClient.connect(broker.bootstrap)
    fetch(reader, 'orders', 0, { maxWaitMs: 60_000 }).catch(() => {})
    await client.send('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  }
  await produce(client, 'orders', batchOf(['a']))
  t.pass()
})

test('idempotence fields that make no sense are refused', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const answer = await produce(
    client,
    'orders',
    batchOf(['a'], { producerId: 5, producerEpoch: 0, baseSequence: -1 }),
  )
  t.is(answer.errorCode, ErrorCode.INVALID_RECORD)
})

test('what a request asks for many times is answered once', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const many = <T>(one: T) => Array.from({ length: 10_000 }, () => one)
  const resources = many({ resourceType: 2, resourceName: 'orders', configurationKeys: null })
  const { results } = await client.send('DescribeConfigs', { resources, includeDocumentation: true })
  t.is(results.length, 1)
  await client.send('FindCoordinator', { keyType: 0, coordinatorKeys: ['billing'] })
  const described = await client.send('DescribeGroups', { groups: many('billing') })
  t.is(described.groups.length, 1)
  const fetched = await client.send('OffsetFetch', { groups: many({ groupId: 'billing', topics: null }) })
  t.is(fetched.groups.length, 1)
  const { topics } = await client.send('Metadata', { topics: many({ name: 'orders' }) })
  t.is(topics.length, 1)
})
