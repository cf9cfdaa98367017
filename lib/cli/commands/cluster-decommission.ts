/**
 * `odradek cluster decommission`: empties a broker and takes it out of the cluster. All that it has done stands in the
 * cluster, so it may be broken off and run again at any time.
 */

import { sleep } from '../../time/index.js'
import { type Cluster, withCluster } from '../client/cluster.js'
import { connectionOptions, connectionSettings } from '../client/connection-options.js'
import { type PartitionPlace, planEvacuation } from '../client/evacuation.js'
import type { WantedReplicas } from '../client/reassignments.js'
import { RequestFailure } from '../client/request-failure.js'
import { finder } from '../client/topic-partition.js'
import { type CommandIo, defineCommand } from '../command.js'
import { UsageError } from '../usage-error.js'

const MARK = 'decommissioned.brokers'
const APPEND = 2
const SUBTRACT = 3
const POLL_MS = 300
/** Brokers may come and go while it waits; so many looks in a row may fail. */
const MAX_FAILURES = 100
/** One broker may know of the mark a moment later than another. */
const MAX_UNMARKED = 10

export const decommissionCommand = defineCommand({
  name: 'decommission',
  summary: 'move all replicas away from a broker, then unregister it',
  options: {
    ...connectionOptions,
    broker: { type: 'integer', value: 'ID', help: 'the node.id of the broker', aliases: ['id'] },
    'at-once': { type: 'integer', default: 50, help: 'how many partitions move at the same time' },
    cancel: {
      type: 'boolean',
      help: 'take it back: moves under way are cancelled, what has moved stays there',
    },
  },
  examples: ['odradek cluster decommission --broker 3', 'odradek cluster decommission --broker 3 --cancel'],
  async run({ options }, io) {
    const { broker, cancel } = options
    if (broker === undefined) throw new UsageError('say which: --broker ID')
    if (options['at-once'] < 1) throw new UsageError('--at-once is at least 1')
    await withCluster(await connectionSettings(options), (cluster) =>
      cancel ? takeBack(cluster, broker, io) : decommission(cluster, broker, options['at-once'], io),
    )
    return 0
  },
})

async function decommission(cluster: Cluster, broker: number, atOnce: number, io: CommandIo): Promise<void> {
  const before = await stateOf(cluster)
  const held = holding(broker, before.places)
  const isLive = before.brokers.some(({ id }) => id === broker)
  // A broker that nobody knows is told so by the last step.
  if (isLive || held.length > 0) {
    checkSource(broker, isLive, held)
    planEvacuation(broker, before.places, before.targets)
    await cluster.alterConfigs('broker', '', [{ name: MARK, configOperation: APPEND, value: String(broker) }])
    io.stdout.write(
      `Broker ${broker} is given no new replicas; it has those of ${held.length} partitions, which move away.\n`,
    )
    await evacuate(cluster, broker, atOnce, io)
  }
  await cluster.unregisterBroker(broker)
  io.stdout.write(
    `Broker ${broker} holds nothing and is unregistered.${isLive ? ' Its process ends by itself.' : ''}\n`,
  )
}

/** Resolves when no partition has a replica on the broker any more. */
async function evacuate(cluster: Cluster, broker: number, atOnce: number, io: CommandIo): Promise<void> {
  let told = -1
  let failures = 0
  let unmarked = 0
  while (unmarked < MAX_UNMARKED) {
    try {
      const { places, targets, marked } = await stateOf(cluster)
      unmarked = marked.includes(String(broker)) ? 0 : unmarked + 1
      const held = holding(broker, places)
      if (held.length !== told) {
        io.stdout.write(`${held.length} partitions left\n`)
        told = held.length
      }
      if (held.length === 0) return
      const moves = unmarked > 0 ? [] : planEvacuation(broker, places, targets)
      const room = atOnce - held.filter(({ removing }) => removing.includes(broker)).length
      await move(cluster, moves.slice(0, Math.max(room, 0)))
      failures = 0
    } catch (error) {
      if (++failures >= MAX_FAILURES) throw error
    }
    await sleep(POLL_MS)
  }
  throw new RequestFailure(`the decommissioning of broker ${broker} was taken back`)
}

/** Topics may be deleted and moves end while one looks: the next look shows it. */
const HARMLESS = ['UNKNOWN_TOPIC_OR_PARTITION', 'NO_REASSIGNMENT_IN_PROGRESS']

async function move(cluster: Cluster, wanted: readonly WantedReplicas[]): Promise<void> {
  if (wanted.length === 0) return
  const outcomes = await cluster.reassign(wanted)
  const refused = outcomes.find(({ error }) => error !== null && !HARMLESS.includes(error))
  if (!refused) return
  const { topic, partition, error, message } = refused
  throw new RequestFailure(`${topic}-${partition} cannot be moved: ${message ?? error} (${error})`)
}

async function takeBack(cluster: Cluster, broker: number, io: CommandIo): Promise<void> {
  await cluster.alterConfigs('broker', '', [{ name: MARK, configOperation: SUBTRACT, value: String(broker) }])
  let cancelled = 0
  for (;;) {
    const { places } = await stateOf(cluster)
    const leaving = holding(broker, places).filter(({ removing }) => removing.includes(broker))
    if (leaving.length === 0) break
    await move(
      cluster,
      leaving.map(({ topic, partition }) => ({ topic, partition, replicas: null })),
    )
    cancelled += leaving.length
    // Another run may have begun some a moment ago.
    await sleep(POLL_MS)
  }
  io.stdout.write(
    `Broker ${broker} is given replicas again; ${cancelled} moves away from it were cancelled.\n`,
  )
}

function checkSource(broker: number, isLive: boolean, held: readonly PartitionPlace[]): void {
  if (isLive) return
  const sole = held.filter(({ isr }) => isr.length === 1 && isr[0] === broker)
  if (sole.length === 0) return
  const [{ topic, partition }] = sole as [PartitionPlace]
  throw new RequestFailure(
    `broker ${broker} does not live and alone has what ${sole.length} partitions hold, such as ${topic}-${partition}: start it first`,
  )
}

const holding = (broker: number, places: readonly PartitionPlace[]) =>
  places.filter(({ replicas }) => replicas.includes(broker))

async function stateOf(cluster: Cluster) {
  const { brokers, topics } = await cluster.metadata()
  const findMove = finder(await cluster.reassignments())
  const configs = await cluster.describeConfigs('broker', '', false)
  const marked = configs.find(({ name }) => name === MARK)?.value?.split(',') ?? []
  const all = brokers.map(({ nodeId, rack }) => ({ id: nodeId, rack: rack ?? null }))
  const places = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, replicaNodes, isrNodes }): PartitionPlace => {
      const named = { topic: name!, partition: partitionIndex }
      const move = findMove(named)
      return {
        ...named,
        replicas: replicaNodes,
        adding: move?.adding ?? [],
        removing: move?.removing ?? [],
        isr: isrNodes,
      }
    }),
  )
  return { brokers: all, places, marked, targets: all.filter(({ id }) => !marked.includes(String(id))) }
}
