import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { attempt, type Outcome, RunningProgram, run } from '../support/program.js'
import { COMPRESSIONS, type Scenario, suite } from '../support/suite.js'
import { type Target, uniqueName } from '../support/target.js'
import { jars, javaArgs, type Tool } from './kafka-tools.js'

/** Runs a tool with the address of the broker; the arguments are one text. */
async function tool({ bootstrap }: Target, name: Tool, args: string, input?: string): Promise<string> {
  const words = ['--bootstrap-server', bootstrap, ...args.split(' ')]
  const { stdout } = await run('java', javaArgs(name, words), { input, timeoutMs: 240_000 })
  return stdout
}

function fail({ bootstrap }: Target, name: Tool, args: string): Promise<Outcome> {
  const words = ['--bootstrap-server', bootstrap, ...args.split(' ')]
  return attempt('java', javaArgs(name, words), { timeoutMs: 240_000 })
}

const consume = (target: Target, topic: string, count: number, more = '') =>
  tool(
    target,
    'kafka-console-consumer',
    `--topic ${topic} --from-beginning --max-messages ${count} --timeout-ms 120000${more === '' ? '' : ` ${more}`}`,
  )

const produce = (target: Target, topic: string, input: string, more = '') =>
  tool(target, 'kafka-console-producer', `--topic ${topic}${more === '' ? '' : ` ${more}`}`, input)

