/** Elections that are asked for, and the balancing of leaders. */
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { ledElsewhere } from '../../../lib/cluster/controller/leader-balancer.js'
import { type PartitionValue, partitionKey, topicKey } from '../../../lib/cluster/store/metadata-keys.js'
import { createBroker } from '../../../lib/index.js'
import { errorName, randomUuid } from '../../../lib/protocol/index.js'
import { Brokers, until } from '../../support/brokers.js'
import { Etcd } from '../../support/etcd.js'
import { etcdTest } from '../../support/etcd-test.js'
import { jsonLines, Odradek } from '../../support/odradek-program.js'
import { TestClient } from '../../support/test-client.js'

const preferred = 0
const unclean = 1
const topic = 'orders'

type Asked = Record<string, number[]> | null

async function elect(client: TestClient, electionType: number, asked: Asked, version?: number) {
  const { replicaElectionResults } = await client.send(
    'ElectLeaders',
    {
      electionType,
      topicPartitions:
        asked && Object.entries(asked).map(([name, partitions]) => ({ topic: name, partitions })),
    },
    version,
  )
  const results = replicaElectionResults.flatMap(({ topic, partitionResult }) =>
    partitionResult.map(({ partitionId, errorCode }) => [`${topic}-${partitionId}`, errorName(errorCode)]),
  )
  return Object.fromEntries(results) as Record<string, string>
}

/** Changes what the store says of a partition. */
async function put(brokers: Brokers, partition: number, changes: Partial<PartitionValue>) {
  const { topicId } = JSON.parse((await brokers.store.get(topicKey(topic)))!.value)
  const state = { ...(await brokers.partition(topic, partition)), ...changes }
  await brokers.store.txn({
    puts: [{ key: partitionKey(topicId, partition), value: JSON.stringify(state) }],
  })
  return state
}

test.serial('leaders go to the preferred replica, where it is in sync', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, [
    [1, 2],
    [2, 3],
    [3, 1],
  ])
  await brokers.elect(topic, 2, [1, 2], 0)
  await brokers.stop(3)
  await brokers.elect(topic, 1, [1], 2)
  const before = await brokers.partition(topic)
  const client = brokers.client(2)
  t.deepEqual(await elect(client, preferred, { [topic]: [0, 1, 2, 7], nowhere: [0] }), {
    'orders-0': 'NONE',
    'orders-1': 'ELECTION_NOT_NEEDED',
    'orders-2': 'PREFERRED_LEADER_NOT_AVAILABLE',
    'orders-7': 'UNKNOWN_TOPIC_OR_PARTITION',
    'nowhere-0': 'UNKNOWN_TOPIC_OR_PARTITION',
  })
  const after = await brokers.partition(topic)
  t.like(after, { leader: 1, isr: [1, 2], leaderEpoch: before.leaderEpoch + 1 })
})

test.serial('without partitions all are looked at, and those that need nothing are not told', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, [
    [1, 2],
    [2, 1],
  ])
  await brokers.elect(topic, 2, [1, 2])
  for (const version of [0, 1, 2]) {
    t.deepEqual(
      await elect(brokers.client(1), preferred, null, version),
      version === 0 ? { 'orders-0': 'NONE' } : {},
      `version ${version}`,
    )
  }
})

test.serial('an unclean election is for partitions that nobody leads', async (t) => {
  await using brokers = await Brokers.start({ ids: [1, 2] })
  await brokers.createTopic(topic, [
    [1, 2],
    [2, 1],
  ])
  const state = await put(brokers, 0, { leader: -1, isr: [9] })
  const client = brokers.client(1)
  t.deepEqual(await elect(client, unclean, { [topic]: [0, 1] }), {
    'orders-0': 'NONE',
    'orders-1': 'ELECTION_NOT_NEEDED',
  })
  t.like(await brokers.partition(topic), { leader: 1, leaderEpoch: state.leaderEpoch + 1 })
})

test.serial('the command tells what became of each partition', async (t) => {
  await using brokers = await Brokers.start()
  await brokers.createTopic(topic, [
    [1, 2],
    [2, 3],
    [3, 1],
  ])
  await brokers.elect(topic, 2, [1, 2], 0)
  await put(brokers, 2, { leader: 1, replicas: [9, 1], isr: [1] })
  const cli = new Odradek(brokers.bootstrap(2))
  const { code, stdout, stderr } = await cli.try(`leader-election ${topic} --json`)
  t.deepEqual({ code, stderr }, { code: 1, stderr: '' })
  t.deepEqual(
    jsonLines(stdout).map(({ partition, error }) => [partition, error]),
    [
      [0, null],
      [1, 'ELECTION_NOT_NEEDED'],
      [2, 'PREFERRED_LEADER_NOT_AVAILABLE'],
    ],
  )
  t.is(
    await cli.run('leader-election --election-type PREFERRED --topic orders --partition 0'),
    'No election needed: orders-0\n',
  )
})

