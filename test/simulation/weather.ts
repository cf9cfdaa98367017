/** What a schedule is made of: how the cluster is set, how the world around it behaves, and what happens when. */
import type { Random } from '../support/random.js'
import type { DiskSpeed } from './virtual-disk.js'
import type { LinkSpeed } from './virtual-network.js'
import type { StoreWeather } from './virtual-store.js'

export interface Plan {
  readonly nodeIds: readonly number[]
  readonly partitions: number
  readonly minInsyncReplicas: number
  readonly isCached: boolean
  readonly properties: Readonly<Record<string, string>>
  readonly link: LinkSpeed
  readonly disk: DiskSpeed
  readonly store: StoreWeather
  /** Timers, like everything that waits for the event loop, are late by up to so much. */
  readonly latenessMs: number
  readonly produceEveryMs: number
  readonly events: readonly PlannedEvent[]
  /** When the world turns fair again. */
  readonly endMs: number
}

export type EventKind =
  | 'kill'
  | 'cut power'
  | 'cut power everywhere'
  | 'stop'
  | 'pause'
  | 'sleep'
  | 'isolate'
  | 'cut link'
  | 'cut link one way'
  | 'cut off from store'
  | 'cut off from store one way'
  | 'store outage'
  | 'reset connections'
  | 'compact'
  | 'set clock'
  | 'slow disk'
  | 'delete records'
  | 'reassign'
  | 'cancel reassignment'
  | 'elect preferred leaders'

export interface PlannedEvent {
  readonly at: number
  readonly kind: EventKind
  readonly node: number
  readonly other: number
  readonly durationMs: number
}

const weights: Readonly<Record<EventKind, number>> = {
  kill: 5,
  'cut power': 4,
  'cut power everywhere': 1,
  stop: 3,
  pause: 4,
  sleep: 2,
  isolate: 3,
  'cut link': 3,
  'cut link one way': 3,
  'cut off from store': 3,
  'cut off from store one way': 2,
  'store outage': 1,
  'reset connections': 2,
  compact: 2,
  'set clock': 1,
  'slow disk': 2,
  'delete records': 1,
  reassign: 4,
  'cancel reassignment': 1,
  'elect preferred leaders': 2,
}

export function drawPlan(random: Random): Plan {
  const nodeIds = Array.from({ length: random.chance(0.2) ? 4 : 3 }, (_, index) => index + 1)
  const isCached = random.chance(0.15)
  const ttlMs = 2_000 + 1_000 * random.below(2)
  const endMs = 3_000 + random.below(5_000)
  const kinds = (Object.keys(weights) as EventKind[]).filter(
    (kind) =>
      // A schedule has some kinds of events only, and then more of them.
      random.chance(0.6) && !(isCached && kind.startsWith('cut power')),
  )
  const bag = kinds.flatMap((kind) => Array.from({ length: weights[kind] }, () => kind))
  const count = bag.length === 0 ? 0 : 2 + random.below(10)
  const events = Array.from({ length: count }, (): PlannedEvent => {
    const node = random.pick(nodeIds)
    return {
      at: 100 + random.next() * endMs,
      kind: random.pick(bag),
      node,
      other: random.pick(nodeIds.filter((id) => id !== node)),
      durationMs: random.chance(0.5) ? random.next() * 800 : random.next() * 4_000,
    }
  })
  return {
    nodeIds,
    partitions: 1 + random.below(2),
    minInsyncReplicas: 1 + random.below(2),
    isCached,
    properties: {
      'etcd.lease.ttl.ms': String(ttlMs),
      'replica.lag.time.max.ms': String(random.pick([300, 1_000, 3_000])),
      'replica.fetch.wait.max.ms': String(random.pick([100, 500])),
      'replica.fetch.backoff.ms': '200',
      'replica.fetch.max.bytes': String(random.pick([200, 1_000, 1 << 20])),
      'replica.socket.timeout.ms': '1500',
      'log.flush.offset.checkpoint.interval.ms': '700',
      'replica.high.watermark.checkpoint.interval.ms': '500',
      'log.cleaner.enable': 'false',
    },
    link: { latencyMs: random.pick([0.2, 1, 5, 30]), slowness: random.pick([0, 0.001, 0.02]) },
    disk: { writeMs: random.pick([0.05, 0.5]), flushMs: random.pick([0.5, 3, 20]) },
    store: {
      loss: random.pick([0, 0, 0.02, 0.1]),
      delay: random.pick([0, 0, 0.02, 0.1]),
      watchDelay: random.pick([0, 0.02, 0.2]),
      watchDelayMs: random.pick([100, 1_000, 3_000]),
    },
    latenessMs: random.pick([0.1, 1, 20]),
    produceEveryMs: random.pick([15, 60, 250]),
    events: events.sort((a, b) => a.at - b.at),
    endMs,
  }
}
