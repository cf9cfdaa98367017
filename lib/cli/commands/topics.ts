/** `odradek topics`: lists, creates, describes, alters and deletes topics; the flags are those of kafka-topics. */
import { type Cluster, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings, nameValues } from '../client/connection-options.js'
import type { TopicMetadata } from '../client/kafka-library.js'
import type { Reassignment } from '../client/reassignments.js'
import { finder } from '../client/topic-partition.js'
import { type CommandIo, defineCommand } from '../command.js'
import { namePattern } from '../name-pattern.js'
import { UsageError } from '../usage-error.js'

const topicOption = { type: 'string', short: 't', help: 'the topic; the first word does as well' } as const
const patternOption = {
  type: 'string',
  short: 't',
  value: 'PATTERN',
  help: 'a regular expression of names; words are plain names',
} as const
const jsonOption = { type: 'boolean', help: 'one JSON object for each topic' } as const
const excludeInternal = { type: 'boolean', help: 'leave out Kafka’s own topics' } as const

const list = defineCommand({
  name: 'list',
  summary: 'list the names of topics',
  options: {
    ...connectionOptions,
    topic: patternOption,
    'exclude-internal': excludeInternal,
    json: jsonOption,
  },
  async run({ options }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      const topics = await select(cluster, options.topic, [], options['exclude-internal'])
      for (const { name, topicId, isInternal, partitions } of topics) {
        const line = { name, topicId: kafkaUuid(topicId), isInternal, partitions: partitions.length }
        io.stdout.write(options.json ? `${JSON.stringify(line)}\n` : `${name}\n`)
      }
    })
    return 0
  },
})

const create = defineCommand({
  name: 'create',
  summary: 'create a topic',
  positionals: [{ name: 'topic', help: 'its name' }],
  options: {
    ...connectionOptions,
    topic: topicOption,
    partitions: { type: 'integer', short: 'p', help: 'how many partitions (default: that of the broker)' },
    'replication-factor': {
      type: 'integer',
      short: 'r',
      help: 'how many replicas of each (default: that of the broker)',
    },
    'replica-assignment': {
      type: 'string',
      value: 'B:B,B:B',
      help: 'the brokers of each partition: a comma between partitions, a colon between brokers',
    },
    config: {
      type: 'string',
      short: 'c',
      value: 'NAME=VALUE',
      multiple: true,
      help: 'a setting of the topic',
    },
    'if-not-exists': { type: 'boolean', help: 'no failure where the topic is there already' },
  },
  examples: ['odradek topics create orders -p 6 -c retention.ms=3600000'],
  async run({ options, positionals }, io) {
    const name = oneTopic(options.topic, positionals)
    const assignment = options['replica-assignment']
    if (assignment !== undefined && (options.partitions ?? options['replication-factor']) !== undefined) {
      throw new UsageError(
        '--replica-assignment says how many partitions and replicas; leave their options out',
      )
    }
    await withCluster(await connectionSettings(options), async (cluster) => {
      if (options['if-not-exists'] && (await cluster.topics()).some((topic) => topic.name === name)) return
      await cluster.admin.createTopics({
        topics: [name],
        partitions: options.partitions,
        replicas: options['replication-factor'],
        assignments: assignment === undefined ? [] : replicaAssignment(assignment),
        configs: nameValues(options.config).map(([config, value]) => ({ name: config, value })),
      })
      io.stdout.write(`Created topic ${name}.\n`)
    })
    return 0
  },
})