test('a broker is given its leaderships back when it lacks more than its share', (t) => {
  const partition = (number: number, leader: number, replicas: number[], isr = replicas) => ({
    ...{ partition: number, leader, replicas, isr },
    ...{ leaderEpoch: 0, partitionEpoch: 0, addingReplicas: [], removingReplicas: [] },
  })
  const topics = [
    {
      name: topic,
      partitions: [
        partition(0, 2, [1, 2]),
        ...Array.from({ length: 8 }, (_, index) => partition(1 + index, 1, [1, 2])),
        partition(9, 2, [1, 2], [2]),
        partition(10, 1, [3, 1]),
      ],
    },
  ]
  const names = (percentage: number, live = [1, 2, 3]) =>
    ledElsewhere(topics, (id) => live.includes(id), percentage).map(({ partition }) => partition)
  t.deepEqual(names(10), [0, 10], 'two of ten are more than 10 percent; one that is not in sync stays')
  t.deepEqual(names(20), [10])
  t.deepEqual(names(100), [])
  t.deepEqual(names(0, [2]), [], 'who does not live leads nothing')
})

let shared: Promise<Etcd> | undefined
let clusters = 0
test.after.always(async () => {
  await (await shared)?.[Symbol.asyncDispose]()
})

async function cluster(t: ExecutionContext) {
  shared ??= Etcd.start()
  const etcd = await shared
  const prefix = `elections-${++clusters}/`
  const store = await etcd.open({ prefix })
  t.teardown(() => store.close())
  const start = (id: number, properties: Record<string, string> = {}) =>
    createBroker({
      port: 0,
      properties: {
        'node.id': `${id}`,
        'etcd.endpoints': etcd.endpoint,
        'etcd.prefix': prefix,
        ...properties,
      },
      log: pino({ level: 'silent' }),
    })
  return { store, start }
}

etcdTest('a broker that comes back gets its leaderships back by itself', async (t) => {
  const { store, start } = await cluster(t)
  const soon = { 'leader.imbalance.check.interval.seconds': '1' }
  const first = await start(1, soon)
  await using second = await start(2, soon)
  using client = await TestClient.connect(second.bootstrap)
  await until(async () => (await client.send('Metadata', { topics: [] })).brokers.length === 2)
  const { topics } = await client.send('CreateTopics', {
    topics: [
      {
        ...{ name: topic, numPartitions: -1, replicationFactor: -1 },
        assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
      },
    ],
  })
  t.is(topics[0]!.errorCode, 0)
  const { topicId } = JSON.parse((await store.get(topicKey(topic)))!.value)
  const partition = async (): Promise<PartitionValue> =>
    JSON.parse((await store.get(partitionKey(topicId, 0)))!.value)
  await first.close()
  await until(async () => (await partition()).leader === 2)
  // With another data folder: all that the partition held is fetched from the other one.
  await using again = await start(1, soon)
  t.is(again.nodeId, 1)
  await until(async () => (await partition()).leader === 1)
  t.deepEqual([...(await partition()).isr].sort(), [1, 2])
})

etcdTest('nobody is elected while no replica lives', async (t) => {
  const { store, start } = await cluster(t)
  await using broker = await start(1)
  const topicId = randomUuid()
  const state = { leaderEpoch: 3, partitionEpoch: 7, replicas: [9, 8], brokerEpoch: 1 }
  const puts = [
    { key: topicKey(topic), value: { topicId, partitions: 2, configs: {} } },
    { key: partitionKey(topicId, 0), value: { ...state, leader: -1, isr: [9] } },
    { key: partitionKey(topicId, 1), value: { ...state, leader: 1, replicas: [9, 1], isr: [9, 1] } },
  ]
  await store.txn({ puts: puts.map(({ key, value }) => ({ key, value: JSON.stringify(value) })) })
  using client = await TestClient.connect(broker.bootstrap)
  await until(
    async () => (await client.send('Metadata', { topics: [{ name: topic }] }, 8)).topics[0]!.errorCode === 0,
  )
  t.deepEqual(await elect(client, unclean, { [topic]: [0] }), {
    'orders-0': 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  })
  t.deepEqual(await elect(client, preferred, { [topic]: [1] }), {
    'orders-1': 'PREFERRED_LEADER_NOT_AVAILABLE',
  })
})
