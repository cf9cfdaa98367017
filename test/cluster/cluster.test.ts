import test from 'ava'
import { pino } from 'pino'
import { Cluster, EmbeddedMetadataStore, type ImageChange } from '../../lib/cluster/index.js'
import { BrokerConfig } from '../../lib/config/index.js'
import { KafkaError } from '../../lib/protocol/index.js'
import { MemoryEngine } from '../support/memory-engine.js'

const log = pino({ level: 'silent' })

function open(engine = new MemoryEngine(), settings: Record<string, string> = {}): Promise<Cluster> {
  const { files, openLog } = engine
  return Cluster.open({ dataDir: '/data', config: new BrokerConfig(settings), files, openLog, log })
}

async function errorOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return error instanceof KafkaError ? error.errorName : String(error)
}

const configs = (entries: Record<string, string>) => new Map(Object.entries(entries))
const set = (name: string, value: string) => ({ name, operation: 0, value })

test('a topic is created with the broker’s defaults, led by this broker', async (t) => {
  const { topics, image } = await open(undefined, { 'num.partitions': '2', 'node.id': '4' })
  const topic = await topics.createTopic({ name: 'orders' })
  const state = {
    ...{ leader: 4, leaderEpoch: 0, partitionEpoch: 0, isr: [4] },
    ...{ replicas: [4], addingReplicas: [], removingReplicas: [] },
  }
  t.deepEqual(topic.partitions, [
    { partition: 0, ...state },
    { partition: 1, ...state },
  ])
  t.is(image.topic('orders'), topic)
  t.is(image.topicById(topic.topicId), topic)
  t.false(topic.isInternal)
  t.true((await topics.createTopic({ name: '__consumer_offsets' })).isInternal)
})

test('a topic has its own settings over the broker’s', async (t) => {
  const { topics } = await open()
  const topic = await topics.createTopic({ name: 't', configs: configs({ 'cleanup.policy': 'compact' }) })
  t.deepEqual([...topic.overrides], [['cleanup.policy', 'compact']])
  t.true(topic.config.compact)
  t.is(topic.config.maxMessageBytes, 1_048_588)
})

test('a request that only validates changes nothing', async (t) => {
  const { topics, image } = await open()
  const topic = await topics.createTopic({ name: 't', numPartitions: 3, validateOnly: true })
  t.is(topic.partitions.length, 3)
  t.is(image.topics.size, 0)
})

test('names that Kafka refuses are refused', async (t) => {
  const { topics } = await open()
  for (const name of [
    '',
    '.',
    '..',
    'a b',
    'ä',
    'a/b',
    'x'.repeat(250),
    '__odradek_metadata',
    '__cluster_metadata',
  ]) {
    t.is(await errorOf(topics.createTopic({ name })), 'INVALID_TOPIC_EXCEPTION', name)
  }
  await topics.createTopic({ name: 'x'.repeat(249) })
})

test('a topic that exists, or differs from one in . and _ alone, is not created', async (t) => {
  const { topics } = await open()
  await topics.createTopic({ name: 'a.b' })
  t.is(await errorOf(topics.createTopic({ name: 'a.b' })), 'TOPIC_ALREADY_EXISTS')
  t.is(await errorOf(topics.createTopic({ name: 'a_b' })), 'INVALID_TOPIC_EXCEPTION')
  await topics.deleteTopic({ name: 'a.b' })
  await topics.createTopic({ name: 'a_b' })
})

test('of two requests for one topic at once, one succeeds', async (t) => {
  const { topics } = await open()
  const names = await Promise.all([1, 2].map(() => errorOf(topics.createTopic({ name: 't' }))))
  t.deepEqual(names, ['undefined', 'TOPIC_ALREADY_EXISTS'])
})

test('numbers of partitions and replicas are checked', async (t) => {
  const { topics } = await open()
  const create = (numPartitions: number, replicationFactor: number) =>
    errorOf(topics.createTopic({ name: 't', numPartitions, replicationFactor, validateOnly: true }))
  t.is(await create(0, 1), 'INVALID_PARTITIONS')
  t.is(await create(-2, 1), 'INVALID_PARTITIONS')
  t.is(await create(2 ** 31 - 1, 1), 'POLICY_VIOLATION')
  t.is(await create(1, 0), 'INVALID_REPLICATION_FACTOR')
  t.is(await create(1, 2), 'INVALID_REPLICATION_FACTOR')
  t.is(await create(-1, -1), 'undefined')
})

