/** `odradek groups`: lists, describes, resets and deletes consumer groups; the flags are kafka-consumer-groups'. */
import { type Cluster, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import {
  committedOffsets,
  type GroupOffset,
  keyOf,
  type ResetTarget,
  resetOffsets,
  type TopicPartitions,
  withoutCommit,
} from '../client/group-offsets.js'
import { type GroupView, groupView, listGroups, type Member } from '../client/group-view.js'
import { type CommandIo, defineCommand } from '../command.js'
import { groupBy } from '../group-by.js'
import { textTable } from '../text-table.js'
import { UsageError } from '../usage-error.js'

const groupOption = {
  type: 'string',
  short: 'g',
  value: 'NAME',
  multiple: true,
  help: 'a group; words do as well',
} as const
const allGroups = { type: 'boolean', help: 'all groups' } as const
const groupWords = [{ name: 'group', help: 'names', variadic: true }] as const
const jsonOption = { type: 'boolean', help: 'one JSON object a line' } as const
const topicOption = {
  type: 'string',
  short: 't',
  value: 'TOPIC[:P,P]',
  multiple: true,
  help: 'a topic, or some of its partitions',
} as const

const list = defineCommand({
  name: 'list',
  summary: 'list groups and their states',
  options: {
    ...connectionOptions,
    state: { type: 'boolean', help: 'print states beside names' },
    json: jsonOption,
  },
  async run({ options }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      const groups = await listGroups(cluster)
      if (options.json) {
        for (const { id, state, groupType, protocolType } of groups) {
          io.stdout.write(`${JSON.stringify({ group: id, state, type: groupType, protocolType })}\n`)
        }
      } else if (options.state) {
        io.stdout.write(
          textTable(
            ['GROUP', 'STATE'],
            groups.map(({ id, state }) => [id, state]),
          ),
        )
      } else {
        for (const { id } of groups) io.stdout.write(`${id}\n`)
      }
    })
    return 0
  },
})

const describe = defineCommand({
  name: 'describe',
  summary: 'show where groups stand, their members, or their states',
  positionals: groupWords,
  options: {
    ...connectionOptions,
    group: groupOption,
    'all-groups': allGroups,
    offsets: {
      type: 'boolean',
      help: 'offsets and lag of each partition; so it is without --members and --state',
    },
    members: { type: 'boolean', help: 'the members' },
    state: { type: 'boolean', help: 'state, coordinator and protocol' },
    verbose: { type: 'boolean', help: 'with --members: their partitions' },
    json: jsonOption,
  },
  async run({ options, positionals }, io) {
    if (Number(options.offsets) + Number(options.members) + Number(options.state) > 1) {
      throw new UsageError('choose one of --offsets, --members and --state')
    }
    await withCluster(await connectionSettings(options), async (cluster) => {
      const ids = await chosenGroups(cluster, [...options.group, ...positionals], options['all-groups'])
      const views = await Promise.all(ids.map((id) => groupView(cluster, id)))
      for (const view of views) {
        if (options.members) writeMembers(io, view, options.verbose, options.json)
        else if (options.state) await writeState(io, cluster, view, options.json)
        else await writeOffsets(io, cluster, view, options.json)
      }
    })
    return 0
  },
})

