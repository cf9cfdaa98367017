// What the bench knows of processes: those that it started, and what a process has used, from /proc.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const CLOCK_TICKS = 100

const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/** Children that must not outlive the bench. */
export const ChildProcesses = {
  add<T extends ChildProcess>(child: T): T {
    started.add(child)
    child.once('exit', () => started.delete(child))
    return child
  },
}

function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in brackets may hold spaces: fields are counted from behind it.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function children(pid: number): number[] {
  const found: number[] = []
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
    found.push(...text.split(' ').filter(Boolean).map(Number))
  }
  return found
}

/** CPU seconds, user and system, of all threads of a process, its living children and those it has waited for. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid)
  if (fields === undefined) throw new Error(`process ${pid} has ended`)
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
  return children(pid).reduce((sum, child) => sum + cpuSeconds(child), ticks / CLOCK_TICKS)
}

/** CPU seconds of the whole machine, without idling and waiting for disks. */
function machineSeconds(): number {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n')[0]!.trim().split(/\s+/).slice(1).map(Number)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields
  return (user + nice + system + irq + softirq + steal) / CLOCK_TICKS
}

/** Starts watching what others than the bench and its children use; the result tells it in cores. */
export function watchOthers(): () => number {
  const others = () => machineSeconds() - cpuSeconds(process.pid)
  const before = others()
  const startedAt = performance.now()
  return () => Math.max(0, (others() - before) / ((performance.now() - startedAt) / 1000))
}

export interface Memory {
  readonly rssMb: number
  readonly pssMb: number
}

export function memory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1])
  return { rssMb: (kilobytes('Rss') * 1024) / 1e6, pssMb: (kilobytes('Pss') * 1024) / 1e6 }
}

export function peakRssMb(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1')
  return (Number(/^VmHWM:\s+(\d+)/m.exec(text)?.[1]) * 1024) / 1e6
}

/** Writes all dirty pages out, so that what came before does not slow down what comes next. */
export async function syncDisks(): Promise<void> {
  const child = spawn('sync', { stdio: 'ignore' })
  await new Promise((done) => child.once('exit', done))
}
