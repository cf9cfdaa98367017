/** Brokers are killed while a partition is on its way, over a real etcd: it arrives, and nothing acknowledged is lost. */
import { setTimeout as delay } from 'node:timers/promises'
import { BrokerProcesses } from '../support/broker-processes.js'
import { until } from '../support/brokers.js'
import { etcdTest } from '../support/etcd-test.js'
import { IdempotentWriter } from '../support/idempotent-writer.js'
import { fetch, valuesIn } from '../support/records.js'

const topic = 'orders'

/** Sends to a broker that runs, another one where it goes away, until `isDone` says that the answer will do. */
async function ask<T>(
  brokers: BrokerProcesses,
  send: (client: Awaited<ReturnType<BrokerProcesses['client']>>) => Promise<T>,
  isDone: (answer: T) => boolean,
): Promise<T> {
  for (;;) {
    for (const id of [...brokers.running.keys()]) {
      try {
        using client = await brokers.client(id)
        const answer = await send(client)
        if (isDone(answer)) return answer
      } catch {}
    }
    await delay(20)
  }
}

/** What new replicas are sent, by any broker. */
async function setRate(brokers: BrokerProcesses, bytesPerSecond: number): Promise<void> {
  const value = String(bytesPerSecond)
  const configs = [{ name: 'leader.replication.throttled.rate', configOperation: 0, value }]
  await ask(
    brokers,
    (client) =>
      client.send('IncrementalAlterConfigs', {
        resources: [{ resourceType: 4, resourceName: '', configs }],
      }),
    ({ responses }) => responses[0]!.errorCode === 0,
  )
}

async function reassign(brokers: BrokerProcesses, replicas: number[]): Promise<void> {
  const partitions = [{ partitionIndex: 0, replicas }]
  await ask(
    brokers,
    (client) =>
      client.send('AlterPartitionReassignments', {
        timeoutMs: 10_000,
        topics: [{ name: topic, partitions }],
      }),
    ({ responses }) => responses[0]!.partitions[0]!.errorCode === 0,
  )
}

async function readAll(brokers: BrokerProcesses): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const { id } = await brokers.leader(topic)
    using client = await brokers.client(id)
    const answer = await fetch(client, topic, values.length, { maxBytes: 1 << 22 })
    if (answer.errorCode !== 0) continue
    values.push(...(await valuesIn(answer.records)))
    if (values.length >= Number(answer.highWatermark)) return values
  }
}

etcdTest('a leader, a new replica or the controller is killed while a partition moves', async (t) => {
  await using brokers = await BrokerProcesses.start([1, 2, 3])
  await ask(
    brokers,
    (client) =>
      client.send('CreateTopics', {
        topics: [
          {
            name: topic,
            ...{ numPartitions: -1, replicationFactor: -1 },
            assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
            configs: [{ name: 'leader.replication.throttled.replicas', value: '*' }],
          },
        ],
      }),
    ({ topics }) => topics[0]!.errorCode === 0,
  )
  const writer = new IdempotentWriter(topic, 0)
  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      const { bootstrap } = await brokers.leader(topic)
      await writer.write(bootstrap, () => isOver, { pauseMs: 2 }).catch(() => delay(5))
    }
  })()
  const more = async () => {
    const count = writer.acknowledged.length
    await until(() => writer.acknowledged.length > count + 10)
  }
  const controller = async () =>
    (
      await ask(
        brokers,
        (client) => client.send('Metadata', { topics: [] }),
        ({ controllerId }) => brokers.running.has(controllerId),
      )
    ).controllerId

  const rounds = [
    { target: [2, 3], victim: async () => (await brokers.leader(topic)).id },
    { target: [3, 1], victim: async () => 1 },
    { target: [1, 2], victim: controller },
  ]
  for (const { target, victim } of rounds) {
    await more()
    await setRate(brokers, 0)
    await more()
    await reassign(brokers, target)
    const id = await victim()
    await brokers.kill(id)
    await more()
    t.not((await brokers.partition(topic)).addingReplicas, undefined)
    await brokers.start(id)
    await setRate(brokers, 1_000_000_000)
    await until(async () => (await brokers.partition(topic)).replicas.join() === target.join())
  }
  await more()
  isOver = true
  await writing
  const values = await readAll(brokers)
  t.deepEqual(values.slice(0, writer.acknowledged.length), writer.acknowledged)
  t.is(new Set(values).size, values.length, 'duplicates')
})
