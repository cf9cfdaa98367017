/** `odradek cluster`: runs a cluster on this machine; `status` shows how any cluster is, `import` begins one. */

import { type Cluster, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import { finder, namesOf, type TopicPartition } from '../client/topic-partition.js'
import { defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'
import { decommissionCommand } from './cluster-decommission.js'
import { importCommand } from './cluster-import.js'

const status = defineCommand({
  name: 'status',
  summary: 'show brokers, controller and the partitions that lack something',
  options: {
    ...connectionOptions,
    json: { type: 'boolean', help: 'one JSON object' },
  },
  examples: ['odradek cluster status -b 127.0.0.1:9092'],
  async run({ options }, io) {
    await withCluster(await connectionSettings(options), async (cluster) => {
      const found = await statusOf(cluster)
      if (options.json) {
        io.stdout.write(`${JSON.stringify(found)}\n`)
        return
      }
      const { clusterId, controllerId, brokers, topics, partitions } = found
      io.stdout.write(`Cluster: ${clusterId}\nController: ${controllerId < 0 ? 'none' : controllerId}\n`)
      for (const { nodeId, host, port, rack } of brokers) {
        io.stdout.write(`Broker: ${nodeId}\t${host}:${port}${rack === null ? '' : `\tRack: ${rack}`}\n`)
      }
      io.stdout.write(`Topics: ${topics}\nPartitions: ${partitions}\n`)
      const lines = [
        ['Under-replicated', found.underReplicated],
        ['Under min ISR', found.underMinIsr],
        ['Offline', found.offline],
        ['Reassigning', found.reassigning],
      ] as const
      for (const [what, names] of lines) {
        io.stdout.write(`${what}: ${names.length}${names.length === 0 ? '' : ` (${namesOf(names)})`}\n`)
      }
    })
    return 0
  },
})

const unregister = defineCommand({
  name: 'unregister',
  summary: 'take a broker out that is gone for good, or holds nothing',
  options: {
    ...connectionOptions,
    id: { type: 'integer', value: 'ID', help: 'the node.id of the broker', aliases: ['broker'] },
  },
  examples: ['odradek cluster unregister --id 3'],
  async run({ options }, io) {
    const { id } = options
    if (id === undefined) throw new UsageError('say which: --id ID')
    await withCluster(await connectionSettings(options), (cluster) => cluster.unregisterBroker(id))
    io.stdout.write(`Broker ${id} is unregistered.\n`)
    return 0
  },
})

export const clusterCommand = defineCommand({
  name: 'cluster',
  summary: 'run a cluster on this machine to try one, or show how a cluster is',
  options: {
    brokers: { type: 'integer', help: 'how many', default: 3 },
    port: {
      type: 'integer',
      short: 'p',
      help: 'port of the first broker, the others follow; 0 takes free ones',
      default: 9092,
    },
    data: {
      type: 'string',
      short: 'd',
      value: 'DIR',
      help: 'keep the data in this folder (default: a temporary one, removed at the end)',
    },
    override: {
      type: 'string',
      short: 'o',
      multiple: true,
      value: 'NAME=VALUE',
      help: 'set one setting of every broker',
    },
  },
  examples: [
    'odradek cluster --brokers 3',
    'odradek cluster status',
    'odradek cluster decommission --broker 3',
    'odradek cluster import server.properties',
  ],
  subcommands: [status, decommissionCommand, unregister, importCommand],
  async run({ options }, io) {
    if (options.brokers < 1) throw new UsageError('a cluster needs at least one broker')
    const { runLocalCluster } = await import('../local-cluster.js')
    const { brokers, port, data: dataDir, override: overrides } = options
    return runLocalCluster({ brokers, port, dataDir, ...(overrides && { overrides }) }, io)
  },
})

async function statusOf(cluster: Cluster) {
  const { clusterId, controllerId, brokers, topics } = await cluster.metadata()
  const reassignments = await cluster.reassignments()
  const find = finder(reassignments)
  const named = (topic: string, partition: number): TopicPartition => ({ topic, partition })
  const underReplicated: TopicPartition[] = []
  const underMinIsr: TopicPartition[] = []
  const offline: TopicPartition[] = []
  let partitions = 0
  for (const { name, partitions: states } of topics) {
    const topic = name!
    partitions += states.length
    // Replicas that are only being added are not missed.
    const short = states.filter(({ partitionIndex, isrNodes, replicaNodes }) => {
      const adding = find(named(topic, partitionIndex))?.adding.length ?? 0
      return isrNodes.length < replicaNodes.length - adding
    })
    const needed = await minInsyncReplicas(cluster, topic)
    underReplicated.push(...short.map(({ partitionIndex }) => named(topic, partitionIndex)))
    for (const { partitionIndex, leaderId, isrNodes } of states) {
      if (isrNodes.length < needed) underMinIsr.push(named(topic, partitionIndex))
      if (leaderId < 0) offline.push(named(topic, partitionIndex))
    }
  }
  return {
    clusterId,
    controllerId,
    brokers: brokers.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack: rack ?? null })),
    topics: topics.length,
    partitions,
    underReplicated,
    underMinIsr,
    offline,
    reassigning: reassignments.map(({ topic, partition }) => named(topic, partition)),
  }
}

async function minInsyncReplicas(cluster: Cluster, topic: string): Promise<number> {
  const configs = await cluster.describeConfigs('topic', topic, false)
  return Number(configs.find(({ name }) => name === 'min.insync.replicas')?.value ?? 1)
}