const describe = defineCommand({
  name: 'describe',
  summary: 'show partitions, replicas and settings of topics',
  positionals: [{ name: 'topic', help: 'names; all topics without any', variadic: true }],
  options: {
    ...connectionOptions,
    topic: patternOption,
    'exclude-internal': excludeInternal,
    'topics-with-overrides': { type: 'boolean', help: 'only topics that have settings of their own' },
    'under-replicated-partitions': { type: 'boolean', help: 'only partitions that miss a replica' },
    'unavailable-partitions': { type: 'boolean', help: 'only partitions without a leader' },
    json: jsonOption,
  },
  async run({ options, positionals }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      const findActive = finder(await cluster.reassignments())
      for (const topic of await select(cluster, options.topic, positionals, options['exclude-internal'])) {
        const active = ({ partitionIndex }: Partition) =>
          findActive({ topic: topic.name!, partition: partitionIndex })
        const configs = await ownConfigs(cluster, topic.name!)
        if (options['topics-with-overrides'] && configs.length === 0) continue
        const partitions = topic.partitions
          .filter((partition) => !options['unavailable-partitions'] || partition.leaderId < 0)
          .filter(
            (partition) =>
              !options['under-replicated-partitions'] ||
              partition.isrNodes.length < replicationFactor(partition, active(partition)),
          )
          .sort((a, b) => a.partitionIndex - b.partitionIndex)
        const onlySome = options['unavailable-partitions'] || options['under-replicated-partitions']
        if (onlySome && partitions.length === 0) continue
        const shown = { ...topic, partitions }
        if (options.json) writeJson(io, shown, configs, active)
        else writeText(io, shown, configs, active, topic.partitions, !onlySome)
      }
    })
    return 0
  },
})

const alter = defineCommand({
  name: 'alter',
  summary: 'give topics more partitions',
  positionals: [{ name: 'topic', help: 'names', variadic: true }],
  options: {
    ...connectionOptions,
    topic: patternOption,
    partitions: { type: 'integer', short: 'p', help: 'how many partitions there shall be' },
    'if-exists': { type: 'boolean', help: 'no failure where the topic is not there' },
  },
  examples: ['odradek topics alter orders -p 12'],
  async run({ options, positionals }, io) {
    const { partitions: count } = options
    if (count === undefined) throw new UsageError('--partitions is missing')
    await withCluster(await connectionSettings(options), async (cluster) => {
      const topics = await selectSome(cluster, options.topic, positionals, options['if-exists'])
      for (const { name } of topics) {
        await cluster.admin.createPartitions({ topics: [{ name: name!, count }] })
        io.stdout.write(`Topic ${name} has ${count} partitions.\n`)
      }
    })
    return 0
  },
})

const remove = defineCommand({
  name: 'delete',
  summary: 'delete topics and all their records',
  positionals: [{ name: 'topic', help: 'names', variadic: true }],
  options: {
    ...connectionOptions,
    topic: patternOption,
    'if-exists': { type: 'boolean', help: 'no failure where the topic is not there' },
  },
  async run({ options, positionals }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      const topics = await selectSome(cluster, options.topic, positionals, options['if-exists'])
      for (const { name } of topics) {
        await cluster.admin.deleteTopics({ topics: [name!] })
        io.stdout.write(`Deleted topic ${name}.\n`)
      }
    })
    return 0
  },
})

export const topicsCommand = defineCommand({
  name: 'topics',
  summary: 'list, create, describe, alter and delete topics',
  subcommands: [list, create, describe, alter, remove],
})

type Partition = TopicMetadata['partitions'][number]
type FindActive = (partition: Partition) => Reassignment | undefined

/** Without those that are only being added. */
function replicationFactor({ replicaNodes }: Partition, active: Reassignment | undefined): number {
  return replicaNodes.length - (active?.adding.length ?? 0)
}

function oneTopic(option: string | undefined, words: readonly string[]): string {
  const names = option === undefined ? words : [option, ...words]
  if (names.length !== 1) throw new UsageError('name one topic')
  return names[0]!
}

