/**
 * Runs schedules: SEED is the first one's seed (default 1), SEEDS how many (1,000), PROCESSES in how many processes.
 * One schedule alone prints its history.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { runSchedule } from './simulation.js'
import { realNow } from './virtual-time.js'

interface Tally {
  steps: number
  acknowledged: number
  elections: number
  cuts: number
  failed: number
}

const first = Number(process.env.SEED ?? 1)
const count = Number(process.env.SEEDS ?? 1_000)

/** The schedules of a share of the seeds; each violation is printed where it is found. */
async function run(from: number, stride: number): Promise<Tally> {
  const tally: Tally = { steps: 0, acknowledged: 0, elections: 0, cuts: 0, failed: 0 }
  for (let seed = from; seed < first + count; seed += stride) {
    const result = await runSchedule(seed, { keepTrace: count === 1 })
    for (const line of result.trace) process.stdout.write(`${line}\n`)
    tally.steps += result.steps
    tally.acknowledged += result.acknowledged
    tally.elections += result.elections
    tally.cuts += result.cuts
    if (result.violations.length === 0) continue
    tally.failed++
    process.stdout.write(`seed ${seed}: ${result.violations[0]}\n`)
  }
  return tally
}

function runElsewhere(from: number, stride: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), {
      env: { ...process.env, SHARE_FROM: String(from), SHARE_STRIDE: String(stride) },
    })
    child.once('message', (tally) => resolve(tally as Tally))
    child.once('exit', (code) => reject(new Error(`the process of seed ${from} ended with ${code}`)))
  })
}

const { SHARE_FROM, SHARE_STRIDE } = process.env
if (SHARE_FROM) {
  const tally = await run(Number(SHARE_FROM), Number(SHARE_STRIDE))
  process.send!(tally, () => process.exit())
} else {
  const started = realNow()
  const processes = Math.min(count, Number(process.env.PROCESSES ?? availableParallelism()))
  const shares = Array.from({ length: processes }, (_, index) => first + index)
  const tallies = await Promise.all(
    processes === 1 ? [run(first, 1)] : shares.map((from) => runElsewhere(from, processes)),
  )
  const sum = (what: keyof Tally) => tallies.reduce((total, tally) => total + tally[what], 0)
  const seconds = ((realNow() - started) / 1_000).toFixed(0)
  process.stdout.write(
    `${count} schedules from SEED=${first} in ${seconds} s: ${sum('steps')} steps, ` +
      `${sum('acknowledged')} records acknowledged, ${sum('elections')} leader epochs, ${sum('cuts')} logs cut, ` +
      `${sum('failed')} schedules with violations\n`,
  )
  process.exitCode = sum('failed') === 0 ? 0 : 1
}