const scenarios: Scenario[] = [
  {
    name: 'kafka-topics creates, lists, describes, alters and deletes',
    async run(t, target) {
      const topic = uniqueName('tools-topic')
      const topics = (args: string) => tool(target, 'kafka-topics', args)
      t.regex(
        await topics(`--create --topic ${topic} --partitions 3 --config retention.ms=60000`),
        new RegExp(`Created topic ${topic}`),
      )
      t.true((await topics('--list')).split('\n').includes(topic))
      const described = await topics(`--describe --topic ${topic}`)
      t.regex(described, /PartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention\.ms=60000/)
      t.regex(described, /Partition: 2\tLeader: (\d+)\tReplicas: \1\tIsr: \1/)
      await topics(`--alter --topic ${topic} --partitions 5`)
      t.regex(await topics(`--describe --topic ${topic}`), /PartitionCount: 5/)
      t.is(await topics('--describe --unavailable-partitions'), '')
      await topics(`--delete --topic ${topic}`)
      t.false((await topics('--list')).split('\n').includes(topic))
      const again = await fail(target, 'kafka-topics', `--describe --topic ${topic}`)
      t.is(again.code, 1)
      t.regex(again.stdout + again.stderr, /does not exist/)
    },
  },
  {
    name: 'kafka-configs describes and alters topics and brokers',
    async run(t, target) {
      const topic = uniqueName('tools-configs')
      const configs = (args: string) => tool(target, 'kafka-configs', args)
      await tool(target, 'kafka-topics', `--create --topic ${topic}`)
      await configs(`--alter --topic ${topic} --add-config retention.ms=1234,cleanup.policy=[compact,delete]`)
      const described = await configs(`--describe --topic ${topic}`)
      t.regex(
        described,
        /retention\.ms=1234 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention\.ms=1234/,
      )
      t.regex(described, /cleanup\.policy=compact,delete/)
      await configs(`--alter --topic ${topic} --delete-config retention.ms`)
      t.notRegex(await configs(`--describe --topic ${topic}`), /retention\.ms/)
      t.regex(await configs(`--describe --topic ${topic} --all`), /segment\.bytes=1073741824/)
      await configs('--alter --broker-defaults --add-config log.retention.ms=98765')
      t.regex(await configs('--describe --broker-defaults'), /log\.retention\.ms=98765/)
      await configs('--alter --broker-defaults --delete-config log.retention.ms')
      const wrong = await fail(
        target,
        'kafka-configs',
        `--alter --topic ${topic} --add-config retention.ms=soon`,
      )
      t.not(wrong.code, 0)
    },
  },
  ...COMPRESSIONS.map(
    (compression): Scenario => ({
      name: `kafka-console-producer and -consumer pass keys, headers and timestamps, compressed by ${compression}`,
      async run(t, target) {
        const topic = uniqueName(`tools-${compression}`)
        await tool(target, 'kafka-topics', `--create --topic ${topic}`)
        const lines = Array.from({ length: 200 }, (_, i) => [
          `trace:${i},more:x`,
          `key-${i}`,
          `value-${'x'.repeat(i)}`,
        ])
        const before = Date.now()
        await produce(
          target,
          topic,
          lines.map((fields) => `${fields.join('\t')}\n`).join(''),
          `--compression-codec ${compression} --reader-property parse.key=true --reader-property parse.headers=true`,
        )
        const printed = await consume(
          target,
          topic,
          200,
          ['key', 'headers', 'timestamp', 'offset']
            .map((name) => `--formatter-property print.${name}=true`)
            .join(' '),
        )
        const read = printed.split('\n').slice(0, -1)
        t.is(read.length, 200)
        read.forEach((line, i) => {
          const [timestamp, offset, ...fields] = line.split('\t')
          const time = Number(/^CreateTime:(\d+)$/.exec(timestamp!)![1])
          t.true(time >= before && time <= Date.now())
          t.is(offset, `Offset:${i}`)
          t.deepEqual(fields, lines[i])
        })
      },
    }),
  ),
  {
    name: 'kafka-consumer-groups describes, resets and deletes; a group resumes where it stood',
    run: groupScenario,
  },
  {
    name: 'two kafka-console-consumers share a topic',
    run: sharingScenario,
  },
  {
    name: 'kafka-get-offsets shows earliest, latest and the youngest',
    async run(t, target) {
      const topic = uniqueName('tools-offsets')
      await tool(target, 'kafka-topics', `--create --topic ${topic}`)
      await produce(target, topic, 'a\nb\nc\n')
      const offsets = (time: string) => tool(target, 'kafka-get-offsets', `--topic ${topic} --time ${time}`)
      t.is(await offsets('latest'), `${topic}:0:3\n`)
      t.is(await offsets('earliest'), `${topic}:0:0\n`)
      t.regex(await offsets('max-timestamp'), new RegExp(`^${topic}:0:[012]\n$`))
      t.is(await offsets('1000'), `${topic}:0:0\n`)
    },
  },
  {
    name: 'kafka-delete-records moves the beginning',
    async run(t, target) {
      const topic = uniqueName('tools-delete')
      await tool(target, 'kafka-topics', `--create --topic ${topic}`)
      await produce(target, topic, 'a\nb\nc\n')
      const file = join(tmpdir(), `${topic}.json`)
      t.teardown(() => rm(file, { force: true }))
      await writeFile(file, JSON.stringify({ partitions: [{ topic, partition: 0, offset: 2 }], version: 1 }))
      t.regex(await tool(target, 'kafka-delete-records', `--offset-json-file ${file}`), /low_watermark: 2/)
      t.is(await consume(target, topic, 1), 'c\n')
    },
  },
  {
    name: 'kafka-log-dirs shows sizes',
    async run(t, target) {
      const topic = uniqueName('tools-dirs')
      await tool(target, 'kafka-topics', `--create --topic ${topic}`)
      await produce(target, topic, 'a\n')
      const printed = await tool(target, 'kafka-log-dirs', `--describe --topic-list ${topic}`)
      const report = JSON.parse(printed.split('\n').find((line) => line.startsWith('{'))!)
      const [folder] = report.brokers[0].logDirs
      t.is(folder.error, null)
      t.is(folder.partitions[0].partition, `${topic}-0`)
      t.true(folder.partitions[0].size > 0)
    },
  },
  {
    name: 'kafka-broker-api-versions finds every API usable',
    async run(t, target) {
      const { stdout } = await run(
        'java',
        javaArgs('kafka-broker-api-versions', ['--bootstrap-server', target.bootstrap]),
      )
      for (const api of [
        'Produce(0)',
        'Fetch(1)',
        'ListOffsets(2)',
        'Metadata(3)',
        'JoinGroup(11)',
        'ApiVersions(18)',
      ]) {
        t.regex(stdout, new RegExp(`\\t${api.replace(/[()]/g, '\\$&')}: .*\\[usable: \\d+\\]`))
      }
    },
  },
  {
    name: 'kafka-cluster prints the id',
    async run(t, { bootstrap }) {
      const { stdout } = await run(
        'java',
        javaArgs('kafka-cluster', ['cluster-id', '--bootstrap-server', bootstrap]),
      )
      t.regex(stdout, /^Cluster ID: [\w-]{22}$/m)
    },
  },
  {
    name: 'kafka-dump-log reads the segments',
    async run(t, target) {
      const topic = uniqueName('tools-dump')
      await tool(target, 'kafka-topics', `--create --topic ${topic} --config segment.bytes=1048576`)
      await produce(
        target,
        topic,
        'k1\tone\nk2\ttwo\n',
        '--reader-property parse.key=true --compression-codec lz4',
      )
      // More than a segment holds: the first is sealed, with entries in its indexes.
      await produce(target, topic, `${'x'.repeat(1000)}\n`.repeat(1500))
      const folder = join(target.dataDir, `${topic}-0`)
      const log = join(folder, '00000000000000000000.log')
      const { stdout } = await run('java', javaArgs('kafka-dump-log', ['--print-data-log', '--files', log]))
      t.regex(stdout, /baseOffset: 0 lastOffset: \d .* isvalid: true/)
      t.regex(stdout, /compresscodec: lz4/)
      t.regex(stdout, /offset: 1 .*key: k2 payload: two/)
      for (const index of ['index', 'timeindex']) {
        const checked = await run(
          'java',
          javaArgs('kafka-dump-log', [
            '--index-sanity-check',
            '--files',
            join(folder, `00000000000000000000.${index}`),
          ]),
        )
        t.regex(checked.stdout, /passed sanity check/)
      }
    },
  },
  {
    name: 'the perf tools run',
    async run(t, { bootstrap }) {
      const topic = uniqueName('tools-perf')
      const produced = await run(
        'java',
        javaArgs(
          'kafka-producer-perf-test',
          `--topic ${topic} --num-records 50000 --record-size 100 --throughput -1 --bootstrap-server ${bootstrap}`.split(
            ' ',
          ),
        ),
      )
      t.regex(produced.stdout, /^50000 records sent/m)
      const consumed = await run(
        'java',
        javaArgs(
          'kafka-consumer-perf-test',
          `--bootstrap-server ${bootstrap} --topic ${topic} --num-records 50000 --timeout 120000`.split(' '),
        ),
      )
      t.regex(consumed.stdout, /, 50000, /)
    },
  },
]

