// Runs the workloads: in each round every peer is measured right after the other on the same workload, each on a
// fresh data folder, and every second round in the other order. Workloads of one stage share a folder and what runs
// on it.
import { diskLimit, diskSpeed } from './limits/disk.js'
import type { DiskSpeed } from './load/generator.js'
import { type Machine, thisMachine } from './machine.js'
import type { Contender } from './peers/peer.js'
import { watchOthers } from './processes.js'
import type { Figures, Tools, Workload } from './workload.js'

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
  readonly peers: readonly Contender[]
  readonly rounds: number
  readonly scale: number
  readonly disk: readonly DiskSpeed[]
  /** One per round, by workload. */
  readonly limits: Readonly<Record<string, readonly Limits[]>>
  readonly measurements: readonly Measurement[]
}

export interface Plan<P extends Contender, B extends AsyncDisposable> {
  readonly stages: readonly (readonly Workload<B>[])[]
  readonly peers: readonly P[]
  readonly rounds: number
  readonly tools: Tools
  /** What the workloads of a stage work with, on a fresh folder. */
  bench(tools: Tools, peer: P): B
  progress(text: string): void
}

const message = (error: unknown) => (error instanceof Error ? error.message : String(error))

export async function runRounds<P extends Contender, B extends AsyncDisposable>(
  plan: Plan<P, B>,
): Promise<Results> {
  const { stages, peers, tools, progress } = plan
  const disk: DiskSpeed[] = []
  const limits: Record<string, Limits[]> = {}
  const measurements: Measurement[] = []
  const startedAt = new Date().toISOString()

  const measure = async (bench: B, workload: Workload<B>, peer: P, round: number) => {
    const name = { workload: workload.name, peer: peer.name, round }
    try {
      await tools.settle()
      const others = watchOthers()
      const figures = await workload.run(bench)
      measurements.push({ ...name, figures, othersCores: others() })
      progress(`round ${round} ${workload.name} ${peer.name}: ${short(figures)}`)
    } catch (error) {
      measurements.push({ ...name, error: message(error) })
      progress(`round ${round} ${workload.name} ${peer.name}: failed: ${message(error)}`)
    }
  }

  for (let round = 1; round <= plan.rounds; round++) {
    if (stages.flat().some(({ durable }) => durable)) disk.push(await diskSpeed(tools))
    for (const wanted of stages) {
      const stage = wanted.filter(({ mostRounds = round }) => round <= mostRounds)
      if (stage.length === 0) continue
      for (const workload of stage) {
        ;(limits[workload.name] ??= []).push({
          generator: await workload.generatorLimit?.(tools),
          disk: workload.durable ? await diskLimit(tools) : undefined,
        })
      }
      for (const peer of round % 2 === 1 ? peers : peers.toReversed()) {
        await using bench = plan.bench(tools, peer)
        for (const workload of stage) await measure(bench, workload, peer, round)
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
