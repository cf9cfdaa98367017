/**
 * The partitions that this broker serves, kept in step with the cluster's image, and the periodic work on their logs:
 * checkpoints, retention, compaction, expiry of producers.
 */
import type { Logger } from 'pino'
import { mapInParallel } from '../concurrency/in-parallel.js'
import type { BrokerConfig, TopicConfig } from '../config/index.js'
import { files } from '../native/index.js'
import { KafkaError } from '../protocol/errors.js'
import { type DataFolder, engineErrorCode, LogCleaner } from '../storage/index.js'
import { clearTimeout, setTimeout, type Timer } from '../time/index.js'
import type { IsrWriter } from './isr-writer.js'
import { dialLeader, type LeaderAddress, type LeaderDialler } from './leader-connection.js'
import type { LeaderEnvironment, PartitionState } from './leadership.js'
import { Partition } from './partition.js'
import { ReplicaFetchers } from './replica-fetchers.js'
import { ReplicationQuota } from './replication-quota.js'

/** A partition as the image describes it. */
export interface AssignedPartition extends PartitionState {
  topic: string
  topicId: string
  partition: number
  /** A topic that brokers keep their own state in. */
  isInternal: boolean
  config: TopicConfig
}

/** What the broker around it knows of the cluster. */
export interface ReplicasEnvironment {
  readonly nodeId: number
  readonly isrWriter: IsrWriter
  /** Over the network, unless another way is given. */
  readonly dialLeader?: LeaderDialler
  /**
   * Takes this broker out of the partition's ISR, where others are in it, so that one of them leads. Left out: it stays.
   */
  readonly leaveIsr?: (topicId: string, partition: number) => Promise<void>
  /** True where other brokers may have taken over what this one leads. */
  isFenced(): boolean
  /** Of this broker. */
  brokerEpoch(): number
  isRegistered(brokerId: number, brokerEpoch: number): boolean
  /** Where a broker listens for others; undefined where that is not known. */
  addressOf(brokerId: number): LeaderAddress | undefined
  /** True where the cluster has this partition, here or elsewhere. */
  exists(topic: string, partition: number): boolean
}

/** Logs that are opened at the same time at start; recovery itself runs on the engine's threads. */
const opensAtOnce = 64
const leaveRetryMs = 1_000

export class Replicas {
  readonly #folder: DataFolder
  readonly #config: BrokerConfig
  readonly #log: Logger
  readonly #environment: ReplicasEnvironment
  readonly #leaderEnvironment: LeaderEnvironment
  readonly #fetchers: ReplicaFetchers
  readonly #partitions = new Map<string, Map<number, Partition>>()
  /** Partitions whose log could not be opened: answered with KAFKA_STORAGE_ERROR. */
  readonly #failed = new Map<string, Error>()
  /** Of what leaves for followers that are not in sync, from throttled leaders. */
  readonly leaderQuota: ReplicationQuota
  readonly #timers = new Set<Timer>()
  #cleaner: LogCleaner | undefined
  #stopped = false

