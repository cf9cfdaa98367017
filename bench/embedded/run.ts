// Runs the workloads: in each round every store right after the other, each in a fresh process and folder, every second
// round in the other order.
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { rawWarm } from '../../lib/native/raw-disk.js'
import { type Machine, thisMachine } from '../machine.js'
import { ChildProcesses, syncDisks, watchOthers } from '../processes.js'
import { versionOf } from './install.js'
import type { Measurement } from './measure.js'
import type { PeerName, StoreClass } from './store.js'
import { type Figures, scaled, type Workload, writtenBytes } from './workloads.js'

export interface Measured {
  readonly workload: string
  readonly peer: PeerName
  readonly round: number
  readonly figures?: Figures
  /** Cores that other processes used meanwhile. */
  readonly othersCores?: number
  readonly error?: string
}

export interface EmbeddedResults {
  readonly startedAt: string
  readonly machine: Machine
  readonly peers: readonly { readonly name: PeerName; readonly version?: string; readonly settings: string }[]
  readonly rounds: number
  readonly scale: number
  readonly measurements: readonly Measured[]
}

export interface EmbeddedPlan {
  readonly workloads: readonly Workload[]
  readonly peers: readonly PeerName[]
  readonly rounds: number
  readonly scale: number
  readonly folder: string
  progress(text: string): void
}

/** Beside what is written: buffers, maps, indexes. */
const WARM_MARGIN = 256e6
const program = join(import.meta.dirname, 'measure.js')

export async function runEmbedded(plan: EmbeddedPlan): Promise<EmbeddedResults> {
  const startedAt = new Date().toISOString()
  const measurements: Measured[] = []
  for (let round = 1; round <= plan.rounds; round++) {
    for (const workload of plan.workloads) {
      const peers = plan.peers.filter((peer) => workload.peers.includes(peer))
      for (const peer of round % 2 === 1 ? peers : peers.toReversed()) {
        measurements.push(await measured(plan, workload, peer, round))
      }
    }
  }
  return {
    startedAt,
    machine: thisMachine(),
    peers: await Promise.all(plan.peers.map(describe)),
    rounds: plan.rounds,
    scale: plan.scale,
    measurements,
  }
}

async function describe(name: PeerName) {
  const { settings } = (await import(`./stores/${name}.js`)) as StoreClass
  return { name, version: versionOf(name), settings }
}

async function measured(
  plan: EmbeddedPlan,
  workload: Workload,
  peer: PeerName,
  round: number,
): Promise<Measured> {
  const task = scaled(workload.task, plan.scale)
  const folder = join(plan.folder, 'measured')
  const name = { workload: workload.name, peer, round }
  const text = `round ${round} ${workload.name} ${peer}`
  mkdirSync(folder)
  try {
    await syncDisks()
    await rawWarm(join(plan.folder, 'warm'), writtenBytes(task) + WARM_MARGIN)
    const others = watchOthers()
    const figures = await inProcess({ peer, task, folder })
    const othersCores = others()
    plan.progress(`${text}: ${shown(figures)}`)
    return { ...name, figures, othersCores }
  } catch (error) {
    plan.progress(`${text}: failed: ${(error as Error).message}`)
    return { ...name, error: (error as Error).message }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inProcess(measurement: Measurement): Promise<Figures> {
  const child = ChildProcesses.add(
    spawn(process.execPath, [program, JSON.stringify(measurement)], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  let output = ''
  let errors = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000)
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`ended with ${code}: ${errors.trimEnd()}`)
  return JSON.parse(output) as Figures
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(', ')
}
