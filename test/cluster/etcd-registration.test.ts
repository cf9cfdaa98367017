/** Registration, liveness and election on a real etcd, seen in its keys. */
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { leaveIsrs } from '../../lib/cluster/changes/isr-leave.js'
import { ClusterImage, type EtcdMetadataStore } from '../../lib/cluster/index.js'
import { type PartitionValue, partitionKey, topicKey } from '../../lib/cluster/store/metadata-keys.js'
import { BrokerConfig } from '../../lib/config/index.js'
import { createBroker } from '../../lib/index.js'
import { randomUuid } from '../../lib/protocol/index.js'
import { until } from '../support/brokers.js'
import { Etcd } from '../support/etcd.js'
import { etcdTest } from '../support/etcd-test.js'
import { TestClient } from '../support/test-client.js'

let shared: Promise<Etcd> | undefined
let clusters = 0
test.after.always(async () => {
  await (await shared)?.[Symbol.asyncDispose]()
})

/** An empty cluster: its store and how its brokers are started. */
async function cluster(t: ExecutionContext) {
  shared ??= Etcd.start()
  const etcd = await shared
  const prefix = `cluster-${++clusters}/`
  const store = await etcd.open({ prefix })
  t.teardown(() => store.close())
  const start = (id: number, properties: Record<string, string> = {}) =>
    createBroker({
      port: 0,
      properties: {
        'node.id': String(id),
        'etcd.endpoints': etcd.endpoint,
        'etcd.prefix': prefix,
        ...properties,
      },
      log: pino({ level: 'silent' }),
    })
  return { store, start }
}

const value = async (store: EtcdMetadataStore, key: string) => {
  const entry = await store.get(key)
  return entry && JSON.parse(entry.value)
}

const put = (key: string, content: object) => ({ key, value: JSON.stringify(content) })
const partitionValue = (changes: Partial<PartitionValue>): PartitionValue => ({
  leader: 1,
  leaderEpoch: 3,
  partitionEpoch: 7,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  brokerEpoch: 1,
  ...changes,
})

etcdTest('a broker whose lease ends registers anew under a higher epoch, by itself', async (t) => {
  const { store, start } = await cluster(t)
  await using broker = await start(1)
  t.is(broker.nodeId, 1)
  const before = await value(store, 'live/1')
  await store.leases.revoke(before.lease)
  await until(async () => ((await value(store, 'live/1'))?.brokerEpoch ?? 0) > before.brokerEpoch)
  t.is((await value(store, 'brokers/1')).brokerEpoch, (await value(store, 'live/1')).brokerEpoch)
  await until(async () => (await value(store, 'controller'))?.brokerId === 1)
})

etcdTest(
  'a broker whose node id another one took over says that it has failed, and can be closed',
  async (t) => {
    const { store, start } = await cluster(t)
    await using broker = await start(1)
    const before = await value(store, 'brokers/1')
    const after = { ...before, brokerEpoch: before.brokerEpoch + 1, incarnation: 'another', directoryId: 'x' }
    await store.txn({ puts: [put('brokers/1', after)], deletes: ['live/1'] })
    t.regex((await broker.failed).message, /^another broker has started with node\.id 1: /)
    await broker.close()
    t.deepEqual(await value(store, 'brokers/1'), after)
  },
)

etcdTest('a broker that stops lets go of its lease, and another becomes the controller', async (t) => {
  const { store, start } = await cluster(t)
  const first = await start(1)
  await until(async () => (await value(store, 'controller'))?.brokerId === 1)
  await using second = await start(2)
  await first.close()
  t.is(await value(store, 'live/1'), undefined)
  await until(async () => (await value(store, 'controller'))?.brokerId === 2)
  using client = await TestClient.connect(second.bootstrap)
  // The store may tell of a controller before it knows.
  await until(async () => (await client.send('DescribeCluster', {})).controllerId === 2)
  const { brokers } = await client.send('DescribeCluster', {})
  t.deepEqual(
    brokers.map(({ brokerId }) => brokerId),
    [2],
  )
})

