/** One run from a seed: a cluster under load, faults, a heal, and what the checker says. */
import { setTimeout as delay } from 'node:timers/promises'
import { topicKey } from '../../lib/cluster/store/metadata-keys.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Random } from '../support/random.js'
import { ClusterConnection } from './cluster-client.js'
import { Committer } from './committer.js'
import { FaultCluster } from './fault-cluster.js'
import { FaultInjection } from './fault-injection.js'
import { drawSchedule, type Schedule } from './fault-schedule.js'
import { faultTopics, offsetsTopic } from './fault-topics.js'
import { GroupMember } from './group-member.js'
import { emptyHistory, type History, type PartitionHistory } from './history.js'
import { checkHistory, type Violation } from './history-checker.js'
import { Producer } from './producer.js'
import { Reader } from './reader.js'
import { readReplicaLog } from './replica-log.js'
import { untilWhole, whatIsNotWhole } from './replica-plan.js'

export interface FaultReport {
  readonly seed: number
  readonly schedule: Schedule
  readonly history: History
  readonly violations: readonly Violation[]
  /** What must not be and is no violation of what was promised: a broker that ends, a cluster that does not heal. */
  readonly accidents: readonly string[]
  /** Where the brokers' logs and data are, if they were kept. */
  readonly folder: string | undefined
}

const [committedTopic] = faultTopics as [(typeof faultTopics)[number]]
/** The groups' own topic is made by whoever looks for a coordinator. */
const topics = faultTopics.filter(({ name }) => name !== offsetsTopic)
/** Each with one client that commits, and no members. */
const groups = ['billing', 'audit']
const groupOfMembers = 'shipping'
const topicResource = 2
const busyOffsets = Object.entries({
  'internal.segment.bytes': '8000',
  'min.cleanable.dirty.ratio': '0.01',
}).map(([name, value]) => ({ name, configOperation: 0, value }))
const setupPatienceMs = 30_000
/** No time that is measured: by then something hangs. */
const healPatienceMs = 300_000

const properties = {
  'etcd.lease.ttl.ms': '2000',
  'etcd.request.timeout.ms': '2000',
  'replica.lag.time.max.ms': '2000',
  'replica.fetch.wait.max.ms': '200',
  'replica.fetch.backoff.ms': '100',
  'replica.socket.timeout.ms': '2000',
  'offsets.topic.num.partitions': String(faultTopics.find(({ name }) => name === offsetsTopic)!.partitions),
  'offsets.topic.replication.factor': '3',
  'group.min.session.timeout.ms': '1000',
  'offsets.commit.timeout.ms': '1000',
  'log.initial.task.delay.ms': '200',
  'log.cleaner.backoff.ms': '300',
  'log.flush.offset.checkpoint.interval.ms': '300',
  'log.flush.start.offset.checkpoint.interval.ms': '400',
  'replica.high.watermark.checkpoint.interval.ms': '350',
}

/** With `keep` the folders of a run that found something stay. Another `schedule` than the seed’s may be given. */
export async function runFaults(
  seed: number,
  { keep = false, schedule = drawSchedule(new Random(seed)) } = {},
): Promise<FaultReport> {
  return new FaultRun(seed, schedule).run(keep)
}

class FaultRun {
  readonly #seed: number
  readonly #schedule: Schedule
  readonly #history = emptyHistory()
  /** Of the clients and the disks: how fast they are is not in our hands, so neither is the order of its draws. */
  readonly #random: Random

  constructor(seed: number, schedule: Schedule) {
    this.#seed = seed
    this.#schedule = schedule
    this.#random = new Random(seed + 1_000_003)
  }

