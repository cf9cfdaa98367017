/** The last replica in sync dies and another lives: who may lead then, and what becomes of the old leader's log. */
import test from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { BrokerProcesses } from '../support/broker-processes.js'
import { until } from '../support/brokers.js'
import { etcdTest } from '../support/etcd-test.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'
import type { TestClient } from '../support/test-client.js'

const topic = 'orders'

let started: BrokerProcesses | undefined
test.after.always(async () => {
  await started?.[Symbol.asyncDispose]()
})

async function write(client: TestClient, values: string[]): Promise<void> {
  // Others may tell of a leader before it knows.
  await until(async () => {
    const { errorCode } = await produce(client, topic, batchOf(values))
    return errorCode === 0
  })
}

async function endOfEpoch(client: TestClient, leaderEpoch: number, currentLeaderEpoch: number) {
  const { topics } = await client.send('OffsetForLeaderEpoch', {
    replicaId: -1,
    topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
  })
  return topics[0]!.partitions[0]!
}

etcdTest(
  'a replica that was not in sync leads once that is allowed; the old leader gives up what it alone had',
  async (t) => {
    const brokers = await BrokerProcesses.start([1, 2, 3])
    started = brokers
    await brokers.createTopic(topic, 1, 2)
    const { replicas, leader: old } = await brokers.partition(topic)
    const other = replicas.find((id) => id !== old)!
    const third = [1, 2, 3].find((id) => !replicas.includes(id))!
    let common: number
    {
      using client = await brokers.client(old)
      await write(client, ['both'])
      common = Number((await fetch(client, topic, 0)).highWatermark)
      await brokers.kill(other)
      await brokers.untilInSync(topic, [old])
      await write(client, ['lost-1', 'lost-2'])
    }
    const before = (await brokers.partition(topic)).leaderEpoch
    await brokers.kill(old)
    await until(async () => (await brokers.partition(topic)).leader === -1)

    await brokers.start(other)
    using admin = await brokers.client(third)
    await until(async () => (await admin.send('Metadata', { topics: [] })).brokers.length === 2)
    const closed = await brokers.partition(topic)
    t.deepEqual([closed.leader, closed.isr], [-1, [old]], 'without leave nobody leads')
    await admin.send('IncrementalAlterConfigs', {
      resources: [
        {
          ...{ resourceType: 2, resourceName: topic },
          configs: [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }],
        },
      ],
    })
    t.is((await brokers.leader(topic)).id, other)
    const after = await brokers.partition(topic)
    t.deepEqual(after.isr, [other])
    t.true(after.leaderEpoch > before)

    using client = await brokers.client(other)
    // A consumer that has read the lost records: refused in the old epoch, told where that ended, out of range beyond.
    await until(async () => (await fetch(client, topic, 0)).errorCode === 0)
    t.is((await fetch(client, topic, common + 2)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
    t.is((await endOfEpoch(client, before, before)).errorCode, ErrorCode.FENCED_LEADER_EPOCH)
    t.like(await endOfEpoch(client, before, after.leaderEpoch), { errorCode: 0, endOffset: common })
    await write(client, ['new-1', 'new-2', 'new-3'])

    await brokers.start(old)
    await brokers.untilInSync(topic, replicas)
    await brokers.stop(other)
    t.is((await brokers.leader(topic)).id, old)
    using again = await brokers.client(old)
    await until(async () => (await fetch(again, topic, 0)).errorCode === 0)
    let found: string[] = []
    await until(async () => {
      // What was sent twice, because an answer was lost, is there twice.
      found = [...new Set(await valuesIn((await fetch(again, topic, 0)).records))]
      return found.length >= 4
    })
    t.deepEqual(found, ['both', 'new-1', 'new-2', 'new-3'])
  },
)