etcdTest('more replicas than live brokers are refused', async (t) => {
  const { start } = await cluster(t)
  await using broker = await start(1)
  using client = await TestClient.connect(broker.bootstrap)
  const { topics } = await client.send('CreateTopics', {
    topics: [{ name: 'x', numPartitions: 1, replicationFactor: 2 }],
  })
  t.regex(topics[0]!.errorMessage!, /larger than the number of live brokers, 1/)
})

etcdTest('who did not stop cleanly leaves the ISRs, but those of which it is the last member', async (t) => {
  const { store } = await cluster(t)
  const key = (partition: number) => partitionKey('t', partition)
  await store.txn({
    puts: [
      put('brokers/1', { brokerEpoch: 4 }),
      put(key(0), partitionValue({})),
      put(key(1), partitionValue({ leader: 2 })),
      put(key(2), partitionValue({ isr: [1] })),
      put(key(3), partitionValue({ leader: 2, isr: [2, 3] })),
    ],
  })
  await leaveIsrs(store, 1)
  const found = await Promise.all([0, 1, 2, 3].map((partition) => value(store, key(partition))))
  // Three starts since the key was written have raised the leader epoch to 6 already.
  t.deepEqual(found[0], partitionValue({ leader: -1, leaderEpoch: 7, partitionEpoch: 8, isr: [2, 3] }))
  t.deepEqual(found[1], partitionValue({ leader: 2, partitionEpoch: 8, isr: [2, 3] }))
  t.deepEqual(found[2], partitionValue({ isr: [1] }))
  t.deepEqual(found[3], partitionValue({ leader: 2, isr: [2, 3] }))
})

etcdTest('hundreds of partitions of a dead broker get another leader, over many transactions', async (t) => {
  const { store, start } = await cluster(t)
  await using broker = await start(1, { 'log.cleaner.enable': 'false' })
  t.is(broker.nodeId, 1)
  const topicId = randomUuid()
  const count = 300
  const states = Array.from({ length: count }, (_, partition) =>
    put(partitionKey(topicId, partition), partitionValue({ leader: 9, replicas: [9, 1], isr: [9, 1] })),
  )
  for (let from = 0; from < count; from += 100) await store.txn({ puts: states.slice(from, from + 100) })
  await store.txn({
    puts: [
      put('brokers/9', { brokerEpoch: 3, directoryId: 'x', rack: null, endpoints: [] }),
      put(topicKey('many'), { topicId, partitions: count, configs: {} }),
    ],
  })
  const partitions = async () =>
    (await store.range('partitions/')).entries.map((entry) => JSON.parse(entry.value) as PartitionValue)
  await until(async () => (await partitions()).every(({ leader }) => leader === 1))
  for (const { isr, leaderEpoch } of await partitions()) {
    t.deepEqual(isr, [1])
    // Two starts of broker 9 since, then the change.
    t.is(leaderEpoch, 6)
  }
})

etcdTest('an image that missed what was compacted away takes the whole store instead', async (t) => {
  const { store } = await cluster(t)
  const topic = (name: string) => [
    put(topicKey(name), { topicId: name, partitions: 1, configs: {} }),
    put(partitionKey(name, 0), partitionValue({})),
  ]
  const first = await store.txn({ puts: [...topic('kept'), ...topic('gone')] })
  const image = new ClusterImage('c', new BrokerConfig({ 'node.id': '1' }), true)
  const before = await store.range('')
  image.apply({ revision: first.revision, puts: before.entries, deletes: [] })
  await store.txn({
    puts: topic('new'),
    deletes: [topicKey('gone'), partitionKey('gone', 0)],
  })
  await store.txn({ puts: [put(partitionKey('kept', 0), partitionValue({ leader: 2, partitionEpoch: 8 }))] })
  const changes: string[] = []
  image.onChange(({ created, deleted, partitionsChanged }) => {
    changes.push(...created.map(({ name }) => `+${name}`), ...deleted.map(({ name }) => `-${name}`))
    changes.push(...partitionsChanged.map((changed) => `${changed.topic.name} ${changed.partition.leader}`))
  })
  const { entries, revision } = await store.range('')
  image.replace(entries, revision)
  t.deepEqual(changes.sort(), ['+new', '-gone', 'kept 2'])
  t.is(image.revision, revision)
})
