/** Known mistakes of replication, each made by replacing one piece of the broker's code for as long as a test wants it. */
import { Cluster } from '../../lib/cluster/index.js'
import { BrokerConfig } from '../../lib/config/index.js'
import { Partition } from '../../lib/replica/index.js'
import { Leadership } from '../../lib/replica/leadership.js'
import { ProducerState } from '../../lib/storage/producer-state.js'
import { VirtualStore } from './virtual-store.js'
import type { Plan } from './weather.js'

export interface Mutation {
  readonly mistake: string
  /** Makes it. Returns how to undo it. */
  readonly make: () => () => void
  /** Weather that brings it out sooner. */
  readonly adjust?: (plan: Plan) => Plan
}

/** Replaces a method; `replacement` is given the one that was there. */
function method<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  replacement: (before: T[K]) => T[K],
) {
  return (): (() => void) => {
    const before = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...before, value: replacement(before.value) })
    return () => Object.defineProperty(prototype, name, before)
  }
}

function getter<T extends object, K extends keyof T>(prototype: T, name: K, get: (this: T) => T[K]) {
  return (): (() => void) => {
    const before = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...before, get })
    return () => Object.defineProperty(prototype, name, before)
  }
}

export const mutations: readonly Mutation[] = [
  {
    mistake: 'an ISR that was sent and may have been written does not count',
    make: getter(Leadership.prototype, 'maximalIsr', function () {
      return this.isr
    }),
    // Followers leave and join all the time, and leaders hear late of what was written.
    adjust: (plan) => ({
      ...plan,
      properties: { ...plan.properties, 'replica.lag.time.max.ms': '300' },
      store: { loss: 0.1, delay: 0.1, watchDelay: 0.5, watchDelayMs: 4_000 },
      events: Array.from({ length: 30 }, (_, index) => ({
        at: (index * plan.endMs) / 30,
        kind: 'pause',
        node: plan.nodeIds[index % plan.nodeIds.length]!,
        other: plan.nodeIds[0]!,
        durationMs: 400 + (index % 7) * 300,
      })),
    }),
  },
  {
    mistake: 'acks=all is answered before the flush',
    make: method(Leadership.prototype, 'durableOffset', () => (highWatermark) => highWatermark),
  },
  {
    mistake: 'a follower cuts its log to its high watermark when the leader changes',
    make: method(
      Partition.prototype,
      'follow',
      (follow) =>
        async function (this: Partition, state) {
          const isAnother = state.leaderEpoch !== this.leaderEpoch
          await follow.call(this, state)
          if (isAnother) await this.truncate(this.highWatermark, async () => {})
        },
    ),
  },
  {
    mistake: 'a leader does not tell where logs diverge',
    make: method(Partition.prototype, 'divergence', () => () => undefined),
  },
  {
    mistake: 'all that the leader has counts as committed',
    make: method(Leadership.prototype, 'committedOffset', () => (logEndOffset) => logEndOffset),
  },
  {
    mistake: 'a replica that is not in sync is elected',
    make: method(
      BrokerConfig.prototype,
      'topic',
      (topic) =>
        function (this: BrokerConfig, overrides) {
          return { ...topic.call(this, overrides), uncleanLeaderElectionEnable: true }
        },
    ),
  },
  {
    mistake: 'the store is written whatever stands in it',
    make: method(
      VirtualStore.prototype,
      'txn',
      (txn) =>
        function (this: VirtualStore, { compares: _, ...rest }) {
          return txn.call(this, rest)
        },
    ),
  },
  {
    mistake: 'a leader whose lease has ended goes on',
    make: getter(Cluster.prototype, 'isFenced', () => false),
  },
  {
    mistake: 'followers learn nothing of producers from what they append',
    make: method(ProducerState.prototype, 'replay', () => () => {}),
  },
]
