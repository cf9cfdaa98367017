/** `odradek reassign-partitions`: moves partitions between brokers; the flags are those of kafka-reassign-partitions. */
import { readFile } from 'node:fs/promises'
import { type Cluster, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import {
  formatReassignment,
  parseReassignment,
  parseTopics,
  spreadOver,
} from '../client/reassignment-plan.js'
import type { PartitionReplicas, Reassignment } from '../client/reassignments.js'
import { clearThrottles, throttle } from '../client/replication-throttle.js'
import { byPartition, finder, namesOf, type PartitionOutcome } from '../client/topic-partition.js'
import { type CommandIo, defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'

const topicWords = [{ name: 'topic', help: 'names; all of their partitions', variadic: true }] as const
const fileOption = {
  type: 'string',
  value: 'FILE',
  help: 'partitions as {"version": 1, "partitions": [{"topic": "orders", "partition": 0, "replicas": [1, 2]}]}',
} as const
const spreadOptions = {
  'broker-list': {
    type: 'string',
    value: 'ID,ID,...',
    help: 'spread the partitions over these brokers; moves no more than that needs',
  },
  'topics-to-move-json-file': {
    type: 'string',
    value: 'FILE',
    help: 'topics as {"version": 1, "topics": [{"topic": "orders"}]}, instead of words',
  },
  'disable-rack-aware': { type: 'boolean', help: 'take no account of racks' },
} as const
const jsonOption = { type: 'boolean', help: 'one JSON object for each partition' } as const

const generate = defineCommand({
  name: 'generate',
  summary: 'propose how topics could be spread over brokers',
  positionals: topicWords,
  options: { ...connectionOptions, ...spreadOptions },
  examples: ['odradek reassign-partitions generate orders --broker-list 1,2,3,4'],
  async run({ options, positionals }, io) {
    return withCluster(await connectionSettings(options), async (cluster) => {
      const { current, proposed } = await spread(cluster, positionals, options)
      io.stdout.write(`Current partition replica assignment\n${formatReassignment(current)}\n\n`)
      io.stdout.write(`Proposed partition reassignment configuration\n${formatReassignment(proposed)}\n`)
      return 0
    })
  },
})

const execute = defineCommand({
  name: 'execute',
  summary: 'begin to move partitions',
  positionals: topicWords,
  options: {
    ...connectionOptions,
    ...spreadOptions,
    'reassignment-json-file': fileOption,
    additional: {
      type: 'boolean',
      help: 'also while others are under way; gives those another target, or another throttle',
    },
    throttle: {
      type: 'integer',
      value: 'BYTES',
      help: 'bytes a second that a broker sends, and fetches, of what is moved; until verify finds it done',
    },
    'disallow-replication-factor-change': {
      type: 'boolean',
      help: 'refuse another number of replicas',
    },
  },
  examples: [
    'odradek reassign-partitions execute orders --broker-list 2,3,4 --throttle 50000000',
    'odradek reassign-partitions --execute --reassignment-json-file moves.json',
  ],
  async run({ options, positionals }, io) {
    const { 'reassignment-json-file': file, throttle: rate } = options
    if (rate !== undefined && rate < 0) throw new UsageError('--throttle is a number of bytes, at least 0')
    const given = file === undefined ? undefined : parseReassignment(await readFile(file, 'utf8'), file)
    const isSpread = positionals.length > 0 || options['topics-to-move-json-file'] !== undefined
    if ((given === undefined) !== isSpread) {
      throw new UsageError('say what to move: --reassignment-json-file, or topics and --broker-list')
    }
    return withCluster(await connectionSettings(options), async (cluster) => {
      const active = await cluster.reassignments()
      if (active.length > 0 && !options.additional) {
        throw new Error(
          `${namesOf(active)} is being reassigned: with --additional this is begun beside it, and may replace it`,
        )
      }
      const targets = given ?? (await spread(cluster, positionals, options)).proposed
      const before = await originalReplicas(cluster, targets, active)
      await checkBrokers(cluster, targets)
      io.stdout.write(`Current partition replica assignment\n\n${formatReassignment(before)}\n\n`)
      io.stdout.write('Save this to use as the --reassignment-json-file option during rollback\n')
      if (rate !== undefined) {
        const moves = targets.map((to, index) => ({ from: before[index]!, to }))
        await throttle(cluster, moves, rate)
        io.stdout.write(`The inter-broker throttle limit was set to ${rate} B/s; verify takes it away\n`)
      }
      const outcomes = await cluster.reassign(targets, !options['disallow-replication-factor-change'])
      return report(io, outcomes, 'Successfully started partition reassignments for')
    })
  },
})

const verify = defineCommand({
  name: 'verify',
  summary: 'tell how far a reassignment is, and take the throttle away when it is done',
  positionals: topicWords,
  options: {
    ...connectionOptions,
    'reassignment-json-file': fileOption,
    'preserve-throttles': { type: 'boolean', help: 'leave the throttle' },
    json: jsonOption,
  },
  examples: ['odradek reassign-partitions --verify --reassignment-json-file moves.json'],
  async run({ options, positionals }, io) {
    const given = await fileOrTopics(options['reassignment-json-file'], positionals)
    return withCluster(await connectionSettings(options), async (cluster) => {
      const active = await cluster.reassignments()
      const targets = given ?? (await replicasOf(cluster, positionals, active))
      const topics = [...new Set(targets.map(({ topic }) => topic))]
      const current = await replicasOf(cluster, topics, [])
      if (!options.json) io.stdout.write('Status of partition reassignment:\n')
      const find = { current: finder(current), active: finder(active) }
      for (const target of targets) {
        const state = stateOf(target, find.current(target), find.active(target) !== undefined)
        const { topic, partition } = target
        if (options.json) io.stdout.write(`${JSON.stringify({ topic, partition, ...state })}\n`)
        else io.stdout.write(`${describe(target, state)}\n`)
      }
      const isUnderWay = active.length > 0
      if (isUnderWay || options['preserve-throttles']) return 0
      const brokers = (await cluster.brokers()).map(({ nodeId }) => nodeId)
      await clearThrottles(
        cluster,
        brokers,
        topics.filter((name) => current.some(({ topic }) => topic === name)),
      )
      if (!options.json) {
        io.stdout.write(`\nClearing broker-level throttles on brokers ${brokers.join(',')}\n`)
        io.stdout.write(`Clearing topic-level throttles on topics ${topics.join(',')}\n`)
      }
      return 0
    })
  },
})

const list = defineCommand({
  name: 'list',
  summary: 'list the reassignments that are under way',
  options: { ...connectionOptions, json: jsonOption },
  async run({ options }, io) {
    return withCluster(await connectionSettings(options), async (cluster) => {
      const active = await cluster.reassignments()
      if (options.json) for (const each of active) io.stdout.write(`${JSON.stringify(each)}\n`)
      else if (active.length === 0) io.stdout.write('No partition reassignments found.\n')
      else {
        io.stdout.write('Current partition reassignments:\n')
        for (const { topic, partition, replicas, adding, removing } of active) {
          const change = [
            adding.length === 0 ? '' : ` adding: ${adding.join(',')}.`,
            removing.length === 0 ? '' : ` removing: ${removing.join(',')}.`,
          ].join('')
          io.stdout.write(`${topic}-${partition}: replicas: ${replicas.join(',')}.${change}\n`)
        }
      }
      return 0
    })
  },
})

const cancel = defineCommand({
  name: 'cancel',
  summary: 'go back to the replicas of before',
  positionals: topicWords,
  options: {
    ...connectionOptions,
    'reassignment-json-file': fileOption,
    'preserve-throttles': { type: 'boolean', help: 'leave the throttle' },
  },
  examples: ['odradek reassign-partitions cancel orders'],
  async run({ options, positionals }, io) {
    const given = await fileOrTopics(options['reassignment-json-file'], positionals)
    return withCluster(await connectionSettings(options), async (cluster) => {
      const findGiven = given && finder(given)
      const isAsked = (each: Reassignment) =>
        findGiven ? findGiven(each) !== undefined : positionals.includes(each.topic)
      const wanted = (await cluster.reassignments()).filter(isAsked)
      let code = 0
      if (wanted.length === 0) io.stdout.write('None of the specified partition reassignments are active.\n')
      else {
        const outcomes = await cluster.reassign(wanted.map((each) => ({ ...each, replicas: null })))
        code = report(io, outcomes, 'Successfully cancelled partition reassignments for:')
      }
      if (options['preserve-throttles'] || code !== 0) return code
      if ((await cluster.reassignments()).length > 0) return 0
      const brokers = (await cluster.brokers()).map(({ nodeId }) => nodeId)
      const topics = new Set(given ? given.map(({ topic }) => topic) : positionals)
      await clearThrottles(cluster, brokers, [...topics])
      return 0
    })
  },
})

export const reassignPartitionsCommand = defineCommand({
  name: 'reassign-partitions',
  summary: 'move partitions to other brokers, or change how many replicas they have',
  subcommands: [generate, execute, verify, list, cancel],
})

interface SpreadValues {
  'broker-list': string | undefined
  'topics-to-move-json-file': string | undefined
  'disable-rack-aware': boolean
}

async function spread(cluster: Cluster, words: readonly string[], options: SpreadValues) {
  const { 'broker-list': ids, 'topics-to-move-json-file': file } = options
  const topics = file === undefined ? words : parseTopics(await readFile(file, 'utf8'), file)
  if (topics.length === 0) throw new UsageError('name the topics, or give --topics-to-move-json-file')
  if (ids === undefined || !/^\d+(,\d+)*$/.test(ids)) {
    throw new UsageError('--broker-list names the brokers that shall have them: 1,2,3')
  }
  const wanted = new Set(ids.split(',').map(Number))
  const known = await cluster.brokers()
  const missing = [...wanted].filter((id) => !known.some(({ nodeId }) => nodeId === id))
  if (missing.length > 0) throw new UsageError(`there is no broker ${missing.join(', ')}`)
  const brokers = known
    .filter(({ nodeId }) => wanted.has(nodeId))
    .map(({ nodeId, rack }) => ({ id: nodeId, rack: options['disable-rack-aware'] ? null : (rack ?? null) }))
  const current = await replicasOf(cluster, topics, await cluster.reassignments())
  return { current, proposed: spreadOver(brokers, current) }
}

/** Of all partitions of these topics; where some are on their way, those of before. */
async function replicasOf(
  cluster: Cluster,
  topics: readonly string[],
  active: readonly Reassignment[],
): Promise<PartitionReplicas[]> {
  const found = await Promise.all(topics.map((name) => cluster.topic(name)))
  const findActive = finder(active)
  return found
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicaNodes }) => {
        const topic = name!
        const adding = findActive({ topic, partition: partitionIndex })?.adding ?? []
        return {
          topic,
          partition: partitionIndex,
          replicas: replicaNodes.filter((id) => !adding.includes(id)),
        }
      }),
    )
    .sort(byPartition)
}