async function groupScenario(t: ExecutionContext, target: Target): Promise<void> {
  const topic = uniqueName('tools-group')
  const group = uniqueName('tools-group')
  const groups = (args: string) => tool(target, 'kafka-consumer-groups', args)
  const describe = async () => {
    const lines = (await groups(`--describe --group ${group}`)).split('\n')
    const [, , partition, current, end, lag] = lines.find((line) => line.startsWith(group))!.split(/\s+/)
    return { partition, current, end, lag }
  }
  await tool(target, 'kafka-topics', `--create --topic ${topic}`)
  await produce(target, topic, 'a\nb\nc\nd\n')
  t.is(await consume(target, topic, 3, `--group ${group}`), 'a\nb\nc\n')
  t.deepEqual(await describe(), { partition: '0', current: '3', end: '4', lag: '1' })
  t.is(await consume(target, topic, 1, `--group ${group}`), 'd\n')
  t.true((await groups('--list')).split('\n').includes(group))
  t.regex(await tool(target, 'kafka-groups', '--list'), new RegExp(`^${group} +Classic +consumer`, 'm'))

  await groups(`--reset-offsets --group ${group} --topic ${topic} --shift-by -2 --dry-run`)
  t.is((await describe()).current, '4')
  await groups(`--reset-offsets --group ${group} --topic ${topic} --shift-by -2 --execute`)
  t.is((await describe()).current, '2')
  await groups(`--reset-offsets --group ${group} --all-topics --to-earliest --execute`)
  t.is((await describe()).current, '0')
  await groups(
    `--reset-offsets --group ${group} --topic ${topic} --to-datetime 2000-01-01T00:00:00.000 --execute`,
  )
  t.is((await describe()).current, '0')
  t.regex(await groups(`--delete --group ${group}`), /successful/)
  t.false((await groups('--list')).split('\n').includes(group))
}

async function sharingScenario(t: ExecutionContext, target: Target): Promise<void> {
  const topic = uniqueName('tools-sharing')
  const group = uniqueName('tools-sharing')
  await tool(target, 'kafka-topics', `--create --topic ${topic} --partitions 2`)
  const member = () => {
    const args = ['--bootstrap-server', target.bootstrap, '--topic', topic, '--group', group]
    const quick = ['heartbeat.interval.ms=200', 'auto.offset.reset=earliest']
    return new RunningProgram(
      'java',
      javaArgs('kafka-console-consumer', [
        ...args,
        ...quick.flatMap((setting) => ['--command-property', setting]),
      ]),
    )
  }
  const members = [member(), member()]
  const holders = async () => {
    const printed = await tool(target, 'kafka-consumer-groups', `--describe --group ${group} --members`)
    return printed.split('\n').filter((line) => line.startsWith(group) && / 1 *$/.test(line)).length
  }
  const giveUpAt = Date.now() + 240_000
  while ((await holders()) < 2) t.true(Date.now() < giveUpAt, 'both consumers hold one partition')
  const values = Array.from({ length: 100 }, (_, i) => String(i))
  const input = values.map((value) => `${value}:${value}\n`).join('')
  await produce(target, topic, input, '--reader-property parse.key=true --reader-property key.separator=:')
  const read = () => members.flatMap(({ lines }) => lines)
  await Promise.race(members.map((program) => program.until('100 records', () => read().length >= 100)))
  for (const program of members) {
    t.true(program.lines.length > 0)
    await program.stop()
  }
  t.deepEqual(read().sort(), values.toSorted())
}

suite('console tools', jars.missing, scenarios)