/** Topics by pattern or by name; without either, all of them. A name that is not there is a failure. */
async function select(
  cluster: Cluster,
  pattern: string | undefined,
  names: readonly string[],
  withoutInternal: boolean,
): Promise<TopicMetadata[]> {
  const topics = (await cluster.topics()).filter(({ isInternal }) => !withoutInternal || !isInternal)
  for (const name of names) {
    if (!topics.some((topic) => topic.name === name)) throw new Error(`there is no topic ${name}`)
  }
  if (pattern === undefined) {
    return names.length === 0 ? topics : topics.filter(({ name }) => names.includes(name!))
  }
  const regExp = namePattern(pattern)
  return topics.filter(({ name }) => regExp.test(name!) || names.includes(name!))
}

/** As `select`, but never all topics, and a pattern that fits none is a failure unless `ifExists`. */
async function selectSome(
  cluster: Cluster,
  pattern: string | undefined,
  names: readonly string[],
  ifExists: boolean,
): Promise<TopicMetadata[]> {
  if (pattern === undefined && names.length === 0) throw new UsageError('name a topic')
  const there = ifExists ? (await cluster.topics()).map(({ name }) => name!) : []
  const wanted = ifExists ? names.filter((name) => there.includes(name)) : names
  if (ifExists && pattern === undefined && wanted.length === 0) return []
  const topics = await select(cluster, pattern, wanted, false)
  if (topics.length === 0 && !ifExists) throw new Error(`there is no topic ${pattern}`)
  return topics
}

async function ownConfigs(cluster: Cluster, topic: string): Promise<{ name: string; value: string }[]> {
  const TOPIC_CONFIG = 1
  const configs = await cluster.describeConfigs('topic', topic, false)
  return configs
    .filter(({ configSource }) => configSource === TOPIC_CONFIG)
    .map(({ name, value }) => ({ name, value: value ?? '' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The form of kafka-topics, which scripts read. */
function writeText(
  io: CommandIo,
  topic: TopicMetadata,
  configs: readonly { name: string; value: string }[],
  active: FindActive,
  all: TopicMetadata['partitions'],
  withTopic: boolean,
): void {
  if (withTopic) {
    const settings = configs.map(({ name, value }) => `${name}=${value}`).join(',')
    const [first] = all
    io.stdout.write(
      `Topic: ${topic.name}\tTopicId: ${kafkaUuid(topic.topicId)}\tPartitionCount: ${all.length}` +
        `\tReplicationFactor: ${first ? replicationFactor(first, active(first)) : 0}\tConfigs: ${settings}\n`,
    )
  }
  for (const partition of topic.partitions) {
    const { partitionIndex, leaderId, replicaNodes, isrNodes } = partition
    const change = active(partition)
    const changing = change
      ? `\tAdding Replicas: ${change.adding.join(',')}\tRemoving Replicas: ${change.removing.join(',')}`
      : ''
    io.stdout.write(
      `\tTopic: ${topic.name}\tPartition: ${partitionIndex}\tLeader: ${leaderId < 0 ? 'none' : leaderId}` +
        `\tReplicas: ${replicaNodes.join(',')}\tIsr: ${isrNodes.join(',')}${changing}\n`,
    )
  }
}

function writeJson(
  io: CommandIo,
  topic: TopicMetadata,
  configs: readonly { name: string; value: string }[],
  active: FindActive,
): void {
  const line = {
    name: topic.name,
    topicId: kafkaUuid(topic.topicId),
    isInternal: topic.isInternal,
    configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])),
    partitions: topic.partitions.map((partition) => ({
      partition: partition.partitionIndex,
      leader: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
      addingReplicas: active(partition)?.adding ?? [],
      removingReplicas: active(partition)?.removing ?? [],
    })),
  }
  io.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Kafka prints ids as 22 characters of URL-safe base64; the library has them as hexadecimal. */
function kafkaUuid(uuid: string): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url')
}

function replicaAssignment(text: string): { partition: number; brokers: number[] }[] {
  return text.split(',').map((partition, index) => {
    const brokers = partition.split(':').map(Number)
    if (!brokers.every((broker) => Number.isSafeInteger(broker) && broker >= 0)) {
      throw new UsageError(`${text} is not of the form 0:1,1:2`)
    }
    return { partition: index, brokers }
  })
}
