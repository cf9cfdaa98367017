/**
 * Producers with acks=all that keep several batches in flight. An idempotent one sends what was not acknowledged
 * again, in its order and under the same sequences, as Kafka's clients do; a plain one sends each batch once.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ErrorCode, errorName, isRetriable } from '../../lib/protocol/index.js'
import type { Random } from '../support/random.js'
import { batchOf } from '../support/records.js'
import { ClusterConnection, findLeader } from './cluster-client.js'
import { FaultCluster } from './fault-cluster.js'
import type { PartitionHistory, ProducerHistory, SentValue } from './history.js'

const inFlightAtMost = 5
const pauseMs = 12
const paddingAtMost = 3_000
/** How long the leader waits for the other replicas. */
const timeoutMs = 1_000

interface Batch {
  readonly sequence: number
  readonly values: readonly SentValue[]
}

/** Answered with an error after which the batch is to be sent again, to whoever leads then. */
class RetryError extends Error {}

export class Producer {
  readonly #cluster: FaultCluster
  readonly #random: Random
  readonly #topic: string
  readonly #partition: number
  readonly #history: ProducerHistory
  #producerId = -1
  #count = 0
  #unacknowledged: Batch[] = []

  constructor(
    cluster: FaultCluster,
    random: Random,
    { topic, partition, producers }: PartitionHistory,
    isIdempotent: boolean,
  ) {
    this.#cluster = cluster
    this.#random = random
    this.#topic = topic
    this.#partition = partition
    const producer = `${isIdempotent ? 'i' : 'p'}${producers.length}`
    this.#history = { producer, isIdempotent, sent: [], refusals: [] }
    producers.push(this.#history)
  }

  get isIdempotent(): boolean {
    return this.#history.isIdempotent
  }

  /** One batch more; resolves when it is acknowledged. REQUIRES: an idempotent producer that does not run. */
  finish(): Promise<void> {
    this.#next()
    return this.run(() => true)
  }

  /** Until told to stop; an idempotent producer then goes on until all that it has sent is acknowledged. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver() || this.#unacknowledged.length > 0) {
      const leader = await findLeader(
        this.#cluster,
        this.#random,
        this.#topic,
        this.#partition,
        FaultCluster.ids,
      )
      if (leader !== undefined) {
        try {
          using connection = await ClusterConnection.open(this.#cluster, leader)
          await this.#drive(connection, isOver)
        } catch (error) {
          if (error instanceof RefusedError) {
            this.#history.refusals.push(error.message)
            return
          }
        }
      }
      if (!this.#history.isIdempotent) this.#unacknowledged = []
      await delay(20 + this.#random.below(40))
    }
  }

  /** Over one connection, until an answer does not come or says that another broker is to be asked. */
  async #drive(connection: ClusterConnection, isOver: () => boolean): Promise<void> {
    if (this.#history.isIdempotent && this.#producerId < 0) {
      const { errorCode, producerId } = await connection.send('InitProducerId', { transactionalId: null })
      if (errorCode !== ErrorCode.NONE) throw new RetryError(errorName(errorCode))
      this.#producerId = Number(producerId)
    }
    let failure: unknown
    const flights = new Set<Promise<void>>()
    const launch = (batch: Batch) => {
      const flight = this.#send(connection, batch).then(
        () => void flights.delete(flight),
        (error: unknown) => {
          flights.delete(flight)
          failure ??= error
        },
      )
      flights.add(flight)
    }
    // As Kafka's clients do: until what is sent again is acknowledged there is one batch in flight. Brokers remember
    // five, and with new ones behind it a batch that waits for long would be forgotten.
    for (const batch of [...this.#unacknowledged]) await this.#send(connection, batch)
    while (failure === undefined && !isOver()) {
      if (this.#unacknowledged.length < inFlightAtMost) launch(this.#next())
      await delay(pauseMs)
    }
    // What is in flight may still be answered: an answer that comes counts.
    while (flights.size > 0) await Promise.all(flights)
    if (failure !== undefined) throw failure
  }

  #next(): Batch {
    const { producer, sent } = this.#history
    const sequence = this.#count
    // Now and then large ones, so that segments are rolled and answers end within a batch.
    const padding = this.#random.chance(0.1) ? '.'.repeat(this.#random.below(paddingAtMost)) : ''
    const values = Array.from({ length: 1 + (this.#count % 3) }, () => ({
      value: `${producer}:${this.#count++}${padding}`,
      offset: null,
      isAcknowledged: false,
    }))
    sent.push(...values)
    const batch = { sequence, values }
    this.#unacknowledged.push(batch)
    return batch
  }

  async #send(connection: ClusterConnection, batch: Batch): Promise<void> {
    const isFirst = this.#unacknowledged[0] === batch
    const { sequence, values } = batch
    const fields = this.#history.isIdempotent
      ? { producerId: this.#producerId, producerEpoch: 0, baseSequence: sequence }
      : {}
    const records = batchOf(
      values.map(({ value }) => value),
      fields,
    )
    const topicData = [{ name: this.#topic, partitionData: [{ index: this.#partition, records }] }]
    const { responses } = await connection.send('Produce', { acks: -1, timeoutMs, topicData }, 12)
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
    if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      for (const [index, value] of values.entries()) {
        value.isAcknowledged = true
        if (errorCode === ErrorCode.NONE && Number(baseOffset) >= 0) value.offset = Number(baseOffset) + index
      }
      this.#unacknowledged = this.#unacknowledged.filter((each) => each !== batch)
      return
    }
    // Behind one that failed, a batch is out of order; with nothing unacknowledged before it that means a loss.
    const isBehind = errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && !isFirst
    if (!isRetriable(errorCode) && !isBehind) {
      throw new RefusedError(`${values[0]!.value.slice(0, 20)}: ${errorName(errorCode)}`)
    }
    throw new RetryError(errorName(errorCode))
  }
}

class RefusedError extends Error {}
