import { failure, jsonLines, Odradek } from '../../support/odradek-program.js'
import type { Scenario } from '../../support/suite.js'
import { uniqueName } from '../../support/target.js'

interface Topic {
  name: string
  topicId: string
  configs: Record<string, string>
  partitions: { partition: number; leader: number; replicas: number[]; isr: number[] }[]
}

export const topicsScenarios: Scenario[] = [
  {
    name: 'topics: plain words create, list, describe, enlarge and delete',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-topic')
      t.is(await cli.run(`topics create ${topic} -p 3 -c retention.ms=60000`), `Created topic ${topic}.\n`)
      t.true((await cli.run('topics list')).split('\n').includes(topic))

      const described = await cli.run(`topics describe ${topic}`)
      t.regex(
        described,
        /^Topic: \S+\tTopicId: [\w-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: retention\.ms=60000\n/,
      )
      t.regex(described, /\n\tTopic: \S+\tPartition: 2\tLeader: (\d+)\tReplicas: \1\tIsr: \1\n$/)

      await cli.run(`topics alter ${topic} -p 5`)
      const [asJson] = jsonLines<Topic>(await cli.run(`topics describe ${topic} --json`))
      t.is(asJson!.name, topic)
      t.deepEqual(asJson!.configs, { 'retention.ms': '60000' })
      t.deepEqual(
        asJson!.partitions.map(({ partition }) => partition),
        [0, 1, 2, 3, 4],
      )

      t.is(await cli.run(`topics delete ${topic}`), `Deleted topic ${topic}.\n`)
      t.false((await cli.run('topics list')).split('\n').includes(topic))
    },
  },
  {
    name: 'topics: the flags of kafka-topics do the same',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-flags')
      await cli.run(
        `topics --create --topic ${topic} --partitions 2 --replication-factor 1 --config cleanup.policy=compact`,
      )
      t.regex(
        await cli.run(`topics --describe --topic ${topic}`),
        /PartitionCount: 2\t.*cleanup\.policy=compact/,
      )
      await cli.run(`topics --alter --topic ${topic} --partitions 3`)
      t.is((await cli.run('topics --list --exclude-internal')).includes('__consumer_offsets'), false)
      t.is(await cli.run(`topics --list --topic ${topic.slice(0, -1)}.`), `${topic}\n`)
      await cli.run(`topics --delete --topic ${topic}`)
      t.is(await cli.run(`topics --delete --topic ${topic} --if-exists`), '')
    },
  },
  {
    name: 'topics: partitions can be placed by hand',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const first = uniqueName('cli-first')
      await cli.run(`topics create ${first}`)
      const [placed] = jsonLines<Topic>(await cli.run(`topics describe ${first} --json`))
      const broker = placed!.partitions[0]!.leader
      const topic = uniqueName('cli-placed')
      await cli.run(`topics create ${topic} --replica-assignment ${broker},${broker}`)
      const [described] = jsonLines<Topic>(await cli.run(`topics describe ${topic} --json`))
      t.is(described!.partitions.length, 2)
      t.is(await cli.run(`topics describe ${topic} --under-replicated-partitions`), '')
      t.is(await cli.run(`topics describe ${topic} --unavailable-partitions`), '')
    },
  },
  {
    name: 'topics: what fails says why in one line',
    async run(t, { bootstrap }) {
      const cli = new Odradek(bootstrap)
      const topic = uniqueName('cli-twice')
      await cli.run(`topics create ${topic}`)
      t.regex(failure(await cli.try(`topics create ${topic}`)), /already exists \(TOPIC_ALREADY_EXISTS\)$/)
      t.is(await cli.run(`topics create ${topic} --if-not-exists`), '')
      t.is(failure(await cli.try('topics describe none')), 'odradek topics: there is no topic none')
      t.is(failure(await cli.try('topics delete none')), 'odradek topics: there is no topic none')
      t.regex(failure(await cli.try(`topics alter ${topic} -p 1`)), /INVALID_PARTITIONS/)
      t.regex(
        failure(await cli.try(`topics create ${uniqueName('x')} -c retention.ms=soon`)),
        /INVALID_CONFIG/,
      )
    },
  },
]
