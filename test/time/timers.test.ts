import { mock } from 'node:test'
import test from 'ava'
import { clearTimeout, setInterval, setTimeout, sleep } from '../../lib/time/index.js'

const days = 24 * 60 * 60 * 1_000

/** Hour by hour: a mocked timer that is started by another begins at the end of the tick. */
function passDays(count: number): void {
  for (let hour = 0; hour < count * 24; hour++) mock.timers.tick(days / 24)
}

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }))
test.afterEach.always(() => mock.timers.reset())

test.serial('a delay of 30 days runs after 30 days, once', (t) => {
  let runs = 0
  setTimeout(() => runs++, 30 * days)
  mock.timers.tick(24.8 * days)
  mock.timers.tick(5.2 * days - 1)
  t.is(runs, 0)
  mock.timers.tick(1)
  mock.timers.tick(20 * days)
  mock.timers.tick(20 * days)
  t.is(runs, 1)
})

test.serial('a period of 30 days comes back', (t) => {
  let runs = 0
  const timer = setInterval(() => runs++, 30 * days)
  passDays(29)
  t.is(runs, 0)
  passDays(32)
  t.is(runs, 2)
  clearTimeout(timer)
  passDays(60)
  t.is(runs, 2)
})

test.serial('a long timer that is cleared halfway does not run', (t) => {
  let runs = 0
  const timer = setTimeout(() => runs++, 50 * days)
  mock.timers.tick(24 * days)
  mock.timers.tick(24 * days)
  clearTimeout(timer)
  mock.timers.tick(24 * days)
  t.is(runs, 0)
})

test.serial('an endless delay never runs, and a delay that is no number is refused', async (t) => {
  const timer = setTimeout(() => t.fail(), Number.POSITIVE_INFINITY)
  for (let month = 0; month < 24; month++) mock.timers.tick(20 * days)
  clearTimeout(timer)
  t.throws(() => setTimeout(() => {}, Number.NaN), { instanceOf: RangeError })
  await t.throwsAsync(sleep(Number.NaN), { instanceOf: RangeError })
})

test.serial('a long sleep ends when it is aborted', async (t) => {
  const abort = new AbortController()
  const sleeping = sleep(100 * days, { signal: abort.signal })
  abort.abort()
  await t.throwsAsync(sleeping, { name: 'AbortError' })
})
