/**
 * Gathers records into batches and sends them. Records of one partition are sent in order: with idempotence (or
 * without acks) one request at a time is under way, and what is under way and gathered bounds the memory.
 */
import type { Producer } from '@platformatic/kafka'
import { clearTimeout, setTimeout, type Timer } from '../../time/index.js'
import { clientOptions } from './cluster.js'
import type { ConnectionSettings } from './connection-options.js'
import { type KafkaLibrary, loadKafka } from './kafka-library.js'
import type { LineRecord } from './line-record.js'
import { requestFailure } from './request-failure.js'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

export interface SenderOptions {
  readonly topic: string
  readonly partition: number | undefined
  readonly acks: -1 | 0 | 1
  readonly idempotent: boolean
  readonly compression: Compression
  /** A batch is sent when it has so many bytes, or is so old. */
  readonly batchBytes: number
  readonly lingerMs: number
}

type Message = Parameters<Producer['send']>[0]['messages'][number]

/** Varints, lengths and attributes of a record and of a header, at most. */
const RECORD_OVERHEAD = 32
const HEADER_OVERHEAD = 10

export class RecordSender {
  readonly #kafka: KafkaLibrary
  readonly #producer: Producer
  readonly #options: SenderOptions
  #partitions: number
  #nextPartition = 0
  #batch: Message[] = []
  #batchBytes = 0
  #linger: Timer | undefined
  #sending: Promise<void> = Promise.resolve()
  #isSending = false
  #failure: Error | undefined
  #sent = 0

  private constructor(kafka: KafkaLibrary, producer: Producer, options: SenderOptions, partitions: number) {
    this.#kafka = kafka
    this.#producer = producer
    this.#options = options
    this.#partitions = partitions
    this.#nextPartition = Math.floor(Math.random() * partitions)
  }

  /** Fails for a topic that is not there and that the broker does not create by itself. */
  static async open(settings: ConnectionSettings, options: SenderOptions): Promise<RecordSender> {
    const kafka = await loadKafka()
    const producer = new kafka.Producer({ ...clientOptions(settings), autocreateTopics: true })
    try {
      const { topics } = await producer.metadata({ topics: [options.topic], autocreateTopics: true })
      const { partitionsCount } = topics.get(options.topic)!
      if (options.partition !== undefined && options.partition >= partitionsCount) {
        throw new Error(`${options.topic} has no partition ${options.partition}`)
      }
      return new RecordSender(kafka, producer, options, partitionsCount)
    } catch (error) {
      await producer.close()
      throw requestFailure(error)
    }
  }

  /** Records that the broker has answered for. */
  get sent(): number {
    return this.#sent
  }

  /** Resolves when more may be added. Rejects with the first failure of an earlier send. */
  async add(record: LineRecord): Promise<void> {
    const bytes = recordBytes(record)
    if (this.#batchBytes > 0 && this.#batchBytes + bytes > this.#options.batchBytes) await this.#send()
    if (this.#failure) throw this.#failure
    this.#batch.push({
      topic: this.#options.topic,
      partition: this.#partitionOf(record.key),
      key: record.key,
      value: record.value,
      headers: record.headers,
    })
    this.#batchBytes += bytes
    this.#linger ??= setTimeout(() => this.#send().catch(() => {}), this.#options.lingerMs)
  }

  /** Sends what is left, waits for all answers and closes the connections. */
  async close(): Promise<void> {
    try {
      if (!this.#failure) await this.#send()
      await this.#sending
      if (this.#failure) throw this.#failure
    } finally {
      clearTimeout(this.#linger)
      await this.#producer.close()
    }
  }

  /** As Kafka does: by the key's murmur2, else one partition for each batch in turn. */
  #partitionOf(key: Buffer | undefined): number {
    if (this.#options.partition !== undefined) return this.#options.partition
    if (key === undefined) return this.#nextPartition
    return (this.#kafka.murmur2(key) & 0x7fffffff) % this.#partitions
  }

  /** Hands the batch over as soon as the one before it is answered, and resolves then. */
  async #send(): Promise<void> {
    clearTimeout(this.#linger)
    this.#linger = undefined
    while (this.#isSending) await this.#sending
    if (this.#failure) throw this.#failure
    const messages = this.#batch
    if (messages.length === 0) return
    this.#batch = []
    this.#batchBytes = 0
    this.#nextPartition = (this.#nextPartition + 1) % this.#partitions
    const { acks, idempotent, compression } = this.#options
    this.#isSending = true
    this.#sending = this.#producer
      .send({ messages, acks, idempotent, compression })
      .then(
        () => {
          this.#sent += messages.length
        },
        (error: unknown) => {
          this.#failure = requestFailure(error)
        },
      )
      .finally(() => {
        this.#isSending = false
      })
  }
}

function recordBytes({ key, value, headers }: LineRecord): number {
  let bytes = RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, text] of headers) bytes += HEADER_OVERHEAD + name.length + text.length
  return bytes
}
