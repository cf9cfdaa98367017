import type { ExecutionContext } from 'ava'
import type { Admin } from 'kafkajs'
import { isInstalled, RunningProgram, run } from '../support/program.js'
import { COMPRESSIONS, type Scenario, suite } from '../support/suite.js'
import { uniqueName } from '../support/target.js'

interface KcatRecord {
  topic: string
  partition: number
  offset: number
  tstype: string
  ts: number
  key: string | null
  payload: string | null
  headers?: string[]
}

const records = (stdout: string): KcatRecord[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

/** Seconds for metadata, of which kcat gives a slow machine five. */
const patient = ['-m', '60']

async function consumeAll(bootstrap: string, topic: string, ...args: string[]): Promise<KcatRecord[]> {
  const { stdout } = await run('kcat', ['-b', bootstrap, '-C', ...patient, '-t', topic, '-eqJ', ...args])
  return records(stdout)
}

const scenarios: Scenario[] = [
  ...COMPRESSIONS.map(
    (compression): Scenario => ({
      name: `produces and consumes keys, headers and timestamps, compressed by ${compression}`,
      async run(t, { bootstrap }) {
        const topic = uniqueName(`kcat-${compression}`)
        const input = Array.from({ length: 500 }, (_, i) => `key-${i}:value ${i} ${'x'.repeat(i)}\n`).join('')
        const before = Date.now()
        await run(
          'kcat',
          ['-b', bootstrap, '-P', '-t', topic, '-K:', '-z', compression, '-H', 'trace=abc', '-H', 'n=1'],
          {
            input,
          },
        )
        const consumed = await consumeAll(bootstrap, topic, '-o', 'beginning')
        t.is(consumed.length, 500)
        consumed.forEach((record, i) => {
          t.is(record.offset, i)
          t.is(record.key, `key-${i}`)
          t.is(record.payload, `value ${i} ${'x'.repeat(i)}`)
          t.deepEqual(record.headers, ['trace', 'abc', 'n', '1'])
          t.is(record.tstype, 'create')
          t.true(record.ts >= before && record.ts <= Date.now())
        })
      },
    }),
  ),
  {
    name: 'lists brokers, topics and partitions',
    async run(t, { bootstrap }) {
      const topic = uniqueName('kcat-list')
      await run('kcat', ['-b', bootstrap, '-P', '-t', topic], { input: 'one\n' })
      const { stdout } = await run('kcat', ['-b', bootstrap, '-L', ...patient, '-J'])
      const metadata = JSON.parse(stdout)
      t.is(metadata.brokers.length, 1)
      t.is(metadata.brokers[0].name, bootstrap)
      const found = metadata.topics.find((entry: { topic: string }) => entry.topic === topic)
      t.deepEqual(
        found.partitions.map((entry: { partition: number }) => entry.partition),
        [0],
      )
    },
  },
  {
    name: 'produces with acks 0, 1 and all',
    async run(t, { bootstrap }) {
      const topic = uniqueName('kcat-acks')
      await run('kcat', ['-b', bootstrap, '-P', '-t', topic], { input: 'first\n' })
      for (const acks of ['0', '1', 'all']) {
        await run('kcat', ['-b', bootstrap, '-P', '-t', topic, '-X', `acks=${acks}`], {
          input: `acks ${acks}\n`,
        })
      }
      const payloads = (await consumeAll(bootstrap, topic, '-o', 'beginning', '-c', '4')).map(
        ({ payload }) => payload,
      )
      t.deepEqual(payloads.sort(), ['acks 0', 'acks 1', 'acks all', 'first'])
    },
  },
  {
    name: 'starts at an offset, before the end and at a time',
    async run(t, { bootstrap }) {
      const topic = uniqueName('kcat-offset')
      await run('kcat', ['-b', bootstrap, '-P', '-t', topic], { input: 'a\nb\nc\n' })
      const payloads = async (offset: string) =>
        (await consumeAll(bootstrap, topic, '-o', offset)).map(({ payload }) => payload)
      t.deepEqual(await payloads('1'), ['b', 'c'])
      t.deepEqual(await payloads('-1'), ['c'])
      t.deepEqual(await payloads('s@1'), ['a', 'b', 'c'])
      const { stdout } = await run('kcat', ['-b', bootstrap, '-Q', ...patient, '-t', `${topic}:0:1`])
      t.regex(stdout, /offset 0/)
    },
  },
  {
    name: 'null values and empty values stay apart',
    async run(t, { bootstrap }) {
      const topic = uniqueName('kcat-null')
      await run('kcat', ['-b', bootstrap, '-P', '-t', topic, '-K:', '-Z'], { input: 'dead:\n' })
      await run('kcat', ['-b', bootstrap, '-P', '-t', topic, '-K:'], { input: 'empty:\n' })
      const [dead, empty] = await consumeAll(bootstrap, topic, '-o', 'beginning')
      t.is(dead!.payload, null)
      t.is(empty!.payload, '')
    },
  },
  {
    name: 'an idempotent producer with several partitions loses and doubles nothing',
    async run(t, { bootstrap }) {
      const topic = uniqueName('kcat-idempotent')
      const input = Array.from({ length: 20_000 }, (_, i) => `${i % 100}:${i}\n`).join('')
      await run(
        'kcat',
        ['-b', bootstrap, '-P', '-t', topic, '-K:', '-X', 'enable.idempotence=true', '-X', 'linger.ms=1'],
        {
          input,
        },
      )
      const consumed = await consumeAll(bootstrap, topic, '-o', 'beginning')
      t.is(consumed.length, 20_000)
      t.is(new Set(consumed.map(({ payload }) => payload)).size, 20_000)
    },
  },
  {
    name: 'a group shares partitions, commits, and resumes',
    run: groupScenario,
  },
  {
    name: 'a member that is killed loses its partitions when its session ends, not with its connection',
    run: sessionScenario,
  },
]

/** For what kcat itself cannot. */
async function withAdmin<T>(bootstrap: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const { Kafka, logLevel } = (await import('kafkajs')).default
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function twoPartitions(bootstrap: string): Promise<string> {
  const topic = uniqueName('kcat-group')
  await withAdmin(bootstrap, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true }),
  )
  return topic
}

