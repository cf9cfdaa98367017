import { once } from 'node:events'
import type { ExecutionContext } from 'ava'
import kafkajs, { type Admin, type Consumer, type EachMessagePayload, type Kafka } from 'kafkajs'
import { type Scenario, suite } from '../support/suite.js'
import { type Target, uniqueName } from '../support/target.js'
import { registerCodecs } from './kafkajs-codecs.js'

const { CompressionTypes, ConfigResourceTypes, logLevel } = kafkajs
const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const client = ({ bootstrap }: Target): Kafka =>
  new kafkajs.Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })

async function withAdmin<T>(target: Target, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client(target).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

const createTopic = (target: Target, topic: string, numPartitions = 1) =>
  withAdmin(target, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true }),
  )

async function produce(target: Target, topic: string, values: readonly string[]): Promise<void> {
  const producer = client(target).producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map((value) => ({ key: value, value })) })
  await producer.disconnect()
}

/** Consumes until `count` records came, then commits by leaving. */
async function consume(
  target: Target,
  topic: string,
  count: number,
  groupId = uniqueName('kafkajs'),
): Promise<EachMessagePayload[]> {
  const consumer = client(target).consumer({ groupId, maxWaitTimeInMs: 200 })
  const payloads: EachMessagePayload[] = []
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise<void>((resolve) => {
      consumer.run({
        eachMessage: async (payload) => {
          payloads.push(payload)
          if (payloads.length === count) resolve()
        },
      })
    })
  } finally {
    await consumer.disconnect()
  }
  return payloads
}

const scenarios: Scenario[] = [
  ...Object.entries(codecs).map(
    ([name, compression]): Scenario => ({
      name: `produces and consumes keys, headers and timestamps, compressed by ${name}`,
      async run(t, target) {
        const topic = uniqueName(`kafkajs-${name}`)
        await createTopic(target, topic)
        const producer = client(target).producer()
        await producer.connect()
        const messages = Array.from({ length: 300 }, (_, i) => ({
          key: `key-${i}`,
          value: `value ${i} ${'x'.repeat(i)}`,
          headers: { trace: 'abc', many: ['1', '2'] },
          timestamp: String(1_700_000_000_000 + i),
        }))
        await producer.send({ topic, compression, messages })
        await producer.disconnect()
        const payloads = await consume(target, topic, 300)
        payloads.forEach(({ message }, i) => {
          t.is(message.offset, String(i))
          t.is(message.key?.toString(), `key-${i}`)
          t.is(message.value?.toString(), messages[i]!.value)
          t.is(message.timestamp, messages[i]!.timestamp)
          t.is(message.headers?.trace?.toString(), 'abc')
          t.deepEqual(
            (message.headers!.many as Buffer[]).map((bytes) => bytes.toString()),
            ['1', '2'],
          )
        })
      },
    }),
  ),
  {
    name: 'produces with acks 0, 1 and all, and idempotently',
    async run(t, target) {
      const topic = uniqueName('kafkajs-acks')
      await createTopic(target, topic)
      for (const acks of [0, 1, -1]) {
        const producer = client(target).producer()
        await producer.connect()
        await producer.send({ topic, acks, messages: [{ value: `acks ${acks}` }] })
        await producer.disconnect()
      }
      const idempotent = client(target).producer({ idempotent: true, maxInFlightRequests: 1 })
      await idempotent.connect()
      for (let i = 0; i < 5; i++) await idempotent.send({ topic, messages: [{ value: `idempotent ${i}` }] })
      await idempotent.disconnect()
      const values = (await consume(target, topic, 8)).map(({ message }) => message.value!.toString())
      t.deepEqual(new Set(values).size, 8)
    },
  },
  {
    name: 'creates, describes, enlarges and deletes topics',
    async run(t, target) {
      const topic = uniqueName('kafkajs-topic')
      await withAdmin(target, async (admin) => {
        const configEntries = [{ name: 'retention.ms', value: '60000' }]
        t.true(
          await admin.createTopics({
            topics: [{ topic, numPartitions: 2, configEntries }],
            waitForLeaders: true,
          }),
        )
        t.false(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }))
        await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
        t.is(topics[0]!.partitions.length, 3)
        t.true((await admin.listTopics()).includes(topic))
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
        })
        t.is(resources[0]!.configEntries[0]!.configValue, '60000')
        await admin.alterConfigs({
          validateOnly: false,
          resources: [
            {
              type: ConfigResourceTypes.TOPIC,
              name: topic,
              configEntries: [{ name: 'retention.ms', value: '70000' }],
            },
          ],
        })
        await admin.deleteTopics({ topics: [topic] })
        t.false((await admin.listTopics()).includes(topic))
      })
    },
  },
  {
    name: 'lists offsets, also by time, and deletes records',
    async run(t, target) {
      const topic = uniqueName('kafkajs-offsets')
      await createTopic(target, topic)
      const producer = client(target).producer()
      await producer.connect()
      const messages = [1000, 2000, 3000].map((time) => ({ value: `at ${time}`, timestamp: String(time) }))
      await producer.send({ topic, messages })
      await producer.disconnect()
      await withAdmin(target, async (admin) => {
        t.like((await admin.fetchTopicOffsets(topic))[0], { low: '0', high: '3' })
        t.is((await admin.fetchTopicOffsetsByTimestamp(topic, 1500))[0]!.offset, '1')
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
        t.like((await admin.fetchTopicOffsets(topic))[0], { low: '2', high: '3' })
      })
      t.deepEqual(
        (await consume(target, topic, 1)).map(({ message }) => message.value!.toString()),
        ['at 3000'],
      )
    },
  },
  {
    name: 'a group shares partitions, rebalances, commits and resumes',
    run: groupScenario,
  },
  {
    name: 'describes, resets and deletes a group',
    async run(t, target) {
      const topic = uniqueName('kafkajs-reset')
      const groupId = uniqueName('kafkajs-group')
      await createTopic(target, topic)
      await produce(target, topic, ['a', 'b', 'c'])
      await consume(target, topic, 3, groupId)
      await withAdmin(target, async (admin) => {
        t.is((await admin.describeGroups([groupId])).groups[0]!.state, 'Empty')
        t.true((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
        t.is((await admin.fetchOffsets({ groupId, topics: [topic] }))[0]!.partitions[0]!.offset, '3')
        await admin.resetOffsets({ groupId, topic, earliest: true })
        t.is(
          (await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true }))[0]!.partitions[0]!
            .offset,
          '0',
        )
      })
      const again = await consume(target, topic, 3, groupId)
      t.is(again[0]!.message.value!.toString(), 'a')
      await withAdmin(target, async (admin) => {
        t.deepEqual(await admin.deleteGroups([groupId]), [{ groupId, errorCode: 0 }])
      })
    },
  },
]

