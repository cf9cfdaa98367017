import test from 'ava'
import { Brokers } from './brokers.js'

test('a broker stops while a commit waits for a replica that has gone', async (t) => {
  await using brokers = await Brokers.start({
    ids: [1, 2],
    properties: {
      'offsets.topic.num.partitions': '1',
      'offsets.topic.replication.factor': '2',
      'offsets.commit.timeout.ms': '500',
    },
  })
  await brokers.createTopic('orders', [[1]])
  const offsets = '__consumer_offsets'
  const { coordinators } = await brokers
    .client(1)
    .send('FindCoordinator', { keyType: 0, coordinatorKeys: ['billing'] }, 4)
  t.is(coordinators[0]!.errorCode, 0)
  await brokers.untilInSync(offsets, [1, 2])
  await brokers.elect(offsets, 1, undefined)
  const commit = async (committedOffset: number) => {
    const partitions = [{ partitionIndex: 0, committedOffset }]
    const topics = [{ name: 'orders', partitions }]
    const answer = await brokers.client(1).send('OffsetCommit', { groupId: 'billing', topics }, 9)
    return answer.topics[0]!.partitions[0]!.errorCode
  }
  while ((await commit(1)) !== 0) {}
  // Nobody tells that it is gone: it stays in sync, and what is written waits for it.
  await brokers.stop(2)
  t.not(await commit(2), 0)
  await brokers.stop(1)
  t.deepEqual(brokers.ids, [])
})
