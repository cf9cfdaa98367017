/** What goes wrong when: drawn from a seed, as plain data that can be printed. */
import type { Random } from '../support/random.js'
import { FaultCluster } from './fault-cluster.js'
import type { Cut, Direction } from './fault-link.js'
import { faultTopics } from './fault-topics.js'

/** `etcd`: of the broker's links to all members. */
export interface LinkEnds {
  readonly from: number | 'client'
  readonly to: number | 'etcd'
}

export type Fault =
  | { readonly what: 'kill'; readonly broker: number }
  | { readonly what: 'pause'; readonly broker: number }
  /** Syncs take so long just before: what waits for a disk is what is lost. */
  | { readonly what: 'power cut'; readonly brokers: readonly number[]; readonly syncDelayMs: number }
  /** From all other brokers, so that what it leads has records that nobody else has; then it dies, or does not. */
  | { readonly what: 'cut off'; readonly broker: number; readonly aloneMs: number; readonly then: Ending }
  | { readonly what: 'rolling restart' }
  /** Syncs of the files below the path fail, and the broker is killed and started in the end. */
  | { readonly what: 'failing disk'; readonly broker: number; readonly path: string }
  | { readonly what: 'slow fsync'; readonly broker: number; readonly delayMs: number }
  | {
      readonly what: 'partition'
      readonly links: readonly LinkEnds[]
      readonly directions: readonly Direction[]
      readonly silent: 'hold' | 'lose'
    }
  | {
      readonly what: 'slow links'
      readonly links: readonly LinkEnds[]
      readonly delayMs: number
      readonly bytesPerSecond: number | null
    }
  | {
      readonly what: 'cut connections'
      readonly links: readonly LinkEnds[]
      readonly how: Cut
      readonly direction: Direction
      readonly bytes: number
    }
  | {
      readonly what: 'reassignment'
      readonly topic: string
      readonly partition: number
      readonly replicas: readonly number[]
    }
  | { readonly what: 'preferred leaders' }
  | { readonly what: 'etcd leader'; readonly how: 'kill' | 'pause' }

/** `unlease`: it does not die, and is cut off from etcd too, for longer than its lease. */
export type Ending = 'kill' | 'power cut' | 'unlease'

export type ScheduledFault = Fault & {
  readonly atMs: number
  /** Until it is mended: the process started again or gone on, the link well. */
  readonly forMs: number
}

export interface Schedule {
  readonly etcdMembers: 1 | 3
  /** What the power takes is known, because disks are recorded. */
  readonly hasPowerCuts: boolean
  /** Settings of the brokers. */
  readonly properties: Readonly<Record<string, string>>
  readonly faults: readonly ScheduledFault[]
  readonly lengthMs: number
}

const lengthMs = 7_000
/** Longer than the lease of a broker. */
export const longMs = 3_200

export function drawSchedule(random: Random): Schedule {
  const hasPowerCuts = random.chance(0.6)
  const etcdMembers = random.chance(0.3) ? 3 : 1
  const count = random.chance(0.2) ? 10 + random.below(8) : 4 + random.below(5)
  const faults = Array.from({ length: count }, () => drawFault(random, hasPowerCuts))
  faults.sort((a, b) => a.atMs - b.atMs)
  const properties = {
    // So little that a follower needs many answers to catch up.
    ...(random.chance(0.3) && { 'replica.fetch.max.bytes': '2000' }),
    ...(random.chance(0.3) && { 'num.replica.fetchers': '2' }),
  }
  return { etcdMembers, hasPowerCuts, properties, faults, lengthMs }
}

