/** What a request costs is counted once, and a client over its quota is told so and read from later. */
import test from 'ava'
import { startBroker } from '../../../lib/broker/broker.js'
import type { Quotas, Usage } from '../../../lib/broker/pipeline/quotas.js'
import { batchOf, createTopic, fetch, produce } from '../../support/records.js'
import { TestClient } from '../../support/test-client.js'

class CountingQuotas implements Quotas {
  readonly areUnlimited = false
  readonly charged: [kind: string, usage: Pick<Usage, 'bytesIn' | 'bytesOut' | 'mutations' | 'clientId'>][] =
    []
  throttleTimeMs = 0

  charge(kind: string, { bytesIn, bytesOut, mutations, clientId }: Usage): number {
    this.charged.push([kind, { bytesIn, bytesOut, mutations, clientId }])
    return this.throttleTimeMs
  }
}

test('each request is charged for what it has used', async (t) => {
  const quotas = new CountingQuotas()
  await using broker = await startBroker({ port: 0 }, { quotas })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 3)
  const batch = batchOf(['a'])
  await produce(client, 'orders', batch)
  await fetch(client, 'orders', 0)
  await client.send('Metadata', { topics: null })
  await client.send('DeleteTopics', { topicNames: ['orders'] }, 5)
  const nothing = { bytesIn: 0, bytesOut: 0, mutations: 0, clientId: 'test' }
  t.deepEqual(quotas.charged, [
    ['controller-mutation', { ...nothing, mutations: 3 }],
    ['produce', { ...nothing, bytesIn: batch.byteLength }],
    ['fetch', { ...nothing, bytesOut: batch.byteLength }],
    ['request', nothing],
    ['controller-mutation', { ...nothing, mutations: 3 }],
  ])
})

test('a follower’s fetch is nobody’s to pay for', async (t) => {
  const quotas = new CountingQuotas()
  await using broker = await startBroker({ port: 0 }, { quotas })
  using client = await TestClient.connect(broker.bootstrap)
  await client.send('Fetch', { sessionEpoch: -1, replicaState: { replicaId: 9, replicaEpoch: 1 } })
  t.deepEqual(quotas.charged, [])
})

test('a client over its quota has its answer at once, and its next request waits', async (t) => {
  const quotas = new CountingQuotas()
  await using broker = await startBroker({ port: 0 }, { quotas })
  using client = await TestClient.connect(broker.bootstrap)
  using bystander = await TestClient.connect(broker.bootstrap)
  const throttleTimeMs = 400
  quotas.throttleTimeMs = throttleTimeMs
  const sentAt = performance.now()
  t.is((await client.send('Metadata', { topics: [] })).throttleTimeMs, throttleTimeMs)
  quotas.throttleTimeMs = 0
  t.is((await bystander.send('Metadata', { topics: [] })).throttleTimeMs, 0)
  t.is((await client.send('Metadata', { topics: [] })).throttleTimeMs, 0)
  t.true(performance.now() - sentAt >= throttleTimeMs - 1)
})
