import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ZERO_UUID } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'odradek-broker-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

test('several brokers in one process do not touch each other', async (t) => {
  await using one = await createBroker({ port: 0 })
  await using other = await createBroker({ port: 0 })
  t.not(one.bootstrap, other.bootstrap)
  t.not(one.dataDir, other.dataDir)
  t.not(one.clusterId, other.clusterId)
  using client = await TestClient.connect(one.bootstrap)
  await createTopic(client, 'orders')
  using stranger = await TestClient.connect(other.bootstrap)
  t.deepEqual((await stranger.send('Metadata', { topics: null })).topics, [])
})

test('a temporary data folder goes with its broker', async (t) => {
  let dataDir: string
  {
    await using broker = await createBroker({ port: 0 })
    dataDir = broker.dataDir
    await access(dataDir)
  }
  await t.throwsAsync(access(dataDir), { code: 'ENOENT' })
})

test('a data folder of one’s own keeps everything over a restart', async (t) => {
  await using folder = await temporaryFolder()
  let clusterId: string
  {
    await using broker = await createBroker({ port: 0, dataDir: folder.path })
    clusterId = broker.clusterId
    using client = await TestClient.connect(broker.bootstrap)
    await createTopic(client, 'orders', 2, { 'retention.ms': '1000000' })
    await produce(client, 'orders', batchOf(['a', 'b']), { partition: 1 })
  }
  await using broker = await createBroker({ port: 0, dataDir: folder.path })
  t.is(broker.clusterId, clusterId)
  using client = await TestClient.connect(broker.bootstrap)
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0, { partition: 1 })).records), ['a', 'b'])
  const { results } = await client.send('DescribeConfigs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configurationKeys: ['retention.ms'] }],
  })
  t.is(results[0]!.configs[0]!.value, '1000000')
})

test('sequences of idempotent producers go on over a restart', async (t) => {
  await using folder = await temporaryFolder()
  let fields: { producerId: number; producerEpoch: number }
  {
    await using broker = await createBroker({ port: 0, dataDir: folder.path })
    using client = await TestClient.connect(broker.bootstrap)
    await createTopic(client, 'orders')
    const { producerId, producerEpoch } = await client.send('InitProducerId', { transactionalId: null })
    fields = { producerId: Number(producerId), producerEpoch }
    await produce(client, 'orders', batchOf(['a', 'b'], { ...fields, baseSequence: 0 }))
  }
  await using broker = await createBroker({ port: 0, dataDir: folder.path })
  using client = await TestClient.connect(broker.bootstrap)
  const again = await produce(client, 'orders', batchOf(['a', 'b'], { ...fields, baseSequence: 0 }))
  t.like(again, { errorCode: 0, baseOffset: 0 })
  const next = await produce(client, 'orders', batchOf(['c'], { ...fields, baseSequence: 2 }))
  t.like(next, { errorCode: 0, baseOffset: 2 })
  const { producerId } = await client.send('InitProducerId', { transactionalId: null })
  t.true(Number(producerId) > fields.producerId)
})

test('each listener tells its clients the addresses of that listener', async (t) => {
  await using broker = await createBroker({
    properties: {
      listeners: 'INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0',
      'advertised.listeners': 'OUTSIDE://broker.example.com:19999',
      'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
      'inter.broker.listener.name': 'INSIDE',
    },
  })
  t.deepEqual(
    broker.listeners.map(({ name }) => name),
    ['INSIDE', 'OUTSIDE'],
  )
  const told = await Promise.all(
    broker.listeners.map(async ({ host, port }) => {
      using client = await TestClient.connect(`${host}:${port}`)
      const { brokers } = await client.send('Metadata', { topics: [{ topicId: ZERO_UUID, name: 'x' }] })
      return `${brokers[0]!.host}:${brokers[0]!.port}`
    }),
  )
  t.deepEqual(told, [broker.bootstrap, 'broker.example.com:19999'])
})

test('a broker does not start where it cannot serve, and releases what it took', async (t) => {
  await using folder = await temporaryFolder()
  await using first = await createBroker({ port: 0, dataDir: folder.path })
  await t.throwsAsync(createBroker({ port: 0, dataDir: folder.path }), { code: 'LOCKED' })
  await using other = await temporaryFolder()
  const { port } = first.listeners[0]!
  await t.throwsAsync(createBroker({ port, dataDir: other.path }), { code: 'EADDRINUSE' })
  await using second = await createBroker({ port: 0, dataDir: other.path })
  t.truthy(second.bootstrap)
  const properties = { listeners: 'SSL://127.0.0.1:0' }
  await t.throwsAsync(createBroker({ properties }), { message: /SSL/ })
  await t.throwsAsync(createBroker({ port: 0, properties: { 'log.segment.byte': '1' } }), {
    message: /did you mean log\.segment\.bytes\?/,
  })
})
