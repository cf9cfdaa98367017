/**
 * Brokers are stopped and started one after the other, and one is killed, while clients with their default settings
 * produce and a group consumes: no send fails, nothing acknowledged is lost, and idempotent producers duplicate nothing.
 */

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka'
import test, { type ExecutionContext } from 'ava'
import { Kafka, logLevel } from 'kafkajs'
import { BrokerProcesses } from '../support/broker-processes.js'
import { until } from '../support/brokers.js'
import { etcdTest } from '../support/etcd-test.js'
import { isInstalled, RunningProgram } from '../support/program.js'
import { steadyPort } from '../support/steady-port.js'
import { kafkaJars, packageRoot } from '../support/target.js'
import { pythonClient } from './python-client.js'

const ids = [1, 2, 3]
const partitions = 3
const pauseMs = 20
/** Acknowledged by each producer between one event and the next. */
const someRecords = 20

interface SteadyProducer {
  readonly topic: string
  readonly isIdempotent: boolean
  /** Values that were acknowledged, and why others were not. */
  readonly acknowledged: readonly string[]
  readonly failures: readonly string[]
  stop(): Promise<void>
}

type Start = (bootstrap: string) => Promise<SteadyProducer> | SteadyProducer

/** The lines that a program prints, split once. */
function linesOf({ child }: RunningProgram, onLine: (line: string) => void): void {
  let rest = ''
  child.stdout!.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  })
}

/** A program that prints what was acknowledged, and ends with its input. */
function program(topic: string, command: string, args: readonly string[]): SteadyProducer {
  const running = new RunningProgram(command, args)
  const acknowledged: string[] = []
  const failures: string[] = []
  linesOf(running, (line) => (line.startsWith('FAILED') ? failures : acknowledged).push(line))
  return {
    topic,
    isIdempotent: true,
    acknowledged,
    failures,
    async stop() {
      running.child.stdin!.end()
      const { code, stderr } = await running.ended
      if (code !== 0) throw new Error(`the producer of ${topic} ended with ${code}: ${stderr}`)
    },
  }
}

/** One message at a time: what these clients do with more, when a leader moves, is known to lose and to double some. */
function oneByOne(
  topic: string,
  send: (value: string) => Promise<unknown>,
  close: () => Promise<unknown>,
): SteadyProducer {
  const acknowledged: string[] = []
  const failures: string[] = []
  let isStopped = false
  const sending = (async () => {
    for (let number = 0; !isStopped; number++) {
      await send(String(number)).then(
        () => acknowledged.push(String(number)),
        (error: unknown) => failures.push(...reasonsIn(error)),
      )
      await delay(pauseMs)
    }
  })()
  return {
    topic,
    isIdempotent: false,
    acknowledged,
    failures,
    async stop() {
      isStopped = true
      await sending
      await close()
    },
  }
}

/** What went wrong, but for connections that ended: a slow machine may end them before the client was told more. */
function reasonsIn(error: unknown): string[] {
  const { message, errors = [] } = error as Error & { errors?: unknown[] }
  const reasons = errors.length > 0 ? errors.flatMap(reasonsIn) : [message]
  return reasons.filter((reason) => !/connection .*(failed|closed)|connection closed/i.test(reason))
}

const { python, missing: noPython } = await pythonClient()
const jars = kafkaJars()
const noJava = jars.missing ?? (isInstalled('javac', '-version') ? undefined : 'javac is not installed')
const source = (...path: string[]) => join(packageRoot, 'test', 'clients', ...path)