test('partitions assigned by hand are checked', async (t) => {
  const { topics } = await open()
  const create = (assignments: [partition: number, ...brokerIds: number[]][], numPartitions = -1) =>
    errorOf(
      topics.createTopic({
        name: 't',
        numPartitions,
        assignments: assignments.map(([partition, ...brokerIds]) => ({ partition, brokerIds })),
        validateOnly: true,
      }),
    )
  t.is(
    await create([
      [1, 1],
      [0, 1],
    ]),
    'undefined',
  )
  t.is(await create([[0, 1]], 1), 'INVALID_REQUEST')
  t.is(
    await create([
      [0, 1],
      [0, 1],
    ]),
    'INVALID_REPLICA_ASSIGNMENT',
  )
  t.is(await create([[1, 1]]), 'INVALID_REPLICA_ASSIGNMENT')
  t.is(await create([[0, 9]]), 'INVALID_REPLICA_ASSIGNMENT')
  t.is(await create([[0, 1, 1]]), 'INVALID_REPLICA_ASSIGNMENT')
  t.is(await create([[0]]), 'INVALID_REPLICA_ASSIGNMENT')
})

test('wrong settings of a topic are refused', async (t) => {
  const { topics } = await open()
  const create = (name: string, value: string) =>
    errorOf(topics.createTopic({ name: 't', configs: configs({ [name]: value }) }))
  t.is(await create('retention.ms', 'soon'), 'INVALID_CONFIG')
  t.is(await create('retenton.ms', '1'), 'INVALID_CONFIG')
  t.is(await create('remote.storage.enable', 'true'), 'INVALID_CONFIG')
})

