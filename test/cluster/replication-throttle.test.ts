/** Throttled replicas of a reassignment (KIP-73): what they lack comes at the rate that is set, and the rest at once. */
import test from 'ava'
import { Brokers, until } from '../support/brokers.js'
import { batchOf, produce } from '../support/records.js'

const BROKER = 4
const TOPIC = 2

async function alterConfig(brokers: Brokers, type: number, name: string, configs: Record<string, string>) {
  const asked = type === BROKER ? Number(name) : brokers.ids[0]!
  const { responses } = await brokers.client(asked).send('IncrementalAlterConfigs', {
    resources: [
      {
        resourceType: type,
        resourceName: name,
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, configOperation: 0, value })),
      },
    ],
  })
  if (responses[0]!.errorCode !== 0) throw new Error(responses[0]!.errorMessage ?? 'refused')
}

async function reassign(brokers: Brokers, topic: string, targets: number[][]): Promise<void> {
  const partitions = targets.map((replicas, partitionIndex) => ({ partitionIndex, replicas }))
  await brokers
    .client(brokers.ids[0]!)
    .send('AlterPartitionReassignments', { timeoutMs: 30_000, topics: [{ name: topic, partitions }] })
}

const replicasOf = async (brokers: Brokers, topic: string, index = 0) =>
  (await brokers.partition(topic, index)).replicas.join()

/** About so many bytes, in batches of 10 kB. */
async function fill(brokers: Brokers, topic: string, partition: number, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += 10_000) {
    await produce(brokers.client(1), topic, batchOf(['x'.repeat(10_000)]), { partition, acks: 1 })
  }
}

const properties = { 'replica.fetch.max.bytes': '20500', 'replica.fetch.wait.max.ms': '100' }

test('a throttled leader sends a new replica no more than the rate', async (t) => {
  await using brokers = await Brokers.start({ ids: [1, 2], properties, hasController: true })
  await brokers.createTopic('orders', [[1]], { 'leader.replication.throttled.replicas': '0:1' })
  await fill(brokers, 'orders', 0, 400_000)
  const rate = 200_000
  await alterConfig(brokers, BROKER, '1', { 'leader.replication.throttled.rate': String(rate) })
  const from = performance.now()
  await reassign(brokers, 'orders', [[2]])
  await until(async () => (await replicasOf(brokers, 'orders')) === '2')
  // A second's worth goes at once, and the last answer may go beyond what is left.
  const leastMs = ((400_000 - rate - 2 * 20_500) / rate) * 1_000
  const tookMs = performance.now() - from
  t.true(tookMs >= leastMs, `400 kB took ${tookMs} ms, at least ${leastMs} are due`)
})

for (const side of ['leader', 'follower']) {
  test(`a rate of 0 at the ${side} holds back what is listed, and nothing else`, async (t) => {
    await using brokers = await Brokers.start({ ids: [1, 2, 3], properties, hasController: true })
    await brokers.createTopic('orders', [
      [1, 2],
      [1, 2],
    ])
    for (const partition of [0, 1]) await fill(brokers, 'orders', partition, 50_000)
    const [replicas, broker] = side === 'leader' ? ['0:1', '1'] : ['0:3', '3']
    await alterConfig(brokers, TOPIC, 'orders', { [`${side}.replication.throttled.replicas`]: replicas! })
    await alterConfig(brokers, BROKER, broker!, { [`${side}.replication.throttled.rate`]: '0' })
    await reassign(brokers, 'orders', [
      [3, 2],
      [3, 2],
    ])
    await until(async () => (await replicasOf(brokers, 'orders', 1)) === '3,2')
    t.is(await replicasOf(brokers, 'orders', 0), '3,2,1')
    t.false((await brokers.partition('orders')).isr.includes(3))

    // Those in sync take part as before, and acks=all waits for nobody else.
    const { errorCode } = await produce(brokers.client(1), 'orders', batchOf(['y']))
    t.is(errorCode, 0)

    await alterConfig(brokers, BROKER, broker!, { [`${side}.replication.throttled.rate`]: '1000000000' })
    await until(async () => (await replicasOf(brokers, 'orders', 0)) === '3,2')
    t.deepEqual([...(await brokers.partition('orders')).isr].sort(), [2, 3])
  })
}

test('a list of throttled replicas that is none is refused', async (t) => {
  await using brokers = await Brokers.start({ ids: [1] })
  await brokers.createTopic('orders', [[1]])
  for (const list of ['0', '0:1:2', '*,0:1', 'a:1']) {
    await t.throwsAsync(
      alterConfig(brokers, TOPIC, 'orders', { 'leader.replication.throttled.replicas': list }),
      { message: /partition:broker/ },
    )
  }
  await alterConfig(brokers, TOPIC, 'orders', { 'leader.replication.throttled.replicas': '*' })
})