const starts: Record<string, { missing?: string | undefined; start: Start }> = {
  java: {
    missing: noJava,
    start: (bootstrap) =>
      program('java', 'java', [
        ...['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
        ...['-cp', `${jars.libs}/*`, source('java', 'SteadyProducer.java'), bootstrap, 'java'],
      ]),
  },
  librdkafka: {
    missing: noPython,
    start: (bootstrap) =>
      program('librdkafka', python!, [source('python', 'steady_producer.py'), bootstrap, 'librdkafka']),
  },
  kafkajs: {
    async start(bootstrap) {
      const producer = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING }).producer()
      await producer.connect()
      return oneByOne(
        'kafkajs',
        (value) => producer.send({ topic: 'kafkajs', messages: [{ value }] }),
        () => producer.disconnect(),
      )
    },
  },
  platformatic: {
    start(bootstrap) {
      const producer = new Producer({
        clientId: 'steady',
        bootstrapBrokers: bootstrap.split(','),
        serializers: stringSerializers,
      })
      return oneByOne(
        'platformatic',
        // Its default is the leader alone, whose last records may go with it.
        (value) => producer.send({ messages: [{ topic: 'platformatic', value }], acks: ProduceAcks.ALL }),
        () => producer.close(),
      )
    },
  },
}

const clients = Object.entries(starts)
const missing = clients.flatMap(([, { missing }]) => missing ?? [])[0]
const title = 'brokers restart one after the other, and one is killed: no send fails, nothing is lost'

const restart = async (t: ExecutionContext) => {
  await using brokers = await BrokerProcesses.start([])
  const ports = new Map<number, number>()
  for (const id of ids) ports.set(id, await steadyPort())
  const overrides = { 'offsets.topic.num.partitions': '3', 'group.initial.rebalance.delay.ms': '0' }
  const start = (id: number) => brokers.start(id, { overrides, port: ports.get(id)! })
  await Promise.all(ids.map(start))
  const bootstrap = [...ports.values()].map((port) => `127.0.0.1:${port}`).join(',')
  const topics = clients.map(([name]) => name)
  for (const topic of topics) await brokers.createTopic(topic, partitions, 3)
  const untilWhole = async () => {
    for (const topic of topics) {
      for (let partition = 0; partition < partitions; partition++)
        await brokers.untilInSync(topic, ids, partition)
    }
  }

  const producers = await Promise.all(clients.map(([, { start }]) => start(bootstrap)))
  const running = [...producers]
  const consumer = new RunningProgram(python!, [
    ...[source('python', 'steady_consumer.py'), bootstrap],
    ...topics,
  ])
  const consumed = new Map(
    topics.map((topic) => [topic, { values: new Set<string>(), places: new Set<string>() }]),
  )
  linesOf(consumer, (line) => {
    const [topic, partition, offset, value] = line.split(' ')
    consumed.get(topic!)?.values.add(value!)
    consumed.get(topic!)?.places.add(`${partition}/${offset}`)
  })
  const moreIsAcknowledged = async () => {
    const goals = running.map((producer) => producer.acknowledged.length + someRecords)
    await until(() => running.every((producer, index) => producer.acknowledged.length >= goals[index]!))
  }

  await moreIsAcknowledged()
  for (const id of ids) {
    t.is(await brokers.stop(id), 0)
    await moreIsAcknowledged()
    await start(id)
    await untilWhole()
    await moreIsAcknowledged()
  }
  // @platformatic/kafka looks for no other leader when its connection ends.
  await running.pop()!.stop()
  const { id: leader } = await brokers.leader(topics[0]!)
  await brokers.kill(leader)
  await moreIsAcknowledged()
  await start(leader)
  await moreIsAcknowledged()
  for (const producer of running) await producer.stop()
  for (const { topic, failures } of producers) t.deepEqual(failures, [], topic)

  for (const { topic, acknowledged, isIdempotent } of producers) {
    const read = consumed.get(topic)!
    await until(() => acknowledged.every((value) => read.values.has(value)))
    if (isIdempotent) t.is(read.places.size, acknowledged.length, topic)
  }
  consumer.child.stdin!.end()
  const { code, stdout, stderr } = await consumer.ended
  t.is(code, 0, stderr)
  const places = [...consumed.values()].reduce((sum, { places }) => sum + places.size, 0)
  t.is(Number(/^COMMITTED (\d+)$/m.exec(stdout)?.[1]), places)
}

if (missing === undefined) etcdTest(title, restart)
else test.skip(`${title} (skipped: ${missing})`, () => {})