test('a deleted topic is gone by name and id, and can be created anew under another id', async (t) => {
  const { topics, image } = await open()
  const first = await topics.createTopic({ name: 't' })
  t.is(await errorOf(topics.deleteTopic({ name: 'u' })), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is(await errorOf(topics.deleteTopic({ topicId: 'AAAAAAAAAAAAAAAAAAAABB' })), 'UNKNOWN_TOPIC_ID')
  t.is((await topics.deleteTopic({ topicId: first.topicId })).name, 't')
  t.is(image.topic('t'), undefined)
  t.is(image.topicById(first.topicId), undefined)
  t.not((await topics.createTopic({ name: 't' })).topicId, first.topicId)
})

test('topics are not deleted where delete.topic.enable is false', async (t) => {
  const { topics } = await open(undefined, { 'delete.topic.enable': 'false' })
  await topics.createTopic({ name: 't' })
  t.is(await errorOf(topics.deleteTopic({ name: 't' })), 'TOPIC_DELETION_DISABLED')
})

test('partitions are added, never taken away', async (t) => {
  const { topics } = await open()
  await topics.createTopic({ name: 't', numPartitions: 2 })
  const add = (count: number, assignments?: number[][]) =>
    errorOf(topics.createPartitions({ name: 't', count, assignments, validateOnly: true }))
  t.is(await add(2), 'INVALID_PARTITIONS')
  t.is(await add(1), 'INVALID_PARTITIONS')
  t.is(await add(4, [[1]]), 'INVALID_REPLICA_ASSIGNMENT')
  t.is(await add(4, [[1], [7]]), 'INVALID_REPLICA_ASSIGNMENT')
  t.is(await errorOf(topics.createPartitions({ name: 'u', count: 2 })), 'UNKNOWN_TOPIC_OR_PARTITION')
  t.is((await topics.createPartitions({ name: 't', count: 4 })).partitions.length, 4)
})

test('settings of a topic are changed one by one, or all at once', async (t) => {
  const { topics, image } = await open()
  await topics.createTopic({ name: 't', configs: configs({ 'segment.ms': '5' }) })
  await topics.alterTopicConfigs('t', [set('retention.ms', '7')])
  t.is(image.topic('t')!.config.retentionMs, 7)
  t.is(image.topic('t')!.config.segmentMs, 5)
  await topics.alterTopicConfigs('t', [{ name: 'cleanup.policy', operation: 2, value: 'compact' }])
  t.is(image.topic('t')!.overrides.get('cleanup.policy'), 'delete,compact')
  await topics.replaceTopicConfigs('t', [{ name: 'flush.ms', value: '9' }])
  t.deepEqual([...image.topic('t')!.overrides], [['flush.ms', '9']])
  t.is(await errorOf(topics.alterTopicConfigs('t', [set('segment.bytes', '1')])), 'INVALID_CONFIG')
  t.is(await errorOf(topics.alterTopicConfigs('u', [set('segment.ms', '1')])), 'UNKNOWN_TOPIC_OR_PARTITION')
})

test('changes of one topic at the same time are all kept', async (t) => {
  const { topics, image } = await open()
  await topics.createTopic({ name: 't' })
  await Promise.all([
    topics.alterTopicConfigs('t', [set('retention.ms', '7')]),
    topics.alterTopicConfigs('t', [set('segment.ms', '8')]),
    topics.createPartitions({ name: 't', count: 3 }),
  ])
  t.like(image.topic('t')!.config, { retentionMs: 7, segmentMs: 8 })
  t.is(image.topic('t')!.partitions.length, 3)
})

test('settings of brokers are changed while they run, and reach every topic', async (t) => {
  const { topics, image, brokerSettings } = await open()
  await topics.createTopic({ name: 'own', configs: configs({ 'max.message.bytes': '50' }) })
  await topics.createTopic({ name: 'plain' })
  const changed: string[] = []
  image.onChange((change) => changed.push(...change.configsChanged.map(({ name }) => name)))

  await brokerSettings.alterBrokerConfigs(null, [set('message.max.bytes', '100')])
  await brokerSettings.alterBrokerConfigs(1, [set('max.connections', '7')])
  t.is(image.topic('plain')!.config.maxMessageBytes, 100)
  t.is(image.topic('own')!.config.maxMessageBytes, 50)
  t.deepEqual(changed.sort(), ['own', 'plain'])
  t.deepEqual([...image.brokerOverrides(null)], [['message.max.bytes', '100']])
  t.deepEqual([...image.brokerOverrides(1)], [['max.connections', '7']])
})

test('settings of brokers that cannot be changed are refused', async (t) => {
  const { brokerSettings } = await open()
  const alter = (brokerId: number | null, name: string, value: string) =>
    errorOf(brokerSettings.alterBrokerConfigs(brokerId, [set(name, value)]))
  t.is(await alter(1, 'num.partitions', '5'), 'INVALID_REQUEST')
  t.is(await alter(2, 'max.connections', '5'), 'INVALID_REQUEST')
  t.is(await alter(1, 'max.conections', '5'), 'INVALID_CONFIG')
  t.is(await alter(1, 'max.connections', 'x'), 'INVALID_REQUEST')
})

test('each kind of change is told, a revision at a time', async (t) => {
  const { topics, image } = await open()
  const told: string[] = []
  const stop = image.onChange((change: ImageChange) => {
    for (const topic of change.created) told.push(`created ${topic.name}`)
    for (const topic of change.deleted) told.push(`deleted ${topic.name}`)
    for (const { topic, firstNew } of change.partitionsAdded) told.push(`${topic.name} from ${firstNew}`)
    for (const topic of change.configsChanged) told.push(`configs of ${topic.name}`)
  })
  await topics.createTopic({ name: 't' })
  await topics.createPartitions({ name: 't', count: 3 })
  await topics.alterTopicConfigs('t', [set('flush.ms', '1')])
  await topics.deleteTopic({ name: 't' })
  t.deepEqual(told, ['created t', 't from 1', 'configs of t', 'deleted t'])
  stop()
  await topics.createTopic({ name: 'u' })
  t.is(told.length, 4)
})

test('everything is there after a restart, and after a crash', async (t) => {
  const engine = new MemoryEngine()
  const first = await open(engine)
  const topic = await first.topics.createTopic({ name: 't', configs: configs({ 'flush.ms': '1' }) })
  await first.brokerSettings.alterBrokerConfigs(null, [set('message.max.bytes', '100')])
  await first.close()
  engine.crash()

  const second = await open(engine)
  const found = second.image.topic('t')!
  t.is(found.topicId, topic.topicId)
  t.like(found.config, { flushMs: 1, maxMessageBytes: 100 })
  t.is(second.clusterId, first.clusterId)
  t.is(second.directoryId, first.directoryId)
  t.true(second.brokerEpoch > first.brokerEpoch)
})

test('every start raises the leader epoch of all partitions, with one record', async (t) => {
  const engine = new MemoryEngine()
  const first = await open(engine)
  await first.topics.createTopic({ name: 'old', numPartitions: 3 })
  await first.close()
  const flushes = engine.flushes

  const second = await open(engine)
  t.is(engine.flushes, flushes + 1)
  await second.topics.createTopic({ name: 'new' })
  const epochs = ({ image }: Cluster, name: string) =>
    image.topic(name)!.partitions.map(({ leaderEpoch }) => leaderEpoch)
  t.deepEqual(epochs(second, 'old'), [1, 1, 1])
  t.deepEqual(epochs(second, 'new'), [0])
  await second.topics.createPartitions({ name: 'old', count: 4 })
  await second.close()

  const third = await open(engine)
  t.deepEqual(epochs(third, 'old'), [2, 2, 2, 1])
  t.deepEqual(epochs(third, 'new'), [1])
})

test('a broker tells where it is reached', async (t) => {
  const engine = new MemoryEngine()
  const cluster = await open(engine, { 'broker.rack': 'r1' })
  const endpoints = [
    { name: 'PLAINTEXT', host: '127.0.0.1', port: 9092, securityProtocol: 'PLAINTEXT' as const },
  ]
  const epoch = cluster.brokerEpoch
  await cluster.advertise(endpoints)
  t.like(cluster.image.brokers.get(1)!, { endpoints, rack: 'r1' })
  const { flushes } = engine
  await cluster.advertise(endpoints)
  t.is(engine.flushes, flushes)
  t.is(cluster.brokerEpoch, epoch)
})

test('blocks of producer ids are given out once, across restarts too', async (t) => {
  const engine = new MemoryEngine()
  const first = await open(engine)
  const blocks = await Promise.all([first.allocateProducerIds(), first.allocateProducerIds()])
  await first.close()
  engine.crash()
  const second = await open(engine)
  blocks.push(await second.allocateProducerIds())
  t.deepEqual(
    blocks.map(({ firstProducerId, count }) => [firstProducerId, count]),
    [
      [0, 1000],
      [1000, 1000],
      [2000, 1000],
    ],
  )
})

test('of two brokers that are asked at once for names that collide, one creates its topic', async (t) => {
  const engine = new MemoryEngine()
  const { files, openLog } = engine
  const store = await EmbeddedMetadataStore.open('/metadata', openLog)
  const [one, other] = await Promise.all(
    ['1', '2'].map((id) => {
      const config = new BrokerConfig({ 'node.id': id })
      return Cluster.open({ dataDir: `/data-${id}`, config, files, openLog, log, store })
    }),
  )
  const create = async (cluster: Cluster, name: string) =>
    errorOf(cluster.topics.createTopic({ name }).then(() => Promise.reject(new Error('created'))))
  const both = (first: string, second: string) => Promise.all([create(one!, first), create(other!, second)])
  t.deepEqual((await both('a.b', 'a_b')).sort(), ['Error: created', 'INVALID_TOPIC_EXCEPTION'])
  t.deepEqual((await both('a.c', 'a.c')).sort(), ['Error: created', 'TOPIC_ALREADY_EXISTS'])
  t.deepEqual(await both('a.d', 'a.e'), ['Error: created', 'Error: created'])
  const [created] = [...one!.image.topics.keys()]
  await one!.topics.deleteTopic({ name: created! })
  t.is(await create(other!, created === 'a.b' ? 'a_b' : 'a.b'), 'Error: created')
})

test('a data folder of another node is refused', async (t) => {
  const engine = new MemoryEngine()
  await (await open(engine)).close()
  await t.throwsAsync(open(engine, { 'node.id': '2' }), { message: /belongs to node 1, not 2/ })
})
