/** Membership in a consumer group: keeps a reader at the partitions that the group gives it, and commits. */
import { once } from 'node:events'
import type { Consumer } from '@platformatic/kafka'
import type { ReadPosition, RecordReader } from './record-reader.js'

export interface GroupSettings {
  readonly topic: string
  /** Where to start in a partition that has no committed offset. */
  readonly initialOffset: (partition: number) => Promise<bigint>
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

const REBALANCE_WAIT_MS = 5000

type Assignments = readonly { topic: string; partitions: number[] }[]

export class ReadingGroup {
  readonly #consumer: Consumer
  readonly #reader: RecordReader
  readonly #settings: GroupSettings
  readonly #committed = new Map<ReadPosition, bigint>()
  /** Pending from the start of a rebalance until its assignment is taken over. */
  #rebalance: Deferred | undefined
  #assigning: Promise<void> = Promise.resolve()
  #failure: unknown

  constructor(consumer: Consumer, reader: RecordReader, settings: GroupSettings) {
    this.#consumer = consumer
    this.#reader = reader
    this.#settings = settings
  }

  async join(): Promise<void> {
    const { topic, sessionTimeoutMs, rebalanceTimeoutMs, heartbeatIntervalMs } = this.#settings
    this.#consumer.topics.track(topic)
    this.#consumer.on('consumer:group:rebalance', () => {
      this.#rebalance ??= deferred()
    })
    this.#consumer.on('consumer:group:join', () => {
      const assignments: Assignments = this.#consumer.assignments ?? []
      this.#assigning = this.#assigning
        .then(() => this.#assign(assignments))
        .catch((error: unknown) => {
          this.#failure ??= error
        })
    })
    await this.#consumer.joinGroup({
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatIntervalMs,
    })
    await this.settled()
  }

  /** Resolves when the last assignment is taken over; rejects where one could not be. */
  async settled(): Promise<void> {
    await this.#assigning
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Commits the positions that moved. Nothing is sent during a rebalance: the request would wait behind the join,
   * and arrive with a generation that has ended.
   */
  async commit(): Promise<void> {
    if (this.#rebalance) return
    const moved = this.#reader.positions.filter(
      (position) => this.#committed.get(position) !== position.offset,
    )
    if (moved.length === 0) return
    const offsets = moved.map(({ topic, partition, offset, leaderEpoch }) => {
      return { topic, partition, offset, leaderEpoch }
    })
    await this.#consumer.commit({ offsets })
    for (const [index, position] of moved.entries()) this.#committed.set(position, offsets[index]!.offset)
  }

  /** The last commit: a rebalance that is under way is waited for, though not for a member that hangs. */
  async commitBeforeLeaving(): Promise<void> {
    if (this.#rebalance) {
      const timeout = AbortSignal.timeout(REBALANCE_WAIT_MS)
      await Promise.race([this.#rebalance.promise, once(timeout, 'abort')])
    }
    await this.commit()
  }

  async #assign(assignments: Assignments): Promise<void> {
    const before = this.#reader.positions
    const added: { topic: string; partitions: number[] }[] = []
    const positions: ReadPosition[] = []
    for (const { topic, partitions } of assignments) {
      const fresh = partitions.filter((partition) => {
        // A partition that stays is read on where it stands.
        const kept = before.find((position) => position.topic === topic && position.partition === partition)
        if (kept) positions.push(kept)
        return !kept
      })
      if (fresh.length > 0) added.push({ topic, partitions: fresh })
    }
    if (added.length > 0) {
      const committed = await this.#consumer.listCommittedOffsets({ topics: added })
      for (const { topic, partitions } of added) {
        for (const partition of partitions) {
          const found = committed.get(topic)?.[partition] ?? -1n
          const offset = found >= 0n ? found : await this.#settings.initialOffset(partition)
          const position = { topic, partition, offset, leaderEpoch: -1 }
          // Where nothing is committed yet, the first commit fixes where the group started.
          if (found >= 0n) this.#committed.set(position, offset)
          positions.push(position)
        }
      }
    }
    for (const position of this.#committed.keys()) {
      if (!positions.includes(position)) this.#committed.delete(position)
    }
    this.#reader.assign(positions)
    this.#rebalance?.resolve()
    this.#rebalance = undefined
  }
}

interface Deferred {
  promise: Promise<void>
  resolve: () => void
}

/** As `Promise.withResolvers`, which Node has from version 22 on. */
function deferred(): Deferred {
  let resolve!: () => void
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