function drawFault(random: Random, hasPowerCuts: boolean): ScheduledFault {
  const atMs = random.below(lengthMs)
  const broker = random.pick(FaultCluster.ids)
  const forMs = random.chance(0.35) ? longMs + random.below(1_500) : 100 + random.below(1_500)
  const kinds: (() => Fault)[] = [
    () => ({ what: 'kill', broker }),
    () => ({ what: 'kill', broker }),
    () => ({ what: 'pause', broker }),
    () => ({ what: 'pause', broker }),
    () => drawPartition(random, broker),
    () => drawPartition(random, broker),
    () => drawPartition(random, broker),
    () => ({
      what: 'slow links',
      links: drawLinks(random, broker),
      delayMs: 10 + random.below(300),
      bytesPerSecond: random.chance(0.3) ? 20_000 + random.below(100_000) : null,
    }),
    () => ({
      what: 'cut connections',
      links: drawLinks(random, broker),
      how: random.pick(['end', 'reset']),
      direction: random.pick(['forth', 'back']),
      bytes: random.below(2_000),
    }),
    () => ({
      what: 'cut connections',
      links: drawLinks(random, broker),
      how: random.pick(['end', 'reset']),
      direction: random.pick(['forth', 'back']),
      bytes: random.below(200),
    }),
    () => ({ what: 'slow fsync', broker, delayMs: random.pick([20, 100, 400]) }),
    () => drawCutOff(random, broker, hasPowerCuts),
    () => drawCutOff(random, broker, hasPowerCuts),
    () => ({ what: 'failing disk', broker, path: `/${random.pick(faultTopics).name}-` }),
    () => ({ what: 'etcd leader', how: random.pick(['kill', 'pause']) }),
    () => ({ what: 'rolling restart' }),
    () => drawReassignment(random),
    () => drawReassignment(random),
    () => ({ what: 'preferred leaders' }),
  ]
  if (hasPowerCuts) {
    kinds.push(
      () => drawPowerCut(random, [broker]),
      () => drawPowerCut(random, [broker]),
      () => drawPowerCut(random, FaultCluster.ids),
      () => drawPowerCut(random, FaultCluster.ids),
    )
  }
  return { atMs, forMs, ...random.pick(kinds)() }
}

function drawCutOff(random: Random, broker: number, hasPowerCuts: boolean): Fault {
  const then = random.pick<Ending>(hasPowerCuts ? ['kill', 'power cut', 'unlease'] : ['kill', 'unlease'])
  return { what: 'cut off', broker, aloneMs: 100 + random.below(600), then }
}

function drawPowerCut(random: Random, brokers: readonly number[]): Fault {
  return { what: 'power cut', brokers, syncDelayMs: random.pick([0, 50, 200]) }
}

/** To brokers in another order, mostly not to all of them. */
function drawReassignment(random: Random): Fault {
  const { name: topic, partitions } = random.pick(faultTopics)
  const order = [...FaultCluster.ids]
  for (let left = order.length; left > 1; left--) {
    const other = random.below(left)
    ;[order[left - 1], order[other]] = [order[other]!, order[left - 1]!]
  }
  const count = random.pick([1, 2, 2, 3])
  return { what: 'reassignment', topic, partition: random.below(partitions), replicas: order.slice(0, count) }
}

function drawPartition(random: Random, broker: number): Fault {
  return {
    what: 'partition',
    links: drawLinks(random, broker),
    directions: random.pick([['forth', 'back'], ['forth'], ['back']] as const),
    silent: random.pick(['hold', 'lose']),
  }
}

function drawLinks(random: Random, broker: number): LinkEnds[] {
  const others = FaultCluster.ids.filter((id) => id !== broker)
  const other = random.pick(others)
  const alone = linksToOthers(broker)
  const etcd: LinkEnds = { from: broker, to: 'etcd' }
  return random.pick<LinkEnds[]>([
    [{ from: broker, to: other }],
    [
      { from: broker, to: other },
      { from: other, to: broker },
    ],
    [etcd],
    alone,
    [...alone, etcd],
    [{ from: 'client', to: broker }],
  ])
}

/** Between a broker and all others, both ways of dialling. */
export function linksToOthers(broker: number): LinkEnds[] {
  return FaultCluster.ids
    .filter((id) => id !== broker)
    .flatMap((peer) => [
      { from: broker, to: peer },
      { from: peer, to: broker },
    ])
}