  async run(keep: boolean): Promise<FaultReport> {
    const { etcdMembers, hasPowerCuts } = this.#schedule
    const cluster = await FaultCluster.start({
      etcdMembers,
      records: hasPowerCuts,
      properties: { ...properties, ...this.#schedule.properties },
    })
    let violations: Violation[] = []
    let isFine = false
    try {
      const patience = new AbortController()
      await Promise.race([
        this.#load(cluster),
        delay(healPatienceMs, undefined, { signal: patience.signal }).then(async () => {
          const what = await whatIsNotWhole(cluster).catch(String)
          cluster.accidents.push(`not whole after ${healPatienceMs} ms: ${what}`)
        }),
      ])
      patience.abort()
      for (const id of FaultCluster.ids) await cluster.kill(id)
      for (const partition of this.#history.partitions) await this.#readReplicas(cluster, partition)
      violations = checkHistory(this.#history)
      isFine = violations.length === 0 && cluster.accidents.length === 0
    } finally {
      await cluster.close(keep && !isFine)
    }
    const { accidents, folder } = cluster
    return {
      seed: this.#seed,
      schedule: this.#schedule,
      history: this.#history,
      violations,
      accidents,
      folder: keep && !isFine ? folder : undefined,
    }
  }

  async #load(cluster: FaultCluster): Promise<void> {
    const random = this.#random
    await this.#createTopics(cluster)
    const producers = this.#history.partitions.flatMap((partition) => [
      new Producer(cluster, random, partition, true),
      new Producer(cluster, random, partition, false),
    ])
    const committed = (group: string, partition: number, hasMembers: boolean) => {
      const history = { group, topic: committedTopic.name, partition, hasMembers, events: [] }
      this.#history.groups.push(history)
      return history
    }
    const committers = groups.map((group) => new Committer(cluster, random, committed(group, 0, false)))
    const shares = Array.from({ length: committedTopic.partitions }, (_, partition) =>
      committed(groupOfMembers, partition, true),
    )
    const members = shares.map(() => new GroupMember(cluster, random, shares))
    const readers = this.#history.partitions.map((partition) => new Reader(cluster, random, partition))
    let isOver = false
    const working = [...producers, ...committers, ...members].map((worker) => worker.run(() => isOver))
    let isRead = false
    const reading = readers.map((reader) => reader.run(() => isRead))

    const injection = new FaultInjection(cluster, random, this.#history)
    await injection.run(this.#schedule)
    await injection.heal()
    // Producers that want two replicas wait for as long as there is one.
    await untilWhole(cluster)
    isOver = true
    await Promise.all(working)
    await untilWhole(cluster)
    // What is acknowledged now is at every replica, and with it all before it.
    await Promise.all(
      producers.filter(({ isIdempotent }) => isIdempotent).map((producer) => producer.finish()),
    )
    isRead = true
    await Promise.all(reading)
  }

  /** Until all of them are there, whatever a slow machine answers meanwhile. */
  async #createTopics(cluster: FaultCluster): Promise<void> {
    for (; ; await delay(50)) {
      try {
        using connection = await ClusterConnection.open(cluster, FaultCluster.ids[0]!)
        if (await areCreated(connection)) break
      } catch {}
    }
    for (const { name: topic, partitions } of topics) {
      for (let partition = 0; partition < partitions; partition++) {
        this.#history.partitions.push({ topic, partition, producers: [], reads: new Map(), replicas: [] })
      }
    }
  }

  async #readReplicas(
    cluster: FaultCluster,
    { topic, partition, replicas }: PartitionHistory,
  ): Promise<void> {
    const topicEntry = await cluster.store.get(topicKey(topic))
    if (!topicEntry) return
    for (const id of FaultCluster.ids) {
      try {
        replicas.push(await readReplicaLog(id, cluster.dataDir(id), topic, partition))
      } catch (error) {
        cluster.accidents.push(`what broker ${id} has of ${topic}-${partition} cannot be read: ${error}`)
      }
    }
  }
}

async function areCreated(connection: ClusterConnection): Promise<boolean> {
  const { topics: created } = await connection.send(
    'CreateTopics',
    {
      timeoutMs: setupPatienceMs,
      topics: topics.map(({ name, partitions, minInsyncReplicas }) => ({
        name,
        numPartitions: partitions,
        replicationFactor: FaultCluster.ids.length,
        configs: [
          { name: 'min.insync.replicas', value: String(minInsyncReplicas) },
          { name: 'internal.segment.bytes', value: '20000' },
        ],
      })),
    },
    undefined,
    setupPatienceMs,
  )
  const fine: number[] = [ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS]
  if (!created.every(({ errorCode }) => fine.includes(errorCode))) return false
  await connection.send('FindCoordinator', { keyType: 0, coordinatorKeys: groups }, 4, setupPatienceMs)
  // Small enough to be rolled and compacted while all this goes on.
  const { responses } = await connection.send(
    'IncrementalAlterConfigs',
    { resources: [{ resourceType: topicResource, resourceName: offsetsTopic, configs: busyOffsets }] },
    undefined,
    setupPatienceMs,
  )
  return responses[0]!.errorCode === ErrorCode.NONE
}