/** What each target's partition has now, in their order. Fails where there is no such partition. */
async function originalReplicas(
  cluster: Cluster,
  targets: readonly PartitionReplicas[],
  active: readonly Reassignment[],
): Promise<PartitionReplicas[]> {
  const current = await replicasOf(cluster, [...new Set(targets.map(({ topic }) => topic))], active)
  const find = finder(current)
  return targets.map((target) => {
    const found = find(target)
    if (!found) throw new UsageError(`${target.topic} has no partition ${target.partition}`)
    return found
  })
}

/** A broker that nobody knows, or that does not live, would be waited for without end. */
async function checkBrokers(cluster: Cluster, targets: readonly PartitionReplicas[]): Promise<void> {
  const known = (await cluster.brokers()).map(({ nodeId }) => nodeId)
  const missing = new Set(targets.flatMap(({ replicas }) => replicas).filter((id) => !known.includes(id)))
  if (missing.size > 0) throw new UsageError(`there is no broker ${[...missing].join(', ')} that runs`)
}

async function fileOrTopics(
  file: string | undefined,
  topics: readonly string[],
): Promise<PartitionReplicas[] | undefined> {
  if ((file === undefined) === (topics.length === 0)) {
    throw new UsageError('say which: --reassignment-json-file, or topics')
  }
  return file === undefined ? undefined : parseReassignment(await readFile(file, 'utf8'), file)
}

