/** `odradek leader-election`: moves leaders to their preferred replicas, or to any; the flags are kafka-leader-election's. */
import { readFile } from 'node:fs/promises'
import { withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import { type ElectionType, electionTypes } from '../client/elect-leaders.js'
import { namesOf, type PartitionOutcome, type TopicPartition } from '../client/topic-partition.js'
import { type CommandIo, defineCommand } from '../command.js'
import { groupBy } from '../group-by.js'
import { UsageError } from '../usage-error.js'

type Partitions = ReadonlyMap<string, readonly number[]>

const NOT_NEEDED = 'ELECTION_NOT_NEEDED'

export const leaderElectionCommand = defineCommand({
  name: 'leader-election',
  summary: 'have leaders elected: the preferred replicas, or any that lives',
  positionals: [{ name: 'topic', help: 'names; all of their partitions', variadic: true }],
  options: {
    ...connectionOptions,
    'election-type': {
      type: 'string',
      value: 'TYPE',
      default: 'preferred',
      help: 'preferred: the first replica of each partition. unclean: any that lives where nobody leads, though records may be lost',
    },
    topic: { type: 'string', short: 't', help: 'with --partition: the topic' },
    partition: { type: 'integer', help: 'with --topic: the partition' },
    'all-topic-partitions': { type: 'boolean', help: 'all partitions that need it' },
    'path-to-json-file': {
      type: 'string',
      value: 'FILE',
      help: 'partitions as {"partitions": [{"topic": "orders", "partition": 0}]}',
    },
    json: { type: 'boolean', help: 'one JSON object for each partition' },
  },
  examples: [
    'odradek leader-election orders',
    'odradek leader-election --election-type unclean --topic orders --partition 3',
  ],
  async run({ options, positionals }, io) {
    const type = electionType(options['election-type'])
    const { topic, partition, 'all-topic-partitions': all, 'path-to-json-file': file } = options
    const ways = [positionals.length > 0, topic !== undefined, all, file !== undefined].filter(Boolean)
    if (ways.length !== 1) {
      throw new UsageError(
        'say which: topics, --topic and --partition, --path-to-json-file or --all-topic-partitions',
      )
    }
    if ((topic === undefined) !== (partition === undefined)) {
      throw new UsageError('--topic and --partition belong together; a word takes all partitions of a topic')
    }
    const given = file === undefined ? undefined : await partitionsOf(file)
    return withCluster(await connectionSettings(options), async (cluster) => {
      let partitions: Partitions | null = given ?? null
      if (topic !== undefined) partitions = new Map([[topic, [partition!]]])
      else if (positionals.length > 0) {
        const topics = await Promise.all(positionals.map((name) => cluster.topic(name)))
        partitions = new Map(
          topics.map(({ name, partitions }) => [
            name!,
            partitions.map(({ partitionIndex }) => partitionIndex),
          ]),
        )
      }
      const outcomes = await cluster.electLeaders(type, partitions)
      if (options.json) for (const outcome of outcomes) io.stdout.write(`${JSON.stringify(outcome)}\n`)
      else write(io, type, outcomes)
      return outcomes.some(({ error }) => error !== null && error !== NOT_NEEDED) ? 1 : 0
    })
  },
})

function electionType(text: string): ElectionType {
  const type = electionTypes.find((candidate) => candidate === text.toLowerCase())
  if (!type) throw new UsageError(`--election-type is preferred or unclean, not ${text}`)
  return type
}

function write(io: CommandIo, type: ElectionType, outcomes: readonly PartitionOutcome[]): void {
  const done = outcomes.filter(({ error }) => error === null)
  const needless = outcomes.filter(({ error }) => error === NOT_NEEDED)
  if (outcomes.length === 0) io.stdout.write('No partition needs an election.\n')
  if (done.length > 0) io.stdout.write(`Elected leaders (${type}): ${namesOf(done)}\n`)
  if (needless.length > 0) io.stdout.write(`No election needed: ${namesOf(needless)}\n`)
  for (const { topic, partition, error, message } of outcomes) {
    if (error === null || error === NOT_NEEDED) continue
    io.stderr.write(`No leader elected for ${topic}-${partition}: ${message ?? error} (${error})\n`)
  }
}

async function partitionsOf(path: string): Promise<Partitions> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
  }
  const entries = (content as { partitions?: unknown } | null)?.partitions
  if (!Array.isArray(entries) || !entries.every(isTopicPartition)) {
    throw new UsageError(`${path} does not hold {"partitions": [{"topic": "orders", "partition": 0}]}`)
  }
  const byTopic = groupBy(entries, ({ topic }) => topic)
  return new Map([...byTopic].map(([topic, named]) => [topic, named.map(({ partition }) => partition)]))
}

function isTopicPartition(entry: unknown): entry is TopicPartition {
  const { topic, partition } = (entry ?? {}) as Record<string, unknown>
  return typeof topic === 'string' && Number.isInteger(partition)
}
