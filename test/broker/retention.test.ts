import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { batchOf, createTopic, fetch, produce } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const properties = { 'log.initial.task.delay.ms': '10', 'log.retention.check.interval.ms': '10' }

/** Retention works by itself, without an event to wait for: looks until the log starts where it should. */
async function startsAt(
  client: TestClient,
  topic: string,
  isThere: (offset: number) => boolean,
): Promise<number> {
  for (const end = performance.now() + 120_000; performance.now() < end; await delay(10)) {
    const start = Number((await fetch(client, topic, 12)).logStartOffset)
    if (isThere(start)) return start
  }
  throw new Error('retention did not come')
}

test('a topic keeps about retention.bytes, whole segments of it', async (t) => {
  await using broker = await createBroker({ port: 0, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, {
    'internal.segment.bytes': '3000',
    'retention.bytes': '4000',
  })
  for (let i = 0; i < 12; i++) await produce(client, 'orders', batchOf(['x'.repeat(1_000)]))
  t.true((await startsAt(client, 'orders', (start) => start >= 6)) <= 8)
})

test('records go when they are older than retention.ms, and readers are told where the log begins', async (t) => {
  await using broker = await createBroker({ port: 0, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  for (let i = 0; i < 12; i++) await produce(client, 'orders', batchOf(['x']))
  const configs = [{ name: 'retention.ms', configOperation: 0, value: '50' }]
  await client.send('IncrementalAlterConfigs', {
    resources: [{ resourceType: 2, resourceName: 'orders', configs }],
  })
  t.is(await startsAt(client, 'orders', (start) => start > 0), 12)
  t.is((await produce(client, 'orders', batchOf(['y']))).baseOffset, 12)
})
