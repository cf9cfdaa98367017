import { readFileSync } from 'node:fs'
import test from 'ava'
import { metrics } from '../../../lib/broker/metrics/index.js'
import { metricsDocument } from '../../../lib/broker/metrics/metrics-document.js'
import { createBroker } from '../../../lib/index.js'
import { Brokers, until } from '../../support/brokers.js'
import { batchOf, createTopic, fetch, produce } from '../../support/records.js'
import { TestClient } from '../../support/test-client.js'

const properties = { 'metrics.listener': '127.0.0.1:0' }

/** The samples of a page, by name and labels. */
async function scrape(url: string): Promise<Map<string, number>> {
  const page = await (await globalThis.fetch(url)).text()
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

test('docs/metrics.md is what the declarations say (node scripts/metrics-document.js writes it)', (t) => {
  t.is(readFileSync('docs/metrics.md', 'utf8'), metricsDocument())
})

test('no two metrics have one name, and counters are told by theirs', (t) => {
  t.is(new Set(metrics.map(({ name }) => name)).size, metrics.length)
  for (const { name, kind } of metrics) t.is(name.endsWith('_total'), kind === 'counter', name)
})

test('metrics are served where metrics.listener says, and only there', async (t) => {
  await using silent = await createBroker({ port: 0 })
  t.is(silent.metricsUrl, undefined)
  await using broker = await createBroker({ port: 0, properties })
  const page = await globalThis.fetch(broker.metricsUrl!)
  t.regex(page.headers.get('content-type')!, /^text\/plain/)
  const text = await page.text()
  for (const { name, kind } of metrics) t.true(text.includes(`# TYPE ${name} ${kind}\n`), name)
  t.true(text.includes('process_cpu_seconds_total'))
  t.is((await globalThis.fetch(broker.metricsUrl!.replace('/metrics', '/'))).status, 404)
  t.is((await globalThis.fetch(broker.metricsUrl!, { method: 'POST' })).status, 405)
})

test('a metrics.listener that is no address stops the start', async (t) => {
  const starting = createBroker({ port: 0, properties: { 'metrics.listener': 'somewhere' } })
  await t.throwsAsync(starting, { message: /metrics\.listener is 'somewhere', not host:port/ })
})

test('what clients send and take is counted by topic, until the topic is deleted', async (t) => {
  await using broker = await createBroker({ port: 0, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const batch = batchOf(['a', 'b', 'c'])
  await produce(client, 'orders', batch)
  await fetch(client, 'orders', 0)
  const found = await scrape(broker.metricsUrl!)
  const { byteLength } = batch
  const expected = {
    'kafka_server_brokertopicmetrics_bytesin_total{topic="orders"}': byteLength,
    'kafka_server_brokertopicmetrics_messagesin_total{topic="orders"}': 3,
    'kafka_server_brokertopicmetrics_bytesout_total{topic="orders"}': byteLength,
    'kafka_network_requestmetrics_requests_total{request="Produce"}': 1,
    'kafka_network_requestmetrics_requests_total{request="Fetch"}': 1,
    'kafka_log_log_logendoffset{topic="orders",partition="0"}': 3,
    'kafka_log_log_size{topic="orders",partition="0"}': byteLength,
    kafka_server_replicamanager_partitioncount: 1,
    kafka_server_replicamanager_leadercount: 1,
    kafka_server_replicamanager_underreplicatedpartitions: 0,
    kafka_controller_kafkacontroller_activecontrollercount: 1,
    kafka_controller_kafkacontroller_globaltopiccount: 1,
  }
  for (const [name, value] of Object.entries(expected)) t.is(found.get(name), value, name)
  await client.send('DeleteTopics', { topics: [{ name: 'orders' }], timeoutMs: 60_000 })
  const after = [...(await scrape(broker.metricsUrl!)).keys()]
  t.deepEqual(
    after.filter((name) => name.includes('topic="orders"')),
    [],
  )
})

test('a partition that lacks replicas is counted where it is led, until they are back', async (t) => {
  await using brokers = await Brokers.start({ properties })
  await brokers.createTopic('orders', [[1, 2, 3]], { 'min.insync.replicas': '3' })
  const figures = async () => {
    const found = await scrape(brokers.metricsUrl(1))
    return ['underreplicatedpartitions', 'underminisrpartitioncount', 'atminisrpartitioncount'].map((name) =>
      found.get(`kafka_server_replicamanager_${name}`),
    )
  }
  t.deepEqual(await figures(), [0, 0, 1])
  await brokers.stop(3)
  await brokers.elect('orders', 1, [1, 2])
  await until(async () => (await figures()).join() === '1,1,0')
  await brokers.start(3)
  await until(async () => (await figures()).join() === '0,0,1')
  const found = await scrape(brokers.metricsUrl(1))
  t.is(found.get('kafka_server_replicamanager_isrexpands_total'), 1)
  t.is((await scrape(brokers.metricsUrl(2))).get('kafka_server_replicamanager_underreplicatedpartitions'), 0)
})

test('a partition that gets other replicas is counted as such, and lacks none by it', async (t) => {
  await using brokers = await Brokers.start({ properties })
  await brokers.createTopic('orders', [[1, 2]])
  await brokers.stop(3)
  const { responses } = await brokers.client(1).send('AlterPartitionReassignments', {
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [1, 3] }] }],
  })
  t.is(responses[0]!.partitions[0]!.errorCode, 0)
  await until(
    async () =>
      (await scrape(brokers.metricsUrl(1))).get('kafka_server_replicamanager_reassigningpartitions') === 1,
  )
  const found = await scrape(brokers.metricsUrl(1))
  t.is(found.get('kafka_server_replicamanager_underreplicatedpartitions'), 0)
})
