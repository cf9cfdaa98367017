/**
 * Writes numbered records with acks=all as an idempotent producer does: five batches in flight, sent again with the
 * same sequence after a reconnect. What it was told is safe is counted apart from what it has sent.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { batchOf, produce } from './records.js'
import { TestClient } from './test-client.js'

const inFlightAtMost = 5

interface Batch {
  sequence: number
  values: string[]
}

export class IdempotentWriter {
  readonly topic: string
  readonly partition: number
  /** Values that an answer said are safe, in order. */
  readonly acknowledged: string[] = []
  /** Called after each answer that made `acknowledged` longer. */
  onAcknowledged: (() => void) | undefined
  #unanswered: Batch[] = []
  #producerId = -1
  #sequence = 0
  #count = 0

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** A writer that was stopped when so many values were acknowledged, and forgot what was in flight. */
  static resume(
    topic: string,
    partition: number,
    producerId: number,
    acknowledged: number,
  ): IdempotentWriter {
    const writer = new IdempotentWriter(topic, partition)
    writer.#producerId = producerId
    while (writer.#count < acknowledged) {
      writer.acknowledged.push(...writer.#next().values)
      writer.#unanswered.shift()
    }
    return writer
  }

  /** -1 until the first write. */
  get producerId(): number {
    return this.#producerId
  }

  /** Writes until the broker goes away or `isOver` says so; what was unanswered before goes first. */
  async write(bootstrap: string, isOver: () => boolean, { pauseMs = 0 } = {}): Promise<void> {
    using client = await TestClient.connect(bootstrap)
    if (this.#producerId < 0) {
      const { producerId } = await client.send('InitProducerId', { transactionalId: null })
      this.#producerId = Number(producerId)
    }
    const flying: Promise<void>[] = []
    const launch = (batch: Batch) => {
      const flight = this.#send(client, batch)
      // The first that fails ends the writing; those behind it fail with it.
      flight.catch(() => {})
      flying.push(flight)
    }
    for (const batch of [...this.#unanswered]) launch(batch)
    while (!isOver()) {
      if (this.#unanswered.length >= inFlightAtMost) await flying.shift()
      else launch(this.#next())
      if (pauseMs > 0) await delay(pauseMs)
    }
    await Promise.all(flying)
  }

  /** Every value that was ever sent, in order. */
  get sent(): string[] {
    return [...this.acknowledged, ...this.#unanswered.flatMap(({ values }) => values)]
  }

  #next(): Batch {
    const values = Array.from({ length: 1 + (this.#count % 7) }, () => `${this.partition}:${this.#count++}`)
    const batch = { sequence: this.#sequence, values }
    this.#sequence += values.length
    this.#unanswered.push(batch)
    return batch
  }

  async #send(client: TestClient, batch: Batch): Promise<void> {
    const { sequence, values } = batch
    const records = batchOf(values, {
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: sequence,
    })
    const { errorCode, errorMessage } = await produce(client, this.topic, records, {
      partition: this.partition,
    })
    if (errorCode !== 0)
      throw new WriteRefusedError(`${this.topic}-${this.partition}: ${errorCode} ${errorMessage}`)
    if (this.#unanswered[0] !== batch) throw new WriteRefusedError('answers come in the order of requests')
    this.#unanswered.shift()
    this.acknowledged.push(...values)
    this.onAcknowledged?.()
  }
}

/** The broker answered with an error: no crash explains that. */
export class WriteRefusedError extends Error {}
