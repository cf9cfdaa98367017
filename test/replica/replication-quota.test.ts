/** What throttled replicas may have, in virtual time. */
import test from 'ava'
import { namesReplica, ReplicationQuota } from '../../lib/replica/replication-quota.js'

function bench(bytesPerSecond: number) {
  const clock = { rate: bytesPerSecond, now: 0 }
  const quota = new ReplicationQuota(
    () => clock.rate,
    () => clock.now,
  )
  return { clock, quota }
}

test('over time no more goes than the rate, and a second’s worth at once', (t) => {
  const { clock, quota } = bench(1_000)
  let sent = 0
  for (; clock.now <= 60_000; clock.now += 10) {
    while (quota.allows()) {
      quota.record(300)
      sent += 300
    }
    t.true(sent <= 1_000 + clock.now + 300, `${sent} bytes in ${clock.now} ms`)
  }
  t.true(sent >= 60_000)
})

test('an answer that is larger than what is left is made up for', (t) => {
  const { clock, quota } = bench(1_000)
  t.true(quota.allows(999))
  t.false(quota.allows(1_000))
  quota.record(5_000)
  t.is(Math.ceil(quota.untilAllowedMs()), 4_001)
  clock.now = 3_999
  t.false(quota.allows())
  clock.now = 4_001
  t.true(quota.allows())
  t.is(quota.untilAllowedMs(), 0)
})

test('without a rate nothing waits, with a rate of 0 everything does', (t) => {
  const { clock, quota } = bench(Number.POSITIVE_INFINITY)
  quota.record(1e12)
  t.true(quota.allows(1e12))
  clock.rate = 0
  t.false(quota.allows())
  clock.now += 1e9
  t.false(quota.allows())
  clock.rate = Number.POSITIVE_INFINITY
  t.true(quota.allows())
})

test('replicas are named by partition and broker, or all at once', (t) => {
  t.true(namesReplica(['0:1', '3:2'], 3, 2))
  t.false(namesReplica(['0:1', '3:2'], 3, 1))
  t.true(namesReplica(['*'], 7, 7))
  t.false(namesReplica([], 0, 0))
})
