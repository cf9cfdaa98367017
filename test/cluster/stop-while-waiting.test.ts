import test from 'ava'
import { ZERO_UUID } from '../../lib/protocol/index.js'
import { Brokers } from '../support/brokers.js'
import { batchOf, produce } from '../support/records.js'

const groupId = 'billing'

/** Two brokers, of which the first leads `orders` and the groups; what it writes of these waits for the second. */
async function start(commitTimeoutMs: number): Promise<Brokers> {
  const brokers = await Brokers.start({
    ids: [1, 2],
    properties: {
      'offsets.topic.num.partitions': '1',
      'offsets.topic.replication.factor': '2',
      'offsets.commit.timeout.ms': String(commitTimeoutMs),
    },
  })
  await brokers.createTopic('orders', [[1]])
  const offsets = '__consumer_offsets'
  const { coordinators } = await brokers
    .client(1)
    .send('FindCoordinator', { keyType: 0, coordinatorKeys: [groupId] }, 4)
  if (coordinators[0]!.errorCode !== 0) throw new Error(coordinators[0]!.errorMessage ?? 'no coordinator')
  await brokers.untilInSync(offsets, [1, 2])
  await brokers.elect(offsets, 1, undefined)
  while ((await commit(brokers, 1)) !== 0) {}
  return brokers
}

async function commit(brokers: Brokers, committedOffset: number): Promise<number> {
  const partitions = [{ partitionIndex: 0, committedOffset }]
  const topics = [{ name: 'orders', partitions }]
  const answer = await brokers.client(1).send('OffsetCommit', { groupId, topics }, 9)
  return answer.topics[0]!.partitions[0]!.errorCode
}

test('a broker stops while a commit waits for a replica that has gone', async (t) => {
  await using brokers = await start(500)
  // Nobody tells that it is gone: it stays in sync, and what is written waits for it.
  await brokers.stop(2)
  t.not(await commit(brokers, 2), 0)
  await brokers.stop(1)
  t.deepEqual(brokers.ids, [])
})

test('topics come and a broker stops while the offsets of a deleted topic wait for a replica that has gone', async (t) => {
  await using brokers = await start(600_000)
  await brokers.stop(2)
  const client = brokers.client(1)
  const topics = [{ name: 'orders', topicId: ZERO_UUID }]
  await client.send('DeleteTopics', { topics, timeoutMs: 60_000 })
  await brokers.createTopic('next', [[1]])
  t.is((await produce(client, 'next', batchOf(['a']))).errorCode, 0)
  await brokers.stop(1)
  t.deepEqual(brokers.ids, [])
})
