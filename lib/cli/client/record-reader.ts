/**
 * Reads records of a set of partitions, which a group may change while it reads. Nothing is fetched before the
 * records of the last fetch are taken, so a slow reader bounds the memory.
 */
import type { Consumer } from '@platformatic/kafka'
import { sleep } from '../../time/index.js'
import { groupBy } from '../group-by.js'
import { kafkaErrorNames, RequestFailure } from './request-failure.js'

export interface ConsumedRecord {
  topic: string
  partition: number
  offset: bigint
  timestamp: bigint
  timestampType: 'CreateTime' | 'LogAppendTime'
  key: Buffer | null
  value: Buffer | null
  headers: readonly (readonly [Buffer | null, Buffer | null])[]
}

export interface ReadPosition {
  readonly topic: string
  readonly partition: number
  /** The next offset to hand out. */
  offset: bigint
  leaderEpoch: number
}

export interface ReadSettings {
  readonly isolationLevel: 0 | 1
  readonly maxWaitMs: number
  readonly maxBytes: number
  /** Where to go on when a position has left the log. */
  readonly onOutOfRange: (position: ReadPosition) => Promise<bigint>
}

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>
type Batch = NonNullable<FetchResponse['responses'][number]['partitions'][number]['records']>[number]

const CONTROL_BATCH = 1 << 5
const LOG_APPEND_TIME = 1 << 3
/** Errors that a newer view of the cluster may cure. */
const STALE = [
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'LEADER_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
]
const MAX_STALE_ROUNDS = 20
const STALE_PAUSE_MS = 200

export class RecordReader {
  readonly #consumer: Consumer
  readonly #settings: ReadSettings
  readonly #positions = new Map<string, ReadPosition>()

  constructor(consumer: Consumer, settings: ReadSettings) {
    this.#consumer = consumer
    this.#settings = settings
  }

  get positions(): readonly ReadPosition[] {
    return [...this.#positions.values()]
  }

  /** Replaces the partitions that are read. */
  assign(positions: readonly ReadPosition[]): void {
    this.#positions.clear()
    for (const position of positions) this.#positions.set(`${position.topic}:${position.partition}`, position)
  }

  /** True while a position is still assigned: a rebalance may take it away between fetch and hand-out. */
  owns(position: ReadPosition): boolean {
    return this.#positions.get(`${position.topic}:${position.partition}`) === position
  }

  /** One round over all leaders. Yields each record with its position, which the caller moves past it. */
  async *poll(): AsyncGenerator<[ConsumedRecord, ReadPosition]> {
    const positions = this.positions
    if (positions.length === 0) return
    for (let round = 1; ; round++) {
      try {
        const topics = [...new Set(positions.map(({ topic }) => topic))]
        const metadata = await this.#consumer.metadata({ topics, forceUpdate: round > 1 })
        const byLeader = groupBy(positions, ({ topic, partition }) => {
          return metadata.topics.get(topic)!.partitions[partition]!.leader
        })
        const topicIds = new Map(topics.map((topic) => [topic, metadata.topics.get(topic)!.id]))
        const responses = await Promise.all(
          [...byLeader].map(([leader, some]) => this.#fetch(leader, some, topicIds)),
        )
        for (const response of responses) yield* this.#records(response, positions, topicIds)
        return
      } catch (error) {
        const names = kafkaErrorNames(error)
        if (names.includes('OFFSET_OUT_OF_RANGE')) {
          await this.#reset(error, positions)
          return
        }
        if (!names.some((name) => STALE.includes(name)) || round >= MAX_STALE_ROUNDS) throw error
        await sleep(STALE_PAUSE_MS)
      }
    }
  }

  #fetch(
    leader: number,
    positions: readonly ReadPosition[],
    topicIds: ReadonlyMap<string, string>,
  ): Promise<FetchResponse> {
    const { isolationLevel, maxWaitMs, maxBytes } = this.#settings
    const topics = [...groupBy(positions, ({ topic }) => topic)].map(([topic, some]) => ({
      topicId: topicIds.get(topic)!,
      partitions: some.map(({ partition, offset }) => ({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: offset,
        lastFetchedEpoch: -1,
        partitionMaxBytes: Math.min(maxBytes, 1 << 20),
      })),
    }))
    return this.#consumer.fetch({
      node: leader,
      topics,
      maxWaitTime: maxWaitMs,
      minBytes: 1,
      maxBytes,
      isolationLevel,
    })
  }

  *#records(
    response: FetchResponse,
    positions: readonly ReadPosition[],
    topicIds: ReadonlyMap<string, string>,
  ): Generator<[ConsumedRecord, ReadPosition]> {
    for (const { topicId, partitions } of response.responses) {
      for (const { partitionIndex, records } of partitions) {
        const position = positions.find(({ topic, partition }) => {
          return partition === partitionIndex && topicIds.get(topic) === topicId
        })
        if (!position) continue
        for (const batch of records ?? []) {
          if ((batch.attributes & CONTROL_BATCH) === 0) yield* recordsOf(batch, position)
          const next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
          if (this.owns(position) && position.offset < next) position.offset = next
          position.leaderEpoch = batch.partitionLeaderEpoch
        }
      }
    }
  }

  /** Retention or DeleteRecords may have overtaken a reader. */
  async #reset(error: unknown, positions: readonly ReadPosition[]): Promise<void> {
    const response = responseOf(error)
    if (!response) throw error
    const topics = [...new Set(positions.map(({ topic }) => topic))]
    const metadata = await this.#consumer.metadata({ topics })
    for (const { topicId, partitions } of response.responses) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode !== 1) continue
        const position = positions.find(({ topic, partition }) => {
          return partition === partitionIndex && metadata.topics.get(topic)?.id === topicId
        })
        if (position) position.offset = await this.#settings.onOutOfRange(position)
      }
    }
  }
}

function* recordsOf(batch: Batch, position: ReadPosition): Generator<[ConsumedRecord, ReadPosition]> {
  const appendTime = (batch.attributes & LOG_APPEND_TIME) !== 0
  for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
    const offset = batch.firstOffset + BigInt(offsetDelta)
    // A fetch starts with the whole batch that holds the position.
    if (offset < position.offset) continue
    const record: ConsumedRecord = {
      topic: position.topic,
      partition: position.partition,
      offset,
      timestamp: appendTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta,
      timestampType: appendTime ? 'LogAppendTime' : 'CreateTime',
      key: key ?? null,
      value: value ?? null,
      headers,
    }
    yield [record, position]
  }
}

function responseOf(error: unknown): FetchResponse | undefined {
  if (!(error instanceof Error)) return undefined
  const { response, errors } = error as Error & { response?: FetchResponse; errors?: unknown[] }
  if (response?.responses) return response
  for (const inner of errors ?? []) {
    const found = responseOf(inner)
    if (found) return found
  }
  return undefined
}

/** Fails with one line that names the partition. */
export function outOfRange({ topic, partition, offset }: ReadPosition): never {
  throw new RequestFailure(`${topic}-${partition} has no offset ${offset} any more`)
}