const reset = defineCommand({
  name: 'reset-offsets',
  summary: 'move where groups stand; only shows it unless --execute is given',
  positionals: groupWords,
  options: {
    ...connectionOptions,
    group: groupOption,
    'all-groups': allGroups,
    topic: topicOption,
    'all-topics': { type: 'boolean', help: 'all topics in which the group has offsets' },
    'to-earliest': { type: 'boolean', help: 'to the first record' },
    'to-latest': { type: 'boolean', help: 'past the last record' },
    'to-current': { type: 'boolean', help: 'to where the group stands' },
    'to-datetime': {
      type: 'string',
      value: 'TIME',
      help: 'to the first record at or after YYYY-MM-DDTHH:mm:ss.sss',
    },
    'to-offset': { type: 'integer', help: 'to this offset, or the nearest that is there' },
    'shift-by': { type: 'integer', help: 'by so many records, back with a minus' },
    'dry-run': { type: 'boolean', help: 'only show the new offsets' },
    execute: { type: 'boolean', help: 'commit the new offsets' },
    json: jsonOption,
  },
  examples: [
    'odradek groups reset-offsets billing --topic orders --to-earliest --execute',
    'odradek groups reset-offsets billing --all-topics --shift-by -100',
  ],
  async run({ options, positionals }, io) {
    if (options['dry-run'] && options.execute) throw new UsageError('choose one of --dry-run and --execute')
    const target = resetTarget(options)
    const scope = options.topic.map(parseTopicPartitions)
    if ((scope.length === 0) === !options['all-topics']) throw new UsageError('give --topic or --all-topics')
    await withCluster(await connectionSettings(options), async (cluster) => {
      const named = [...options.group, ...positionals]
      // A group that is not there yet may be given its first offsets, as in Kafka.
      const ids = options['all-groups'] ? await chosenGroups(cluster, named, true) : named
      if (ids.length === 0) throw new UsageError('name a group')
      const states = new Map((await listGroups(cluster)).map(({ id, state }) => [id, state]))
      const rows: [string, string, number, bigint][] = []
      for (const id of ids) {
        const state = states.get(id)
        if (state !== undefined && state !== 'Empty' && state !== 'Dead') {
          throw new Error(`offsets can only be reset while the group has no members, and ${id} is ${state}`)
        }
        const topics = options['all-topics']
          ? [...groupBy(await committedOffsets(cluster, id), ({ topic }) => topic)].map(([topic, some]) => ({
              topic,
              partitions: some.map(({ partition }) => partition),
            }))
          : scope
        const offsets = await resetOffsets(cluster, id, topics, target)
        if (options.execute && offsets.length > 0) {
          await cluster.admin.alterConsumerGroupOffsets({
            groupId: id,
            topics: [...groupBy(offsets, ({ topic }) => topic)].map(([name, partitionOffsets]) => ({
              name,
              partitionOffsets,
            })),
          })
        }
        for (const { topic, partition, offset } of offsets) rows.push([id, topic, partition, offset])
      }
      if (!options.json) io.stdout.write(textTable(['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET'], rows))
      else {
        for (const [group, topic, partition, offset] of rows) {
          io.stdout.write(`${JSON.stringify({ group, topic, partition, newOffset: Number(offset) })}\n`)
        }
      }
    })
    return 0
  },
})

const remove = defineCommand({
  name: 'delete',
  summary: 'delete groups and their offsets',
  positionals: groupWords,
  options: { ...connectionOptions, group: groupOption, 'all-groups': allGroups },
  async run({ options, positionals }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      for (const id of await chosenGroups(
        cluster,
        [...options.group, ...positionals],
        options['all-groups'],
      )) {
        await cluster.admin.deleteGroups({ groups: [id] })
        io.stdout.write(`Deleted group ${id}.\n`)
      }
    })
    return 0
  },
})

const removeOffsets = defineCommand({
  name: 'delete-offsets',
  summary: 'delete a group’s offsets of some topics',
  positionals: [{ name: 'group', help: 'its name' }],
  options: {
    ...connectionOptions,
    group: { type: 'string', short: 'g', help: 'the group' },
    topic: topicOption,
  },
  async run({ options, positionals }, io) {
    const groupId = options.group ?? positionals[0]
    if (groupId === undefined) throw new UsageError('name a group')
    if (options.topic.length === 0) throw new UsageError('--topic is missing')
    await withCluster(await connectionSettings(options), async (cluster) => {
      await chosenGroups(cluster, [groupId], false)
      const topics = await Promise.all(
        options.topic.map(parseTopicPartitions).map(async ({ topic, partitions }) => ({
          name: topic,
          partitionIndexes: [
            ...(partitions ??
              (await cluster.topic(topic)).partitions.map(({ partitionIndex }) => partitionIndex)),
          ],
        })),
      )
      await cluster.admin.deleteConsumerGroupOffsets({ groupId, topics })
      for (const { name } of topics) io.stdout.write(`Deleted the offsets of ${groupId} in ${name}.\n`)
    })
    return 0
  },
})

export const groupsCommand = defineCommand({
  name: 'groups',
  summary: 'list, describe, reset and delete consumer groups',
  subcommands: [list, describe, reset, remove, removeOffsets],
})

/** Fails for a name that no group has. */
async function chosenGroups(cluster: Cluster, names: readonly string[], all: boolean): Promise<string[]> {
  if (!all && names.length === 0) throw new UsageError('name a group, or give --all-groups')
  const there = (await listGroups(cluster)).map(({ id }) => id)
  for (const name of names) if (!there.includes(name)) throw new Error(`there is no group ${name}`)
  return all ? there : [...names]
}

