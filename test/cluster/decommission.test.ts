/** Brokers that leave a cluster for good: emptied first, or dead. */
import { ErrorCode } from '../../lib/protocol/index.js'
import { BrokerProcesses } from '../support/broker-processes.js'
import { until } from '../support/brokers.js'
import { etcdTest } from '../support/etcd-test.js'
import { failure, Odradek } from '../support/odradek-program.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'

const topic = 'orders'
const partitions = [0, 1, 2, 3, 4, 5]

etcdTest('a broker is emptied and taken out, and nothing is lost', async (t) => {
  await using brokers = await BrokerProcesses.start([1, 2, 3])
  await brokers.createTopic(topic, partitions.length, 2, {
    'leader.replication.throttled.replicas': '*',
    'follower.replication.throttled.replicas': '*',
  })
  for (const partition of partitions) {
    const { id } = await brokers.leader(topic, partition)
    using client = await brokers.client(id)
    // Others may tell of a leader before it knows.
    await until(async () => {
      const answer = await produce(client, topic, batchOf([`v${partition}`]), { partition })
      return answer.errorCode === 0
    })
  }
  const { bootstrap } = brokers.running.get(1)!
  const cli = new Odradek(bootstrap)
  const throttle = (rate: string) =>
    cli.run(
      `configs alter --broker-defaults --add-config leader.replication.throttled.rate=${rate},follower.replication.throttled.rate=${rate}`,
    )
  const moving = async () => {
    using client = await brokers.client(1)
    const { topics } = await client.send('ListPartitionReassignments', { topics: null })
    return topics.flatMap((each) => each.partitions)
  }

  await throttle('1')
  const first = cli.start('cluster decommission --broker 3')
  await until(async () => (await moving()).length > 0)
  t.regex(await cli.run('cluster decommission --broker 3 --cancel'), /^Broker 3 is given replicas again; /)
  const ended = await first.ended
  t.is(ended.code, 1)
  t.regex(ended.stderr, /^odradek cluster: the decommissioning of broker 3 was taken back\n$/)
  // The broker that the command asked may have known before this one.
  await until(async () => (await moving()).length === 0)

  await throttle('1000000000')
  const { process } = brokers.running.get(3)!
  t.regex(await cli.run('cluster decommission --broker 3'), /\nBroker 3 holds nothing and is unregistered\. /)
  const { code, stderr } = await process.ended
  t.is(code, 1)
  t.regex(stderr, /\nodradek serve: node\.id 3 was unregistered from the cluster while this broker ran\n$/)
  brokers.running.delete(3)
  for (const partition of partitions) {
    const { replicas } = await brokers.partition(topic, partition)
    t.deepEqual([...replicas].sort(), [1, 2], `partition ${partition}`)
    const { id } = await brokers.leader(topic, partition)
    using client = await brokers.client(id)
    let found: string[] = []
    await until(async () => {
      found = await valuesIn((await fetch(client, topic, 0, { partition })).records)
      return found.length > 0
    })
    t.is(found[0], `v${partition}`)
  }
  t.regex(
    failure(await cli.try('cluster decommission --broker 2')),
    /has 2 replicas, and without broker 2 only 1 brokers can hold any/,
  )

  // One that is gone for good is unregistered, one that lives and holds something is not.
  const unregister = async (brokerId: number) => {
    using client = await brokers.client(1)
    return (await client.send('UnregisterBroker', { brokerId })).errorCode
  }
  t.is(await unregister(9), ErrorCode.BROKER_ID_NOT_REGISTERED)
  t.is(await unregister(2), ErrorCode.INVALID_REQUEST)
  await brokers.kill(2)
  for (const partition of partitions) await brokers.untilInSync(topic, [1], partition)
  t.is(await unregister(2), 0)
  t.true(JSON.parse((await brokers.store.get('brokers/2'))!.value).isUnregistered)
  // It may come back with what it has.
  await brokers.start(2)
  for (const partition of partitions) await brokers.untilInSync(topic, [1, 2], partition)
})
