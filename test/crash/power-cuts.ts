/** Records a broker under load, and cuts its power at many moments. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JournalEntry, readJournal } from '../support/file-journal.js'
import { Disk } from '../support/power-cut.js'
import type { Random } from '../support/random.js'
import { Acknowledged, type Acknowledgement } from './acknowledgements.js'
import { PowerCutChecker } from './power-cut-checker.js'
import { busyProperties } from './recorded-load.js'

const program = new URL('./recorded-load.js', import.meta.url)
/** Entries behind a turn in which what it began is not over. */
const wake = 12

/** Runs the load in a process of its own; the disk's real speed decides what waits for what. */
export async function recordLoad(runMs: number, ...options: string[]): Promise<JournalEntry[]> {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-record-'))
  try {
    const journal = join(folder, 'journal')
    const child = fork(program, [journal, join(folder, 'data'), String(runMs), ...options])
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`the recorded load ended with ${code}`)
    return readJournal(await readFile(journal))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** How often clients were told what. */
export function countMarks(entries: readonly JournalEntry[]): Map<Acknowledgement['what'], number> {
  const counts = new Map<Acknowledgement['what'], number>()
  for (const entry of entries) {
    if (entry.kind !== 'mark') continue
    const { what } = JSON.parse(entry.text) as Acknowledgement
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return counts
}

/**
 * Moments to cut the power at, in order: a third of them anywhere, a third behind a sync or a change of names, a
 * third behind a new segment, where two files wait for the disk.
 */
export function choosePoints(entries: readonly JournalEntry[], count: number, random: Random): number[] {
  const first = entries.findIndex(({ kind }) => kind === 'mark')
  const turns: number[] = []
  const segments: number[] = []
  for (const [at, entry] of entries.entries()) {
    if (at < first) continue
    if (entry.kind === 'open' ? entry.created : !['write', 'mark', 'returned'].includes(entry.kind))
      turns.push(at)
    if (entry.kind === 'open' && entry.created && entry.path.endsWith('.log')) segments.push(at)
  }
  const choices = [
    () => first + random.below(entries.length - first),
    () => random.pick(turns) + random.below(wake),
    () => random.pick(segments) + random.below(wake),
  ]
  return Array.from({ length: count }, (_, i) => choices[i % choices.length]!()).sort((a, b) => a - b)
}

export interface CutReport {
  losses: string[]
  recordsChecked: number
}

/** Cuts the power at each of the points, which rise, and checks what a broker makes of it. */
export async function cutAndCheck(
  entries: readonly JournalEntry[],
  points: readonly number[],
  random: Random,
): Promise<CutReport> {
  const report: CutReport = { losses: [], recordsChecked: 0 }
  // The folders are many and short-lived; nothing relies on them being on a disk.
  const memory = '/dev/shm'
  const folder = await mkdtemp(join(existsSync(memory) ? memory : tmpdir(), 'odradek-cut-'))
  try {
    const disk = new Disk()
    const acknowledged = new Acknowledged()
    let next = 0
    for (const [i, point] of points.entries()) {
      for (; next <= point && next < entries.length; next++) {
        const entry = entries[next]!
        disk.apply(entry)
        if (entry.kind === 'mark') acknowledged.add(entry.text)
      }
      const dataDir = join(folder, String(i))
      await disk.survive(random, dataDir)
      const checker = new PowerCutChecker(acknowledged)
      await checker.check(dataDir, busyProperties)
      report.recordsChecked += checker.recordsChecked
      report.losses.push(...checker.losses.map((loss) => `cut at ${point}: ${loss}`))
      await rm(dataDir, { recursive: true, force: true })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return report
}