  constructor(folder: DataFolder, config: BrokerConfig, environment: ReplicasEnvironment, log: Logger) {
    this.#folder = folder
    this.#config = config
    this.#environment = environment
    this.#log = log
    this.#leaderEnvironment = {
      nodeId: environment.nodeId,
      isrWriter: environment.isrWriter,
      isFenced: () => environment.isFenced(),
      get lagTimeMaxMs() {
        return config.get('replica.lag.time.max.ms')
      },
      now: () => performance.now(),
      schedule: (delayMs, work) => this.#later(delayMs, async () => work()),
      isRegistered: (brokerId, brokerEpoch) => environment.isRegistered(brokerId, brokerEpoch),
    }
    const now = () => performance.now()
    this.leaderQuota = new ReplicationQuota(() => config.get('leader.replication.throttled.rate'), now)
    this.#fetchers = new ReplicaFetchers(
      {
        nodeId: environment.nodeId,
        settings: fetcherSettings(config),
        dialLeader: environment.dialLeader ?? dialLeader,
        quota: new ReplicationQuota(() => config.get('follower.replication.throttled.rate'), now),
        brokerEpoch: () => environment.brokerEpoch(),
        addressOf: (brokerId) => environment.addressOf(brokerId),
      },
      log,
      async () => {
        await Promise.all([folder.writeRecoveryPoints(), folder.writeLogStartOffsets()])
      },
    )
  }

  get folder(): DataFolder {
    return this.#folder
  }

  /** Partitions whose log could not be opened, or has failed since. */
  get offlineCount(): number {
    let count = this.#failed.size
    for (const { log } of this) if (log.failure) count++
    return count
  }

  *[Symbol.iterator](): Iterator<Partition> {
    for (const partitions of this.#partitions.values()) yield* partitions.values()
  }

  /** Opens the logs of these partitions; one that cannot be opened is logged and leaves the others working. */
  async open(assigned: readonly AssignedPartition[]): Promise<void> {
    await mapInParallel(assigned, opensAtOnce, (each) => this.#open(each))
  }

  /** Throws UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR, or NOT_LEADER_OR_FOLLOWER where others have it. */
  get(topic: string, partition: number): Partition {
    const found = this.find(topic, partition)
    if (found) return found
    const failure = this.#failed.get(`${topic}-${partition}`)
    if (failure) throw new KafkaError('KAFKA_STORAGE_ERROR', failure.message)
    throw new KafkaError(
      this.#environment.exists(topic, partition) ? 'NOT_LEADER_OR_FOLLOWER' : 'UNKNOWN_TOPIC_OR_PARTITION',
      `This broker has no partition ${partition} of ${topic}.`,
    )
  }

  find(topic: string, partition: number): Partition | undefined {
    return this.#partitions.get(topic)?.get(partition)
  }

  /** It serves the partition, or would, if its log could be opened. */
  has(topic: string, partition: number): boolean {
    return this.find(topic, partition) !== undefined || this.#failed.has(`${topic}-${partition}`)
  }

  configure(topic: string, config: TopicConfig): void {
    for (const partition of this.#partitions.get(topic)?.values() ?? []) partition.configure(config)
  }

  /** Leads or follows these partitions as their states say. Resolves when it is so. */
  async assume(changed: readonly AssignedPartition[]): Promise<void> {
    await Promise.all(
      changed.map(async (state) => {
        const partition = this.find(state.topic, state.partition)
        if (!partition) return
        try {
          await this.#assume(partition, state)
        } catch (error) {
          this.#log.error({ err: error, ...state }, 'a partition could not take its new role')
        }
      }),
    )
  }

  /** Stops serving these partitions and removes their logs from disk, but for those that could not be opened. */
  async remove(topic: string, indexes: readonly number[]): Promise<void> {
    for (const index of indexes) this.#failed.delete(`${topic}-${index}`)
    const served = this.#partitions.get(topic)
    const partitions = indexes.flatMap((index) => served?.get(index) ?? [])
    for (const { partition } of partitions) served!.delete(partition)
    if (served?.size === 0) this.#partitions.delete(topic)
    for (const partition of partitions) partition.close()
    await Promise.all(partitions.map((partition) => this.#fetchers.remove(partition)))
    await Promise.all(partitions.map(({ partition }) => this.#cleaner?.forget(topic, partition)))
    if (partitions.length === 0) return
    const results = await this.#folder.removeLogs(partitions.map(({ log }) => log))
    for (const result of results) {
      if (result.status === 'rejected')
        this.#log.error({ err: result.reason, topic }, 'a log could not be removed')
    }
  }

  /** Starts the periodic work, and the log cleaner where `log.cleaner.enable` says so. */
  async start(): Promise<void> {
    const get = this.#config.get.bind(this.#config)
    // The first at once: what recovery has put on disk needs no second scan, and new logs are told from unknown ones.
    const recoveryPoints = () => this.#folder.writeRecoveryPoints()
    this.#every(get('log.flush.offset.checkpoint.interval.ms'), 'recovery points', recoveryPoints, 0)
    this.#every(get('log.flush.start.offset.checkpoint.interval.ms'), 'log start offsets', () =>
      this.#folder.writeLogStartOffsets(),
    )
    this.#every(get('replica.high.watermark.checkpoint.interval.ms'), 'high watermarks', () =>
      this.#writeHighWatermarks(),
    )
    // As often as Kafka looks: a laggard goes after once to one and a half times the setting.
    const lagCheckMs = Math.max(1, get('replica.lag.time.max.ms') / 2)
    const checkLag = async () => {
      for (const partition of this) partition.checkLag()
    }
    this.#every(lagCheckMs, 'lag of followers', checkLag, lagCheckMs)
    this.#every(get('log.retention.check.interval.ms'), 'retention', () => this.#enforceRetention())
    this.#every(get('producer.id.expiration.check.interval.ms'), 'producer expiry', async () => {
      const expirationMs = get('producer.id.expiration.ms')
      for (const { log } of this) log.producers.expire(Date.now(), expirationMs)
    })
    if (!get('log.cleaner.enable')) return
    this.#cleaner = await LogCleaner.open({
      dataDir: this.#folder.path,
      files,
      settings: {
        get backoffMs() {
          return get('log.cleaner.backoff.ms')
        },
        get dedupeBufferSize() {
          return get('log.cleaner.dedupe.buffer.size')
        },
        get ioMaxBytesPerSecond() {
          return get('log.cleaner.io.max.bytes.per.second')
        },
      },
      logs: () => this,
      log: this.#log,
    })
    this.#cleaner.start()
  }

  /** Answers whatever waits for other replicas, and takes no more; for a stop. */
  takeOutOfService(): void {
    for (const partition of this) partition.close()
  }

  async close(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    await this.#fetchers.close()
    await this.#cleaner?.close()
    const highWatermarks = new Map([...this].map((partition) => [partition.log, partition.highWatermark]))
    this.takeOutOfService()
    await this.#folder.close((log) => highWatermarks.get(log) ?? log.logEndOffset)
  }

  async #assume(partition: Partition, state: PartitionState): Promise<void> {
    const hasFailed = partition.log.failure !== undefined
    if (hasFailed) this.#leaveIsr(partition)
    if (state.leader === this.#environment.nodeId) {
      await this.#fetchers.remove(partition)
      partition.lead(state)
      return
    }
    await partition.follow(state)
    if (state.leader < 0 || hasFailed) await this.#fetchers.remove(partition)
    else await this.#fetchers.add(partition, state.leader)
  }

  /** What the log has failed to hold must not be waited for, and nobody must be led by it. Tried until it is so. */
  #leaveIsr({ topicId, partition }: { topicId: string; partition: number }): void {
    this.#environment.leaveIsr?.(topicId, partition).catch((error: unknown) => {
      this.#log.warn({ err: error, topicId, partition }, 'a replica that has failed could not leave the ISR')
      if (!this.#stopped) this.#later(leaveRetryMs, async () => this.#leaveIsr({ topicId, partition }))
    })
  }

  async #open(assigned: AssignedPartition): Promise<void> {
    const { topic, topicId, partition, isInternal, config } = assigned
    const name = `${topic}-${partition}`
    try {
      const log = await this.#folder.openLog(topic, topicId, partition, config)
      const opened = new Partition({
        topic,
        topicId,
        isInternal,
        log,
        config,
        highWatermark: this.#folder.highWatermarkAtStart(topic, partition),
        environment: this.#leaderEnvironment,
      })
      opened.onLogFailed = () => {
        this.#leaveIsr(opened)
        if (!opened.isLeader) void this.#fetchers.remove(opened)
      }
      await this.#assume(opened, assigned)
      const partitions = this.#partitions.get(topic) ?? new Map<number, Partition>()
      partitions.set(partition, opened)
      this.#partitions.set(topic, partitions)
      this.#failed.delete(name)
    } catch (error) {
      if (!engineErrorCode(error)) throw error
      this.#log.error({ err: error, partition: name }, 'partition is offline: its log could not be opened')
      this.#failed.set(name, error as Error)
      this.#leaveIsr({ topicId, partition })
    }
  }

  async #enforceRetention(): Promise<void> {
    let total = 0
    for (const partition of [...this]) {
      try {
        const deleted = await partition.enforceRetention(Date.now())
        total += deleted
        if (deleted > 0) {
          const { topic, partition: index, logStartOffset } = partition
          this.#log.debug({ topic, partition: index, deleted, logStartOffset }, 'segments deleted')
        }
      } catch (error) {
        this.#log.error(
          { err: error, topic: partition.topic, partition: partition.partition },
          'retention failed',
        )
      }
    }
    if (total > 0) await this.#folder.writeLogStartOffsets()
  }

  #writeHighWatermarks(): Promise<void> {
    return this.#folder.writeHighWatermarks(
      (log) => this.find(log.topic, log.partition)?.highWatermark ?? log.logEndOffset,
    )
  }

  /** First after `firstMs`, then at every interval; never twice at a time. */
  #every(
    intervalMs: number,
    what: string,
    work: () => Promise<void>,
    firstMs = this.#config.get('log.initial.task.delay.ms'),
  ): void {
    const run = async () => {
      try {
        await work()
      } catch (error) {
        this.#log.error({ err: error }, `periodic work failed: ${what}`)
      }
      if (!this.#stopped) this.#later(intervalMs, run)
    }
    this.#later(firstMs, run)
  }

  #later(delayMs: number, run: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void run()
    }, delayMs)
    timer.unref()
    this.#timers.add(timer)
  }
}

function fetcherSettings(config: BrokerConfig) {
  return {
    get fetchersPerLeader() {
      return config.get('num.replica.fetchers')
    },
    get maxBytes() {
      return config.get('replica.fetch.max.bytes')
    },
    get responseMaxBytes() {
      return config.get('replica.fetch.response.max.bytes')
    },
    get minBytes() {
      return config.get('replica.fetch.min.bytes')
    },
    get maxWaitMs() {
      return config.get('replica.fetch.wait.max.ms')
    },
    get backoffMs() {
      return config.get('replica.fetch.backoff.ms')
    },
    get requestTimeoutMs() {
      return config.get('replica.socket.timeout.ms')
    },
    get largestBatchBytes() {
      return config.get('socket.request.max.bytes')
    },
  }
}
