/**
 * An idempotent producer with acks=all, one batch at a time: sends the same batch again, to whoever leads then, until
 * it is acknowledged. Any answer but those that say "try again" ends it.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { errorName, isRetriable } from '../../lib/protocol/index.js'
import type { Brokers } from '../support/brokers.js'
import { batchOf, produce } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

export class ClusterWriter {
  /** Values that were acknowledged, in order, and the offset that each was given. */
  readonly acknowledged: { value: string; offset: number }[] = []
  readonly #brokers: Brokers
  readonly #topic: string
  readonly #partition: number
  readonly #producerId: number
  #sequence = 0
  #client: { id: number; bootstrap: string; client: TestClient } | undefined

  constructor(brokers: Brokers, topic: string, partition: number, producerId: number) {
    this.#brokers = brokers
    this.#topic = topic
    this.#partition = partition
    this.#producerId = producerId
  }

  async write(isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.#writeOne()
    this.#client?.client[Symbol.dispose]()
  }

  async #writeOne(): Promise<void> {
    const values = Array.from({ length: 1 + (this.#sequence % 3) }, (_, index) => {
      return `${this.#producerId}:${this.#sequence + index}`
    })
    const fields = { producerId: this.#producerId, producerEpoch: 0, baseSequence: this.#sequence }
    for (;;) {
      const offset = await this.#try(batchOf(values, fields))
      if (offset === undefined) {
        await delay(5)
        continue
      }
      for (const [index, value] of values.entries()) this.acknowledged.push({ value, offset: offset + index })
      this.#sequence += values.length
      return
    }
  }

  /** The base offset, or undefined where it has to be sent again. */
  async #try(records: Uint8Array): Promise<number | undefined> {
    const { leader } = await this.#brokers.partition(this.#topic, this.#partition)
    if (!this.#brokers.isRunning(leader)) return undefined
    try {
      const client = await this.#connect(leader)
      const answer = await produce(client, this.#topic, records, { partition: this.#partition })
      if (answer.errorCode === 0) return Number(answer.baseOffset)
      if (!isRetriable(answer.errorCode)) throw new WriteRefusedError(errorName(answer.errorCode))
      return undefined
    } catch (error) {
      if (error instanceof WriteRefusedError) throw error
      this.#client?.client[Symbol.dispose]()
      this.#client = undefined
      return undefined
    }
  }

  async #connect(id: number): Promise<TestClient> {
    const bootstrap = this.#brokers.bootstrap(id)
    if (this.#client?.bootstrap === bootstrap) return this.#client.client
    this.#client?.client[Symbol.dispose]()
    this.#client = { id, bootstrap, client: await TestClient.connect(bootstrap) }
    return this.#client.client
  }
}

/** No failure of a broker explains the answer. */
export class WriteRefusedError extends Error {}