function groupMember(bootstrap: string, group: string, topic: string, sessionMs = 45_000): RunningProgram {
  return new RunningProgram('kcat', [
    ...['-b', bootstrap, '-G', group, '-J', '-u'],
    ...[
      '-X',
      'auto.offset.reset=earliest',
      '-X',
      `session.timeout.ms=${sessionMs}`,
      '-X',
      'heartbeat.interval.ms=500',
    ],
    topic,
  ])
}

/** How many partitions a member has by its last word on it. */
function partitionsOf({ stderr }: RunningProgram): number {
  const assigned = stderr.match(/assigned: .*/g)?.at(-1) ?? ''
  return assigned.match(/\[\d+\]/g)?.length ?? 0
}

async function sessionScenario(t: ExecutionContext, { bootstrap }: { bootstrap: string }): Promise<void> {
  const topic = await twoPartitions(bootstrap)
  const group = uniqueName('kcat-session')
  // So long that a slow machine still asks in time whether the member is there.
  const member = () => groupMember(bootstrap, group, topic, 12_000)
  const [killed, left] = [member(), member()]
  for (const member of [killed, left]) {
    await member.until('an assignment of one partition', () => partitionsOf(member) === 1)
  }
  await withAdmin(bootstrap, async (admin) => {
    const size = async () => (await admin.describeGroups([group])).groups[0]!.members.length
    t.is(await size(), 2)
    await killed.stop('SIGKILL')
    t.is(await size(), 2, 'the connection is closed, and the session is not over')
  })
  await left.until('an assignment of both partitions', () => partitionsOf(left) === 2)
  await left.stop()
}

async function groupScenario(t: ExecutionContext, { bootstrap }: { bootstrap: string }): Promise<void> {
  const topic = await twoPartitions(bootstrap)
  const group = uniqueName('kcat-members')
  const member = () => groupMember(bootstrap, group, topic)
  const produce = (from: number, count: number) => {
    const input = Array.from({ length: count }, (_, i) => `key-${from + i}:${from + i}\n`).join('')
    return run('kcat', ['-b', bootstrap, '-P', '-t', topic, '-K:'], { input })
  }

  const first = member()
  await first.until('an assignment of both partitions', () => partitionsOf(first) === 2)
  await produce(0, 100)
  await first.until('100 records', () => first.lines.length === 100)

  const second = member()
  await second.until('an assignment of one partition', () => partitionsOf(second) === 1)
  await first.until('a rebalance to one partition', () => partitionsOf(first) === 1)
  await produce(100, 100)
  const both = () => [...records(first.stdout), ...records(second.stdout)]
  await Promise.race(
    [first, second].map((program) => program.until('200 records of both', () => both().length >= 200)),
  )
  await first.stop()
  await second.stop()
  const seen = both().map(({ payload }) => Number(payload))
  t.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, i) => i),
  )

  await produce(200, 50)
  const third = member()
  await third.until('the 50 records after the commit', () => third.lines.length >= 50)
  await third.stop()
  const resumed = records(third.stdout).map(({ payload }) => Number(payload))
  t.deepEqual(
    resumed.sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => 200 + i),
  )
}

suite('kcat', isInstalled('kcat', '-V') ? undefined : 'kcat is not installed (Debian: kcat)', scenarios)