interface State {
  readonly state: 'in progress' | 'completed' | 'other replicas' | 'missing'
  readonly replicas: readonly number[]
}

function stateOf(
  target: PartitionReplicas,
  current: PartitionReplicas | undefined,
  isActive: boolean,
): State {
  if (!current) return { state: 'missing', replicas: [] }
  const { replicas } = current
  if (isActive) return { state: 'in progress', replicas }
  const isSame = replicas.join() === target.replicas.join()
  return { state: isSame ? 'completed' : 'other replicas', replicas }
}

function describe({ topic, partition, replicas: wanted }: PartitionReplicas, { state, replicas }: State) {
  const name = `${topic}-${partition}`
  switch (state) {
    case 'missing':
      return `There is no partition ${name}.`
    case 'in progress':
      return `Reassignment of partition ${name} is still in progress.`
    case 'completed':
      return `Reassignment of partition ${name} is completed.`
    case 'other replicas':
      return `There is no active reassignment of partition ${name}, but replica set is ${replicas.join(',')} rather than ${wanted.join(',')}.`
  }
}

function report(io: CommandIo, outcomes: readonly PartitionOutcome[], done: string): number {
  const succeeded = outcomes.filter(({ error }) => error === null)
  if (succeeded.length > 0) io.stdout.write(`${done} ${namesOf(succeeded)}\n`)
  for (const { topic, partition, error, message } of outcomes) {
    if (error !== null) io.stderr.write(`${topic}-${partition}: ${message ?? error} (${error})\n`)
  }
  return succeeded.length === outcomes.length ? 0 : 1
}
