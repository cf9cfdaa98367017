/**
 * Schedules of a simulated cluster, each from a seed, none of which may break what docs/replication.md promises; and
 * a look at the simulation itself: whether it repeats, and whether it finds what is known to be wrong.
 */
import test from 'ava'
import { mutations } from './mutations.js'
import { runSchedule } from './simulation.js'

const firstSeed = Number(process.env.SEED ?? 1 + Math.floor(Math.random() * 1_000_000))
const schedulesATest = 250
const scheduleTests = 8
/** A mistake that this many schedules do not show is not found. */
const searchAtMost = 500

test.serial('the same seed gives the same history, step for step', async (t) => {
  for (const seed of [firstSeed, firstSeed + 1, firstSeed + 2]) {
    const once = await runSchedule(seed, { keepTrace: true })
    const again = await runSchedule(seed, { keepTrace: true })
    t.true(once.trace.length > 500)
    t.deepEqual(again.trace, once.trace)
    t.is(again.digest, once.digest)
    t.is((await runSchedule(seed)).steps, once.steps)
  }
})

for (let index = 0; index < scheduleTests; index++) {
  const first = firstSeed + index * schedulesATest
  test.serial(`schedules break nothing that is promised (${index + 1} of ${scheduleTests})`, async (t) => {
    let steps = 0
    let acknowledged = 0
    let violations = 0
    for (let seed = first; seed < first + schedulesATest; seed++) {
      const result = await runSchedule(seed)
      steps += result.steps
      acknowledged += result.acknowledged
      violations += result.violations.length
      t.deepEqual(result.violations, [], `SEED=${seed} SEEDS=1 npm run test:simulation`)
    }
    t.true(acknowledged > 0)
    t.log(
      `${schedulesATest} schedules from SEED=${first}: ${steps} steps, ${acknowledged} records acknowledged, ${violations} violations`,
    )
  })
}

for (const { mistake, make, adjust } of mutations) {
  test.serial(`found, when made: ${mistake}`, async (t) => {
    const undo = make()
    try {
      for (let seed = 1; seed <= searchAtMost; seed++) {
        const { violations } = await runSchedule(seed, adjust && { adjust })
        if (violations.length === 0) continue
        t.log(`by seed ${seed}: ${violations[0]}`)
        t.pass()
        return
      }
      t.fail(`${searchAtMost} schedules do not show it`)
    } finally {
      undo()
    }
  })
}