async function writeOffsets(io: CommandIo, cluster: Cluster, view: GroupView, json: boolean): Promise<void> {
  const committed = await committedOffsets(cluster, view.id)
  const holders = new Map(
    view.members.flatMap((member) => member.partitions.map((held) => [keyOf(held), member])),
  )
  const known = new Set(committed.map(keyOf))
  const held = view.members
    .flatMap(({ partitions }) => partitions)
    .filter((entry) => !known.has(keyOf(entry)))
  const rows = [...committed, ...(await withoutCommit(cluster, held))].map((offset) => {
    return { ...offset, member: holders.get(keyOf(offset)), lag: lagOf(offset) }
  })
  if (json) {
    for (const { topic, partition, current, logEndOffset, lag, member } of rows) {
      const line = {
        group: view.id,
        topic,
        partition,
        currentOffset: current === null ? null : Number(current),
        logEndOffset: Number(logEndOffset),
        lag: lag === null ? null : Number(lag),
        memberId: member?.memberId ?? null,
        host: member?.host ?? null,
        clientId: member?.clientId ?? null,
      }
      io.stdout.write(`${JSON.stringify(line)}\n`)
    }
    return
  }
  const heading = 'GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID'.split(
    ' ',
  )
  const cells = rows.map(({ topic, partition, current, logEndOffset, lag, member }) => [
    view.id,
    topic,
    partition,
    current ?? '-',
    logEndOffset,
    lag ?? '-',
    member?.memberId ?? '-',
    member?.host ?? '-',
    member?.clientId ?? '-',
  ])
  io.stdout.write(textTable(heading, cells))
}

function writeMembers(io: CommandIo, { id, members }: GroupView, verbose: boolean, json: boolean): void {
  if (json) {
    for (const member of members) io.stdout.write(`${JSON.stringify({ group: id, ...member })}\n`)
    return
  }
  const heading = ['GROUP', 'CONSUMER-ID', 'GROUP-INSTANCE-ID', 'HOST', 'CLIENT-ID', '#PARTITIONS']
  const rows = members.map(({ memberId, instanceId, host, clientId, partitions }) => [
    id,
    memberId,
    instanceId ?? '-',
    host,
    clientId,
    partitions.length,
    ...(verbose ? [assignmentText(partitions)] : []),
  ])
  io.stdout.write(textTable(verbose ? [...heading, 'ASSIGNMENT'] : heading, rows))
}

async function writeState(io: CommandIo, cluster: Cluster, view: GroupView, json: boolean): Promise<void> {
  const [coordinator] = await cluster.admin.findCoordinator({ keyType: 0, keys: [view.id] })
  const { nodeId, host, port } = coordinator!
  const { id, state, protocol, members } = view
  if (json) {
    const line = {
      group: id,
      coordinator: { id: nodeId, host, port },
      protocol,
      state,
      members: members.length,
    }
    io.stdout.write(`${JSON.stringify(line)}\n`)
    return
  }
  const heading = ['GROUP', 'COORDINATOR', 'ASSIGNMENT-STRATEGY', 'STATE', '#MEMBERS']
  const row = [id, `${host}:${port} (${nodeId})`, protocol || '-', state, members.length]
  io.stdout.write(textTable(heading, [row]))
}

function assignmentText(partitions: Member['partitions']): string {
  const topics = [...groupBy(partitions, ({ topic }) => topic)].map(
    ([topic, some]) => `${topic}(${some.map(({ partition }) => partition).join(',')})`,
  )
  return topics.length === 0 ? '-' : topics.join(' ')
}

function lagOf({ current, logEndOffset }: GroupOffset): bigint | null {
  return current === null ? null : logEndOffset - current
}

/** `orders` or `orders:0,1`. */
function parseTopicPartitions(text: string): TopicPartitions {
  const [, topic, list] = /^([^:]+)(?::([\d,]+))?$/.exec(text) ?? []
  if (topic === undefined) throw new UsageError(`${text} is not of the form topic or topic:0,1`)
  return list === undefined ? { topic } : { topic, partitions: list.split(',').map(Number) }
}

function resetTarget(options: {
  'to-earliest': boolean
  'to-latest': boolean
  'to-current': boolean
  'to-datetime': string | undefined
  'to-offset': number | undefined
  'shift-by': number | undefined
}): ResetTarget {
  const targets: ResetTarget[] = []
  if (options['to-earliest']) targets.push({ to: 'earliest' })
  if (options['to-latest']) targets.push({ to: 'latest' })
  if (options['to-current']) targets.push({ to: 'current' })
  if (options['to-offset'] !== undefined) targets.push({ to: 'offset', offset: BigInt(options['to-offset']) })
  if (options['shift-by'] !== undefined) targets.push({ to: 'shift', by: BigInt(options['shift-by']) })
  const time = options['to-datetime']
  if (time !== undefined) {
    // As in Kafka, a time without a zone is UTC.
    const timestamp = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`)
    if (Number.isNaN(timestamp)) throw new UsageError(`${time} is not of the form YYYY-MM-DDTHH:mm:ss.sss`)
    targets.push({ to: 'timestamp', timestamp: BigInt(timestamp) })
  }
  if (targets.length !== 1) {
    throw new UsageError(
      'choose one of --to-earliest, --to-latest, --to-current, --to-datetime, --to-offset and --shift-by',
    )
  }
  return targets[0]!
}
