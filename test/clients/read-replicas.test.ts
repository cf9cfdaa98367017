/** Consumers with a client.rack read from the follower there, and from the leader when it dies. */
import { join } from 'node:path'
import test from 'ava'
import { BrokerProcesses } from '../support/broker-processes.js'
import { ByteCounter } from '../support/byte-counter.js'
import { etcdTest } from '../support/etcd-test.js'
import { RunningProgram } from '../support/program.js'
import { batchOf, produce } from '../support/records.js'
import { kafkaJars, packageRoot } from '../support/target.js'
import { pythonClient } from './python-client.js'

const topic = 'orders'
const ids = [1, 2, 3]
const half = 500
const values = Array.from({ length: 2 * half }, (_, index) => `${index} ${'x'.repeat(1_000)}`)

const indexOf = (line: string) => line.split(' ')[0]

/** A cluster of a rack for each broker, whose clients come by ways that count. */
async function start() {
  const ways = new Map<number, ByteCounter>()
  for (const id of ids) ways.set(id, await ByteCounter.start())
  const brokers = await BrokerProcesses.start(ids, (id) => ({
    'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
    'broker.rack': `rack-${id}`,
    'listener.security.protocol.map': 'REPLICATION:PLAINTEXT,CLIENT:PLAINTEXT',
    'inter.broker.listener.name': 'REPLICATION',
    // A slow machine must not look like a dead broker; one that is killed is seen to be.
    'etcd.lease.ttl.ms': '30000',
    listeners: 'REPLICATION://127.0.0.1:0,CLIENT://127.0.0.1:0',
    'advertised.listeners': `CLIENT://127.0.0.1:${ways.get(id)!.port}`,
  }))
  for (const [id, { bootstrap }] of brokers.running) ways.get(id)!.target = Number(bootstrap.split(':')[1])
  return {
    brokers,
    ways,
    [Symbol.asyncDispose]: async () => {
      await brokers[Symbol.asyncDispose]()
      for (const way of ways.values()) await way[Symbol.asyncDispose]()
    },
  }
}

/** Programs that print the value of each record of the topic from the first on, a line each, until they are killed. */
const { python, missing: noPython } = await pythonClient()
const jars = kafkaJars()
const consumers = [
  {
    name: 'librdkafka',
    missing: noPython,
    command: (bootstrap: string, rack: string): [string, string[]] => [
      python!,
      [join(packageRoot, 'test', 'clients', 'python', 'read_replica.py'), bootstrap, topic, rack],
    ],
  },
  {
    name: 'Java consumer',
    missing: jars.missing,
    command: (bootstrap: string, rack: string): [string, string[]] => [
      'java',
      [
        ...['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
        ...['-cp', `${jars.libs}/*`, 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
        ...['--bootstrap-server', bootstrap, '--topic', topic],
        ...['--partition', '0', '--offset', 'earliest'],
        ...['--command-property', `client.rack=${rack}`],
      ],
    ],
  },
]
for (const { name, missing, command } of consumers) {
  const title = `${name}: reads from the follower in its rack, and from the leader when that dies`
  if (missing !== undefined) {
    test.skip(`${title} (skipped: ${missing})`, () => {})
    continue
  }
  etcdTest(title, async (t) => {
    await using cluster = await start()
    const { brokers, ways } = cluster
    await brokers.createTopic(topic, 1, 3)
    const { id: leader } = await brokers.leader(topic)
    const [follower, third] = ids.filter((id) => id !== leader) as [number, number]
    using producer = await brokers.client(leader)
    const write = async (some: readonly string[]) => {
      t.is((await produce(producer, topic, batchOf(some))).errorCode, 0)
    }
    await write(values.slice(0, half))

    const program = new RunningProgram(...command(`127.0.0.1:${ways.get(leader)!.port}`, `rack-${follower}`))
    try {
      const printed = () => program.lines.filter((line) => line !== '')
      await program.until('the first half', () => printed().length >= half)
      t.true(ways.get(follower)!.received > half * 1_000)
      t.true(ways.get(leader)!.received < half * 1_000)
      t.true(ways.get(third)!.received < half * 1_000)
      ways.get(follower)!.target = undefined
      await brokers.kill(follower)
      await write(values.slice(half))
      await program.until('the second half', () => printed().length >= 2 * half)
      t.deepEqual(printed().map(indexOf), values.map(indexOf))
    } finally {
      program.child.kill('SIGKILL')
      await program.ended
    }
  })
}
