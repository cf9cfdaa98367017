import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled, run } from '../support/program.js'
import { COMPRESSIONS, type Scenario, suite } from '../support/suite.js'
import { kafkaJars, packageRoot } from '../support/target.js'

/** The scenarios of java/JavaClient.java, and what each shows. */
const scenarios: Record<string, string> = {
  ...Object.fromEntries(
    COMPRESSIONS.map((name) => [
      `records-${name}`,
      `produces and consumes keys, headers and timestamps, compressed by ${name}`,
    ]),
  ),
  acks: 'produces with acks 0, 1 and all',
  'idempotent-many': 'loses and doubles nothing with the producer’s defaults',
  'log-append-time': 'is told the time of the append',
  'too-large': 'is refused a batch above max.message.bytes',
  'timestamp-bounds': 'is refused a timestamp outside the bounds',
  seek: 'seeks to offsets and times',
  'auto-create': 'creates a topic by producing to it',
  'describe-cluster': 'describes the cluster',
  topics: 'creates, describes, enlarges and deletes topics, by name and by id',
  'topic-errors': 'gets Kafka’s errors for wrong topics',
  'topic-configs': 'describes and alters settings of a topic',
  'broker-configs': 'describes and alters settings of one broker and of all',
  'list-config-resources': 'lists what has settings',
  'list-offsets': 'lists offsets: earliest, latest, of the youngest record, by time',
  'delete-records': 'deletes records',
  'describe-log-dirs': 'describes log folders',
  'group-range': 'shares partitions, commits and resumes with the range assignor',
  'group-cooperative-sticky': 'shares partitions, commits and resumes with the cooperative sticky assignor',
  'group-defaults': 'shares partitions, commits and resumes with the consumer’s defaults',
  'group-static': 'keeps a static member’s partitions while it is away',
  'group-stuck': 'gives the partitions of a stuck member to others',
  'group-offsets': 'commits, lists, alters and deletes offsets',
  'group-admin': 'lists, describes and deletes groups',
  'group-many-members': 'loses nothing while members come and go',
}

const jars = kafkaJars()
const missing =
  jars.missing ??
  (isInstalled('javac', '-version') ? undefined : 'javac is not installed (Debian: openjdk-17-jdk-headless)')
let classes = ''

suite(
  'Java client',
  missing,
  Object.entries(scenarios).map(
    ([name, title]): Scenario => ({
      name: title,
      async run(t, { bootstrap }) {
        await run(
          'java',
          ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'].concat([
            '-cp',
            `${classes}:${jars.libs}/*`,
            'JavaClient',
            bootstrap,
            name,
          ]),
          { timeoutMs: 300_000 },
        )
        t.pass()
      },
    }),
  ),
  {
    async prepare() {
      classes = await mkdtemp(join(tmpdir(), 'odradek-java-'))
      const folder = join(packageRoot, 'test', 'clients', 'java')
      const sources = (await readdir(folder)).map((file) => join(folder, file))
      await run('javac', ['-d', classes, '-cp', `${jars.libs}/*`, ...sources])
    },
    cleanUp: () => rm(classes, { recursive: true, force: true }),
  },
)
