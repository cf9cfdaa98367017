/** Clients of a simulated cluster: an idempotent producer with acks=all, and a consumer that reads all, again and again. */
import {
  ErrorCode,
  encodeBatch,
  errorName,
  type FetchResponse,
  isRetriable,
  type RequestOf,
  type ResponseOf,
  readBatches,
} from '../../lib/protocol/index.js'
import { type Checker, type RecordId, recordId } from './checker.js'
import type { SimulatedBroker } from './simulated-broker.js'
import type { VirtualConnection, VirtualNetwork } from './virtual-network.js'
import type { Host, VirtualTime } from './virtual-time.js'

export interface ClientSurroundings {
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly checker: Checker
  readonly topic: string
  readonly nodeIds: readonly number[]
  broker(id: number): SimulatedBroker | undefined
  hostOf(address: string): Host
}

const requestTimeoutMs = 1_500
const pauseMs = 50

const delay = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

abstract class Client {
  protected readonly around: ClientSurroundings
  protected readonly partition: number
  #leader = -1
  #connection: VirtualConnection | undefined

  constructor(around: ClientSurroundings, partition: number) {
    this.around = around
    this.partition = partition
  }

  /** Undefined where it is to be tried again. */
  protected async ask<T>(api: string, request: unknown): Promise<T | undefined> {
    try {
      return (await (await this.#connect()).request(api, request, requestTimeoutMs)) as T
    } catch {
      this.misled()
      return undefined
    }
  }

  /** Another broker is asked who leads, and believed. */
  protected misled(): void {
    this.#connection?.close()
    this.#connection = undefined
    const { time, nodeIds, topic } = this.around
    const image = this.around.broker(time.random.pick(nodeIds))?.cluster?.image
    this.#leader = image?.topic(topic)?.partitions[this.partition]?.leader ?? -1
  }

  protected get leader(): SimulatedBroker | undefined {
    return this.around.broker(this.#leader)
  }

  async #connect(): Promise<VirtualConnection> {
    if (this.#leader < 0) throw new Error('nobody is known to lead')
    if (this.#connection && !this.#connection.closed) return this.#connection
    this.#connection = await this.around.network.dial(
      this.around.hostOf(`broker-${this.#leader}`),
      requestTimeoutMs,
    )
    return this.#connection
  }
}

export class Producer extends Client {
  readonly #producerId: number
  #sequence = 0

  constructor(around: ClientSurroundings, partition: number) {
    super(around, partition)
    this.#producerId = 100 + partition
  }

  async run(pauseMsAtMost: number, isOver: () => boolean): Promise<void> {
    const { random } = this.around.time
    while (!isOver()) {
      await this.#write(1 + random.below(3))
      await delay(random.next() * pauseMsAtMost)
    }
  }

  /** Sends the same batch again, to whoever leads then, until it is acknowledged. */
  async #write(count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, index) =>
      recordId(this.#producerId, this.#sequence + index),
    )
    for (;;) {
      const answer = await this.ask<ResponseOf<'Produce'>>('Produce', this.#request(ids))
      const { errorCode = ErrorCode.REQUEST_TIMED_OUT } = answer?.responses[0]?.partitionResponses[0] ?? {}
      if (errorCode === ErrorCode.NONE) break
      if (!isRetriable(errorCode)) {
        this.around.checker.fault(`a producer of ${this.partition} was told ${errorName(errorCode)}`)
        return
      }
      this.misled()
      await delay(pauseMs)
    }
    this.#sequence += count
  }

  #request(ids: readonly RecordId[]) {
    const records = encodeBatch({
      records: ids.map((id) => ({ timestamp: Date.now(), value: Buffer.from(String(id)) })),
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: this.#sequence,
    })
    const partitionData = [{ index: this.partition, records }]
    const topicData = [{ topicId: '', name: this.around.topic, partitionData }]
    return { transactionalId: null, acks: -1, timeoutMs: 1_000, topicData } satisfies RequestOf<'Produce'>
  }
}

export class Consumer extends Client {
  async run(pauseMsAtMost: number, isOver: () => boolean): Promise<void> {
    const { random } = this.around.time
    let offset = 0
    while (!isOver()) {
      const next = await this.#read(offset)
      // From the start now and then: what was read must still be there.
      offset = random.chance(0.1) ? 0 : next
      if (next === offset) await delay(random.next() * pauseMsAtMost)
    }
  }

  async #read(offset: number): Promise<number> {
    const { topic, checker } = this.around
    const topicId = this.leader?.cluster?.image.topic(topic)?.topicId ?? ''
    const answer = await this.ask<FetchResponse>('Fetch', {
      replicaId: -1,
      maxWaitMs: 200,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [
        {
          topicId,
          partitions: [
            {
              partition: this.partition,
              currentLeaderEpoch: -1,
              fetchOffset: offset,
              lastFetchedEpoch: -1,
              logStartOffset: -1,
              partitionMaxBytes: 1 << 10,
            },
          ],
        },
      ],
      forgottenTopicsData: [],
      rackId: '',
      replicaState: { replicaId: -1, replicaEpoch: -1 },
    })
    const data = answer?.responses[0]?.partitions[0]
    if (data?.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE)
      return Number(data.logStartOffset) > offset ? Number(data.logStartOffset) : 0
    if (!data || data.errorCode !== ErrorCode.NONE) {
      this.misled()
      await delay(pauseMs)
      return offset
    }
    let next = offset
    for (const header of wholeBatches(data.records)) {
      const base = Number(header.baseOffset)
      for (let at = base; at <= base + header.lastOffsetDelta; at++) {
        checker.consumerRead(
          this.partition,
          at,
          recordId(Number(header.producerId), header.baseSequence + at - base),
        )
      }
      next = Math.max(next, base + header.lastOffsetDelta + 1)
    }
    return next
  }
}

function wholeBatches(records: Uint8Array | null) {
  return records === null ? [] : [...readBatches(records)]
}
