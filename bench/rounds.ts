// Runs the workloads: in each round every peer is measured right after the other on the same workload, each on a
// fresh data folder, and every second round in the other order.
import { diskLimit, diskSpeed } from './limits/disk.js'
import type { DiskSpeed } from './load/generator.js'
import { type Machine, thisMachine } from './machine.js'
import type { Peer } from './peers/peer.js'
import { watchOthers } from './processes.js'
import { Bench, type Figures, type Tools, type Workload } from './workload.js'

export interface Measurement {
  readonly workload: string
  readonly peer: string
  readonly round: number
  readonly figures?: Figures
  /** Cores that other processes and the kernel's own threads used meanwhile. */
  readonly othersCores?: number
  readonly error?: string
}

/** MB/s of the load generator against a broker that keeps nothing, and of the disk where answers wait for it. */
export interface Limits {
  readonly generator?: number | undefined
  readonly disk?: number | undefined
}

export interface Results {
  readonly startedAt: string
  readonly machine: Machine
  readonly peers: readonly {
    readonly name: string
    readonly settings: string
    readonly acksAllOnDisk: boolean
  }[]
  readonly rounds: number
  readonly scale: number
  readonly disk: readonly DiskSpeed[]
  /** One per round, by workload. */
  readonly limits: Readonly<Record<string, readonly Limits[]>>
  readonly measurements: readonly Measurement[]
}

export interface Plan {
  readonly workloads: readonly Workload[]
  readonly peers: readonly Peer[]
  readonly rounds: number
  readonly tools: Tools
  progress(text: string): void
}

const message = (error: unknown) => (error instanceof Error ? error.message : String(error))

async function measure(tools: Tools, workload: Workload, peer: Peer): Promise<Figures> {
  await tools.settle()
  await using bench = new Bench(tools, peer)
  return await workload.run(bench)
}

export async function runRounds(plan: Plan): Promise<Results> {
  const { workloads, peers, tools, progress } = plan
  const disk: DiskSpeed[] = []
  const limits: Record<string, Limits[]> = {}
  const measurements: Measurement[] = []
  const startedAt = new Date().toISOString()
  for (let round = 1; round <= plan.rounds; round++) {
    if (workloads.some(({ durable }) => durable)) disk.push(await diskSpeed(tools))
    for (const workload of workloads) {
      ;(limits[workload.name] ??= []).push({
        generator: await workload.generatorLimit?.(tools),
        disk: workload.durable ? await diskLimit(tools) : undefined,
      })
      for (const peer of round % 2 === 1 ? peers : peers.toReversed()) {
        const name = { workload: workload.name, peer: peer.name, round }
        try {
          const others = watchOthers()
          const figures = await measure(tools, workload, peer)
          measurements.push({ ...name, figures, othersCores: others() })
          progress(`round ${round} ${workload.name} ${peer.name}: ${short(figures)}`)
        } catch (error) {
          measurements.push({ ...name, error: message(error) })
          progress(`round ${round} ${workload.name} ${peer.name}: failed: ${message(error)}`)
        }
      }
    }
  }
  return {
    startedAt,
    machine: thisMachine(),
    peers: peers.map(({ name, settings, acksAllOnDisk }) => ({ name, settings, acksAllOnDisk })),
    rounds: plan.rounds,
    scale: tools.scale,
    disk,
    limits,
    measurements,
  }
}

function short(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(', ')
}
