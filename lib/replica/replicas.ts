/**
 * The partitions that this broker serves, kept in step with the cluster's image, and the periodic work on their logs:
 * checkpoints, retention, compaction, expiry of producers.
 */
import type { Logger } from 'pino'
import type { BrokerConfig, TopicConfig } from '../config/index.js'
import { LogCleaner } from '../log/cleaner.js'
import { files } from '../native/index.js'
import { KafkaError } from '../protocol/errors.js'
import { type DataFolder, engineErrorCode } from '../storage/index.js'
import { Partition, type PartitionState } from './partition.js'

/** A partition as the image describes it. */
export interface AssignedPartition extends PartitionState {
  topic: string
  topicId: string
  partition: number
  config: TopicConfig
}

/** Logs that are opened at the same time at start; recovery itself runs on the engine's threads. */
const opensAtOnce = 64

export class Replicas {
  readonly #folder: DataFolder
  readonly #config: BrokerConfig
  readonly #log: Logger
  readonly #partitions = new Map<string, Map<number, Partition>>()
  /** Partitions whose log could not be opened: answered with KAFKA_STORAGE_ERROR. */
  readonly #failed = new Map<string, Error>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #cleaner: LogCleaner | undefined
  #stopped = false

  constructor(folder: DataFolder, config: BrokerConfig, log: Logger) {
    this.#folder = folder
    this.#config = config
    this.#log = log
  }

  get folder(): DataFolder {
    return this.#folder
  }

  *[Symbol.iterator](): Iterator<Partition> {
    for (const partitions of this.#partitions.values()) yield* partitions.values()
  }

  /** Opens the logs of these partitions; one that cannot be opened is logged and leaves the others working. */
  async open(assigned: readonly AssignedPartition[]): Promise<void> {
    const queue = assigned.values()
    const worker = async () => {
      for (const each of queue) await this.#open(each)
    }
    await Promise.all(Array.from({ length: Math.min(opensAtOnce, assigned.length) }, worker))
  }

  /** Throws UNKNOWN_TOPIC_OR_PARTITION or KAFKA_STORAGE_ERROR. */
  get(topic: string, partition: number): Partition {
    const found = this.find(topic, partition)
    if (found) return found
    const failure = this.#failed.get(`${topic}-${partition}`)
    if (failure) throw new KafkaError('KAFKA_STORAGE_ERROR', failure.message)
    throw new KafkaError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `This broker has no partition ${partition} of ${topic}.`,
    )
  }

  find(topic: string, partition: number): Partition | undefined {
    return this.#partitions.get(topic)?.get(partition)
  }

  configure(topic: string, config: TopicConfig): void {
    for (const partition of this.#partitions.get(topic)?.values() ?? []) partition.configure(config)
  }

  setState(topic: string, partition: number, state: PartitionState): void {
    this.find(topic, partition)?.setState(state)
  }

  /** Stops serving a topic and removes its logs from disk. */
  async remove(topic: string): Promise<void> {
    const partitions = [...(this.#partitions.get(topic)?.values() ?? [])]
    this.#partitions.delete(topic)
    for (const partition of partitions) partition.close()
    await Promise.all(partitions.map(({ partition }) => this.#cleaner?.forget(topic, partition)))
    const results = await Promise.allSettled(
      partitions.map((partition) => this.#folder.removeLog(partition.log)),
    )
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

  async close(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    await this.#cleaner?.close()
    const highWatermarks = new Map([...this].map((partition) => [partition.log, partition.highWatermark]))
    for (const partition of this) partition.close()
    await this.#folder.close((log) => highWatermarks.get(log) ?? log.logEndOffset)
  }

  async #open({ topic, topicId, partition, config, ...state }: AssignedPartition): Promise<void> {
    const name = `${topic}-${partition}`
    try {
      const log = await this.#folder.openLog(topic, topicId, partition, config)
      const opened = new Partition(topic, topicId, log, state, config)
      const partitions = this.#partitions.get(topic) ?? new Map<number, Partition>()
      partitions.set(partition, opened)
      this.#partitions.set(topic, partitions)
      this.#failed.delete(name)
    } catch (error) {
      if (!engineErrorCode(error)) throw error
      this.#log.error({ err: error, partition: name }, 'partition is offline: its log could not be opened')
      this.#failed.set(name, error as Error)
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
