import test from 'ava'
import { systemTime } from '../../../lib/coordinator/runtime/clock.js'

test('a task runs when its time has come, unless it was cancelled', async (t) => {
  const ran: string[] = []
  const cancelled = systemTime.schedule(1, () => ran.push('cancelled'))
  cancelled.cancel()
  const startedAt = systemTime.monotonicTime()
  await new Promise<void>((resolve) => {
    // The coordinator's timers do not keep the process alive.
    const alive = setInterval(() => {}, 1_000)
    systemTime.schedule(20, () => {
      clearInterval(alive)
      resolve()
    })
  })
  t.true(systemTime.monotonicTime() - startedAt >= 19)
  t.deepEqual(ran, [])
})

test('a delay that setTimeout cannot take is not cut to nothing', async (t) => {
  let ran = false
  const task = systemTime.schedule(2 ** 31 + 1_000, () => {
    ran = true
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.false(ran)
  task.cancel()
})
