/** What the events of a plan do to a simulated cluster. */
import type { Cluster } from '../../lib/cluster/index.js'
import type { SimulatedBroker } from './simulated-broker.js'
import type { VirtualDisk } from './virtual-disk.js'
import type { VirtualNetwork } from './virtual-network.js'
import type { VirtualStore } from './virtual-store.js'
import type { Host, VirtualTime } from './virtual-time.js'
import type { EventKind, Plan, PlannedEvent } from './weather.js'

export interface Machine {
  readonly id: number
  readonly host: Host
  readonly disk: VirtualDisk
  /** Of the process that runs, or starts. */
  broker: SimulatedBroker | undefined
}

export interface World {
  readonly topic: string
  readonly plan: Plan
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly store: VirtualStore
  readonly machines: ReadonlyMap<number, Machine>
  /** Where producers and consumers run. */
  readonly clients: Host
  after(ms: number, work: () => void): void
  kill(machine: Machine, durationMs: number): void
  cutPower(machines: readonly Machine[], durationMs: number): void
  stop(machine: Machine, durationMs: number): void
  deleteRecords(): void
  /** Has a broker do what somebody asks it for, who does not wait for what becomes of it. */
  ask(machine: Machine, what: string, work: (cluster: Cluster) => Promise<unknown>): void
}

type Links = readonly (readonly [from: Host, to: Host])[]

/** A flush on a slow disk takes so many times as long. */
const slowness = 50

const actions: Readonly<Record<EventKind, (world: World, event: PlannedEvent) => void>> = {
  kill: (world, { node, durationMs }) => world.kill(machine(world, node), durationMs),
  'cut power': (world, { node, durationMs }) => world.cutPower([machine(world, node)], durationMs),
  'cut power everywhere': (world, { durationMs }) => world.cutPower([...world.machines.values()], durationMs),
  stop: (world, { node, durationMs }) => world.stop(machine(world, node), durationMs),
  pause: (world, event) => pause(world, event, 0),
  sleep: (world, event) => pause(world, event, event.durationMs),
  isolate: (world, event) => isolate(world, host(world, event.node), event.durationMs),
  'cut link': (world, { node, other, durationMs }) =>
    cut(world, both(host(world, node), host(world, other)), durationMs),
  'cut link one way': (world, { node, other, durationMs }) =>
    cut(world, [[host(world, node), host(world, other)]], durationMs),
  'cut off from store': (world, { node, durationMs }) =>
    cut(world, both(host(world, node), world.store.host), durationMs),
  'cut off from store one way': (world, { node, other, durationMs }) => {
    const [there, back] = both(host(world, node), world.store.host)
    cut(world, [node < other ? there! : back!], durationMs)
  },
  'store outage': (world, { durationMs }) => isolate(world, world.store.host, durationMs),
  'reset connections': (world, { node, other }) => world.network.reset(host(world, node), host(world, other)),
  compact: ({ store }) => store.compact(),
  'set clock': (world, { node }) => {
    host(world, node).wallOffset = (world.time.random.next() - 0.5) * 100_000
  },
  'slow disk': (world, { node, durationMs }) => {
    const { speed } = machine(world, node).disk
    const { flushMs } = world.plan.disk
    speed.flushMs = flushMs * slowness
    world.after(durationMs, () => {
      speed.flushMs = flushMs
    })
  },
  'delete records': (world) => world.deleteRecords(),
  reassign: (world, { node, other }) => {
    const { nodeIds, minInsyncReplicas: atLeast } = world.plan
    const count = atLeast + world.time.random.below(nodeIds.length + 1 - atLeast)
    const first = nodeIds.indexOf(node)
    reassign(world, other, [...nodeIds.slice(first), ...nodeIds.slice(0, first)].slice(0, count))
  },
  'cancel reassignment': (world, { node }) => reassign(world, node, null),
  'elect preferred leaders': (world, { node }) =>
    world.ask(machine(world, node), 'elect', ({ elections }) => elections.elect('preferred', null, 1_000)),
}

export function happen(world: World, event: PlannedEvent): void {
  actions[event.kind](world, event)
}

function machine(world: World, id: number): Machine {
  return world.machines.get(id)!
}

function host(world: World, id: number): Host {
  return machine(world, id).host
}

function both(a: Host, b: Host): Links {
  return [
    [a, b],
    [b, a],
  ]
}

function cut(world: World, links: Links, durationMs: number): void {
  for (const [from, to] of links) world.network.cut(from, to)
  world.after(durationMs, () => {
    for (const [from, to] of links) world.network.mend(from, to)
  })
}

function isolate(world: World, alone: Host, durationMs: number): void {
  const hosts = [world.store.host, world.clients, ...[...world.machines.values()].map((each) => each.host)]
  const others = hosts.filter((each) => each !== alone)
  cut(
    world,
    others.flatMap((each) => both(alone, each)),
    durationMs,
  )
}

/** One partition gets these replicas, or (null) keeps those that it is about to lose. */
function reassign(world: World, asked: number, replicas: readonly number[] | null): void {
  const partition = world.time.random.below(world.plan.partitions)
  world.ask(machine(world, asked), 'reassign', ({ reassignments }) =>
    reassignments.alter([{ topic: world.topic, partition, replicas }]),
  )
}

function pause(world: World, { node, durationMs }: PlannedEvent, slept: number): void {
  const paused = host(world, node)
  if (paused.isPaused || !paused.isRunning) return
  world.time.pause(paused)
  world.after(durationMs, () => world.time.resume(paused, slept))
}
