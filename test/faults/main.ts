/**
 * Runs seeds of the cluster fault test and says what it found.
 *
 * node dist/test/faults/main.js [FIRST_SEED [NUMBER_OF_SEEDS]]
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FaultReport, runFaults } from './fault-run.js'
import type { Schedule } from './fault-schedule.js'
import { countViolations, violationKinds } from './history-checker.js'

const shown = 10
const textAtMost = 300

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function tell({ seed, schedule, history, violations, accidents, folder }: FaultReport): Promise<void> {
  const sent = history.partitions.flatMap(({ producers }) => producers.flatMap((producer) => producer.sent))
  const acknowledged = sent.filter(({ isAcknowledged }) => isAcknowledged).length
  const isFine = violations.length === 0 && accidents.length === 0
  const faults = schedule.faults.map(({ what }) => what).join(', ')
  print(
    `seed ${seed}: ${acknowledged} of ${sent.length} values acknowledged; ${faults}${isFine ? '' : ': FAILED'}`,
  )
  if (isFine) return
  print(`  ${JSON.stringify(schedule)}`)
  for (const { kind, text } of violations.slice(0, shown)) print(`  ${kind}: ${text.slice(0, textAtMost)}`)
  if (violations.length > shown) print(`  and ${violations.length - shown} more`)
  for (const accident of accidents) print(`  ${accident}`)
  if (folder === undefined) return
  const seen = history.partitions.map(({ reads, ...rest }) => ({
    ...rest,
    reads: [...reads.values()].flatMap((v) => [...v.values()]),
  }))
  await writeFile(join(folder, 'history.json'), JSON.stringify({ ...history, partitions: seen }, null, 1))
  print(`  logs, data and history: ${folder}`)
}

/** One that a failed run has printed, perhaps with less in it. */
async function givenSchedule(): Promise<{ schedule?: Schedule }> {
  const path = process.env.SCHEDULE
  return path === undefined ? {} : { schedule: JSON.parse(await readFile(path, 'utf8')) }
}

async function main(first: number, count: number, jobs: number): Promise<boolean> {
  const seeds = Array.from({ length: count }, (_, index) => first + index).values()
  const total = new Map(violationKinds.map((kind) => [kind, 0]))
  const given = await givenSchedule()
  let accidents = 0
  let commits = 0
  let values = 0
  const worker = async () => {
    for (const seed of seeds) {
      const report = await runFaults(seed, { keep: process.env.KEEP !== undefined, ...given })
      await tell(report)
      for (const [kind, number] of countViolations(report.violations))
        total.set(kind, total.get(kind)! + number)
      accidents += report.accidents.length
      commits += report.history.groups.flatMap(({ events }) =>
        events.filter((event) => event.what === 'commit' && event.isDone),
      ).length
      values += report.history.partitions.flatMap(({ producers }) =>
        producers.flatMap(({ sent }) => sent.filter((each) => each.isAcknowledged)),
      ).length
    }
  }
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, worker))
  const counts = [...total].map(([kind, number]) => `${kind} ${number}`).join(', ')
  print(
    `cluster faults, seeds ${first}..${first + count - 1}: ${counts}; ${values} values and ${commits} commits acknowledged; accidents ${accidents}`,
  )
  return accidents === 0 && [...total.values()].every((number) => number === 0)
}

const [seed = process.env.SEED ?? '1', count = process.env.SEEDS ?? '1'] = process.argv.slice(2)
process.exitCode = (await main(Number(seed), Number(count), Number(process.env.JOBS ?? 1))) ? 0 : 1