class Member {
  readonly consumer: Consumer
  readonly values: number[] = []
  partitions: number[] = []
  readonly #changes = new EventTarget()

  constructor(target: Target, groupId: string, topic: string) {
    this.consumer = client(target).consumer({
      groupId,
      sessionTimeout: 45_000,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 200,
    })
    this.consumer.on(this.consumer.events.GROUP_JOIN, ({ payload }) => {
      this.partitions = payload.memberAssignment[topic] ?? []
      this.#changes.dispatchEvent(new Event('change'))
    })
  }

  async start(topic: string): Promise<void> {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: [topic], fromBeginning: true })
    await this.consumer.run({
      eachMessage: async ({ message }) => {
        this.values.push(Number(message.value))
        this.#changes.dispatchEvent(new Event('change'))
      },
    })
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#changes, 'change', { signal: AbortSignal.timeout(120_000) })
  }
}

async function groupScenario(t: ExecutionContext, target: Target): Promise<void> {
  const topic = uniqueName('kafkajs-group')
  const groupId = uniqueName('kafkajs-members')
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
  const sorted = (values: number[]) => values.sort((a, b) => a - b)
  await createTopic(target, topic, 4)

  const first = new Member(target, groupId, topic)
  await first.start(topic)
  await first.until(() => first.partitions.length === 4)
  await produce(target, topic, numbers(0, 100).map(String))
  await first.until(() => first.values.length === 100)

  const second = new Member(target, groupId, topic)
  await second.start(topic)
  await Promise.all([first, second].map((member) => member.until(() => member.partitions.length === 2)))
  await produce(target, topic, numbers(100, 100).map(String))
  const total = () => first.values.length + second.values.length
  await Promise.race([first, second].map((member) => member.until(() => total() >= 200)))
  t.true(second.values.length > 0)
  t.deepEqual(sorted([...first.values, ...second.values]), numbers(0, 200))

  // Leaving hands the partitions over.
  await second.consumer.disconnect()
  await first.until(() => first.partitions.length === 4)
  await first.consumer.disconnect()
  await produce(target, topic, numbers(200, 50).map(String))
  const third = new Member(target, groupId, topic)
  await third.start(topic)
  await third.until(() => third.values.length >= 50)
  await third.consumer.disconnect()
  t.deepEqual(sorted(third.values), numbers(200, 50))
}

suite('kafkajs', undefined, scenarios, { prepare: registerCodecs })
