/**
 * Moves leaders back to their preferred replicas, now and then: a broker that comes back follows until then. Runs on
 * every broker; only the controller's does anything.
 */

import type { Logger } from 'pino'
import type { BrokerConfig } from '../../config/index.js'
import { clearTimeout, setTimeout, type Timer } from '../../time/index.js'
import type { LeaderElections, TopicPartition } from '../changes/leader-elections.js'
import type { ClusterImage, TopicImage } from '../image/cluster-image.js'

/** Of what one round may wait for partitions that change under its hands. */
const patienceMs = 5_000
const longestTimerMs = 2 ** 31 - 1

export class LeaderBalancer {
  readonly #elections: LeaderElections
  readonly #image: ClusterImage
  readonly #isController: () => boolean
  readonly #percentage: number
  readonly #intervalMs: number
  readonly #log: Logger
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  #closed = false

  constructor(
    elections: LeaderElections,
    image: ClusterImage,
    config: BrokerConfig,
    isController: () => boolean,
    log: Logger,
  ) {
    this.#elections = elections
    this.#image = image
    this.#isController = isController
    this.#percentage = config.get('leader.imbalance.per.broker.percentage')
    this.#intervalMs = Math.min(config.get('leader.imbalance.check.interval.seconds') * 1_000, longestTimerMs)
    this.#log = log
    if (config.get('auto.leader.rebalance.enable')) this.#schedule()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#round
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#round = this.#balance().finally(() => this.#schedule())
    }, this.#intervalMs)
    this.#timer.unref()
  }

  async #balance(): Promise<void> {
    if (!this.#isController()) return
    const partitions = ledElsewhere(
      [...this.#image.topics.values()],
      (id) => this.#image.memberState(id) === 'live' && !this.#image.isDecommissioned(id),
      this.#percentage,
    )
    if (partitions.length === 0) return
    try {
      const results = await this.#elections.elect('preferred', partitions, patienceMs)
      const moved = results.filter(({ error }) => !error).length
      this.#log.info({ moved, of: partitions.length }, 'leaders moved to their preferred replicas')
    } catch (error) {
      this.#log.warn({ err: error }, 'leaders could not be moved to their preferred replicas')
    }
  }
}

/**
 * The partitions whose preferred replica lives, is in sync and does not lead, of those brokers that lack more than
 * `percentage` of the leaderships that prefer them.
 */
export function ledElsewhere(
  topics: readonly Pick<TopicImage, 'name' | 'partitions'>[],
  isLive: (brokerId: number) => boolean,
  percentage: number,
): TopicPartition[] {
  const byBroker = new Map<number, { preferring: number; elsewhere: number; movable: TopicPartition[] }>()
  for (const { name: topic, partitions } of topics) {
    for (const { partition, leader, replicas, isr } of partitions) {
      const preferred = replicas[0]!
      let broker = byBroker.get(preferred)
      if (!broker) {
        broker = { preferring: 0, elsewhere: 0, movable: [] }
        byBroker.set(preferred, broker)
      }
      broker.preferring++
      if (leader === preferred) continue
      broker.elsewhere++
      if (isr.includes(preferred) && isLive(preferred)) broker.movable.push({ topic, partition })
    }
  }
  return [...byBroker.values()]
    .filter(({ preferring, elsewhere }) => elsewhere * 100 > preferring * percentage)
    .flatMap(({ movable }) => movable)
}
