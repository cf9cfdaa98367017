/** Runs the disk benchmark: both sides of every step right after one another, several rounds. */

import { resolve } from 'node:path'
import { openRawSink } from '../native/raw-disk.js'
import { type Amounts, amounts, defaultSize, MIN_SIZE, warmUpPart } from './amounts.js'
import { appendSteps } from './append-steps.js'
import { durableSteps } from './durable-steps.js'
import { Findings } from './findings.js'
import { describeMachine } from './machine.js'
import { ReadLog } from './read-log.js'
import { readSteps } from './read-steps.js'
import { REPORT_VERSION, type Report } from './report.js'
import { sendSteps } from './send-steps.js'
import type { Step } from './step.js'
import { Workplace } from './workplace.js'

export interface DiskBenchmarkOptions {
  /** Any folder on the disk to measure. */
  readonly folder: string
  /** The most that is written in all (bytes): 2 GB, of a quick run 200 MB. At least 40 MB. */
  readonly size?: number
  /** One short round: tells that everything works, not how fast. */
  readonly quick?: boolean
  /** Program and version, for the report. */
  readonly program: string
  /** Ends the run before its next measurement; what was written is removed. */
  readonly signal?: AbortSignal
  /** Called before each step with how many of all are done. */
  progress?(done: number, of: number, title: string): void
}

const NEVER_COLD = 'Nothing was read cold: the page cache does not let go of files here, as on tmpfs.'

/** Throws UnsuitableFolderError, RangeError for a size that is too small, and the signal's reason. */
export async function runDiskBenchmark(options: DiskBenchmarkOptions): Promise<Report> {
  const { quick = false, size = defaultSize(quick), signal } = options
  if (!(size >= MIN_SIZE)) throw new RangeError(`at least ${MIN_SIZE / 1e6} MB are needed to measure a disk`)
  const folder = resolve(options.folder)
  const startedAt = new Date()
  const full = amounts(quick, size)
  const work = await Workplace.open(folder, size, signal)
  try {
    const machine = await describeMachine(folder)
    const sink = await openRawSink()
    try {
      await using source = await ReadLog.fill(work, full.readBytes)
      const steps = [...appendSteps(), ...durableSteps(), ...readSteps(source), ...sendSteps(source, sink)]
      const findings = await runRounds(steps, full, work, options)
      return {
        version: REPORT_VERSION,
        program: options.program,
        startedAt: startedAt.toISOString(),
        seconds: Math.round((Date.now() - startedAt.getTime()) / 100) / 10,
        folder,
        machine,
        rounds: full.rounds,
        quick,
        sizeBytes: size,
        writtenBytes: work.writtenBytes,
        comparisons: findings.comparisons(),
        latencies: findings.latencies(),
        notes: [...(source.canBeCold ? [] : [NEVER_COLD]), ...findings.notes],
      }
    } finally {
      sink.close()
    }
  } finally {
    await work.close()
  }
}

async function runRounds(
  steps: readonly Step[],
  full: Amounts,
  work: Workplace,
  { progress }: DiskBenchmarkOptions,
): Promise<Findings> {
  const findings = new Findings()
  const of = steps.length * (full.rounds + 1)
  let done = 0
  for (let number = 0; number <= full.rounds; number++) {
    const warming = number === 0
    const pass = {
      number,
      work,
      amounts: warming ? partOf(full, warmUpPart) : full,
      findings: warming ? new Findings() : findings,
    }
    for (const step of steps) {
      const round = warming ? 'warming up' : `round ${number} of ${full.rounds}`
      progress?.(done++, of, `${round}: ${step.title}`)
      const sides = [() => step.raw(pass), () => step.engine(pass)]
      for (const side of number % 2 === 1 ? sides : sides.reverse()) await side()
    }
  }
  return findings
}

function partOf(full: Amounts, part: number): Amounts {
  return {
    ...full,
    appendBytes: full.appendBytes * part,
    durableBytes: full.durableBytes * part,
    durableMs: full.durableMs * part,
    readMs: full.readMs * part,
    sendBytes: full.sendBytes * part,
  }
}
