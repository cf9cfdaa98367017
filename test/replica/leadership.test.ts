/** The leader's view of its followers, in virtual time and with a metadata store whose answers the test chooses. */
import test from 'ava'
import type { IsrChange, IsrOutcome } from '../../lib/replica/isr-writer.js'
import { type LeaderEnvironment, Leadership, type PartitionState } from '../../lib/replica/leadership.js'

const lagTimeMaxMs = 30_000

class Bench {
  now = 0
  readonly epochs = new Map([
    [2, 1],
    [3, 1],
  ])
  /** What was sent to the store and waits for its answer. */
  readonly writes: { change: IsrChange; answer: (outcome: IsrOutcome | Error) => Promise<void> }[] = []
  readonly leadership: Leadership
  logEnd: number
  #state: PartitionState
  #timers: { at: number; work: () => void }[] = []

  constructor({ replicas = [1, 2, 3], isr = [1, 2, 3], logEnd = 10 } = {}) {
    this.logEnd = logEnd
    this.#state = { leader: 1, leaderEpoch: 5, partitionEpoch: 7, replicas, isr }
    const environment: LeaderEnvironment = {
      nodeId: 1,
      isFenced: () => false,
      lagTimeMaxMs,
      now: () => this.now,
      schedule: (delayMs, work) => this.#timers.push({ at: this.now + delayMs, work }),
      isRegistered: (id, epoch) => this.epochs.get(id) === epoch,
      isrWriter: { write: (change) => this.#write(change) },
    }
    const subject = { topicId: 'topic', partition: 0 }
    this.leadership = new Leadership(environment, subject, this.#state, logEnd, () => {})
  }

  pass(ms: number): void {
    this.now += ms
    const due = this.#timers.filter(({ at }) => at <= this.now)
    this.#timers = this.#timers.filter(({ at }) => at > this.now)
    for (const { work } of due) work()
  }

  fetch(id: number, offset: number, brokerEpoch = 1): void {
    this.leadership.fetched({ id, brokerEpoch }, offset, 0, this.logEnd)
  }

  flush(id: number, offset: number, brokerEpoch = 1): void {
    this.leadership.flushed({ id, brokerEpoch }, offset)
  }

  get committed(): number {
    return this.leadership.committedOffset(this.logEnd)
  }

  get durable(): number {
    return this.leadership.durableOffset(this.committed, this.logEnd)
  }

  /** The image shows an ISR, or replicas, that were written. */
  show(isr: readonly number[], replicas = this.#state.replicas): void {
    this.#state = { ...this.#state, replicas, isr, partitionEpoch: this.#state.partitionEpoch + 1 }
    this.leadership.update(this.#state)
  }

  #write(change: IsrChange): Promise<IsrOutcome> {
    return new Promise((resolve, reject) => {
      const answer = async (outcome: IsrOutcome | Error) => {
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
        await new Promise((done) => setImmediate(done))
      }
      this.writes.push({ change, answer })
    })
  }
}

test('committed is what every in-sync replica has fetched', (t) => {
  const bench = new Bench()
  t.is(bench.committed, -1)
  bench.fetch(2, 10)
  t.is(bench.committed, -1)
  bench.fetch(3, 8)
  t.is(bench.committed, 8)
  bench.logEnd = 20
  bench.fetch(3, 15)
  t.is(bench.committed, 10)
})

test('durable is what every in-sync replica has told to be on disk', (t) => {
  const bench = new Bench()
  bench.fetch(2, 10)
  bench.fetch(3, 10)
  t.is(bench.durable, -1)
  bench.flush(2, 10)
  bench.flush(3, 6)
  t.is(bench.durable, 6)
  bench.flush(3, 10)
  t.is(bench.durable, 10)
})

test('a follower that started anew has to say anew what it has', (t) => {
  const bench = new Bench()
  for (const id of [2, 3]) {
    bench.fetch(id, 10)
    bench.flush(id, 10)
  }
  t.is(bench.durable, 10)
  bench.fetch(2, 4, 2)
  t.is(bench.committed, 4)
  t.is(bench.durable, -1)
  bench.flush(2, 10, 1)
  t.is(bench.durable, -1)
})

test('a flush position that comes late, over a connection that has ended, takes nothing back', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.fetch(2, 10)
  bench.flush(2, 10)
  bench.flush(2, 6)
  t.is(bench.durable, 10)
})

test('a laggard leaves; until that is known to be written it still counts', async (t) => {
  const bench = new Bench()
  bench.fetch(2, 10)
  bench.fetch(3, 10)
  bench.logEnd = 20
  bench.pass(lagTimeMaxMs)
  bench.fetch(2, 20)
  bench.leadership.dropLaggards(bench.logEnd)
  t.is(bench.writes.length, 0)
  bench.pass(1)
  bench.leadership.dropLaggards(bench.logEnd)
  t.deepEqual(bench.writes[0]!.change.isr, [1, 2])
  t.is(bench.committed, 10)
  await bench.writes[0]!.answer('written')
  t.is(bench.committed, 10)
  bench.show([1, 2])
  t.is(bench.committed, 20)
})

test('who was caught up at its last fetch but one is no laggard', (t) => {
  const bench = new Bench()
  for (let round = 0; round < 10; round++) {
    for (const id of [2, 3]) bench.fetch(id, bench.logEnd)
    bench.logEnd += 10
    bench.pass(lagTimeMaxMs / 2)
    bench.leadership.dropLaggards(bench.logEnd)
  }
  t.is(bench.writes.length, 0)
})

test('a follower joins when it has all that is committed, and on disk all that was acknowledged', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.fetch(2, 10)
  bench.flush(2, 10)
  t.is(bench.durable, 10)
  bench.fetch(3, 9)
  bench.leadership.considerJoin(3, 10, false)
  bench.fetch(3, 10)
  bench.flush(3, 9)
  bench.leadership.considerJoin(3, 10, false)
  t.is(bench.writes.length, 0)
  bench.flush(3, 10)
  bench.leadership.considerJoin(3, 10, false)
  t.like(bench.writes[0]!.change, { isr: [1, 2, 3], joiner: { id: 3, brokerEpoch: 1 }, partitionEpoch: 7 })
})

test('what was acknowledged while there were no followers is on the disk of who joins, too', (t) => {
  const bench = new Bench({ replicas: [1], isr: [1] })
  bench.logEnd = 20
  t.is(bench.durable, 20)
  bench.show([1], [1, 2])
  bench.fetch(2, 20)
  bench.flush(2, 19)
  bench.leadership.considerJoin(2, 20, false)
  t.is(bench.writes.length, 0)
  bench.flush(2, 20)
  bench.leadership.considerJoin(2, 20, false)
  t.is(bench.writes.length, 1)
})

test('with write.caching nothing need be on its disk', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.fetch(3, 10)
  bench.leadership.considerJoin(3, 10, true)
  t.is(bench.writes.length, 1)
})

test('who has not all from before this epoch does not join', (t) => {
  const bench = new Bench({ isr: [1] })
  bench.fetch(3, 5)
  bench.leadership.considerJoin(3, 0, true)
  t.is(bench.writes.length, 0)
})

test('who asks for what lies behind the log end has none of it, and does not join', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.fetch(3, 11)
  bench.leadership.considerJoin(3, 10, true)
  t.is(bench.writes.length, 0)
  bench.fetch(2, 11)
  t.is(bench.committed, -1)
})

test('a broker that is not registered under its epoch does not join', async (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.epochs.set(3, 2)
  bench.fetch(3, 10)
  bench.leadership.considerJoin(3, 10, true)
  t.is(bench.writes.length, 0)
  bench.epochs.set(3, 1)
  bench.leadership.considerJoin(3, 10, true)
  await bench.writes[0]!.answer('ineligible')
  t.deepEqual(bench.leadership.maximalIsr, [1, 2])
})

test('a joiner counts from when its join is sent', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  for (const id of [2, 3]) bench.fetch(id, 10)
  bench.leadership.considerJoin(3, 10, true)
  bench.pass(lagTimeMaxMs * 2)
  bench.logEnd = 20
  bench.fetch(2, 20)
  t.is(bench.committed, 10)
})

test('a change of unknown outcome is sent until the image shows what became of it', async (t) => {
  const bench = new Bench({ isr: [1, 2] })
  for (const id of [2, 3]) bench.fetch(id, 10)
  bench.leadership.considerJoin(3, 10, true)
  await bench.writes[0]!.answer(new Error('time-out'))
  bench.pass(1_000)
  t.deepEqual(bench.writes[1]!.change, bench.writes[0]!.change)
  await bench.writes[1]!.answer('stale')
  t.deepEqual(bench.leadership.maximalIsr, [1, 2, 3])
  bench.show([1, 2, 3])
  bench.pass(1_000)
  t.is(bench.writes.length, 2)
  t.deepEqual(bench.leadership.isr, [1, 2, 3])
})

test('a join that may have been written is not forgotten when its broker is gone', async (t) => {
  const bench = new Bench({ isr: [1, 2] })
  for (const id of [2, 3]) bench.fetch(id, 10)
  bench.leadership.considerJoin(3, 10, true)
  await bench.writes[0]!.answer(new Error('time-out'))
  bench.pass(1_000)
  await bench.writes[1]!.answer('ineligible')
  t.deepEqual(bench.leadership.maximalIsr, [1, 2, 3])
  bench.pass(1_000)
  t.like(bench.writes[2]!.change, { isr: [1, 2], joiner: undefined })
  await bench.writes[2]!.answer('written')
  bench.show([1, 2])
  t.deepEqual(bench.leadership.maximalIsr, [1, 2])
})

test('a member that lacks what is committed is taken out at once', (t) => {
  const bench = new Bench()
  for (const id of [2, 3]) bench.fetch(id, 10)
  bench.fetch(3, 4, 2)
  bench.leadership.dropIfBehind(3, 10)
  t.deepEqual(bench.writes[0]!.change.isr, [1, 2])
})

test('a caught-up follower that is about to join holds the watermark, but not for long after it has gone', (t) => {
  const bench = new Bench({ isr: [1, 2] })
  for (const id of [2, 3]) bench.fetch(id, 10)
  bench.logEnd = 20
  bench.fetch(2, 20)
  t.is(bench.committed, 10)
  bench.pass(1_001)
  t.is(bench.committed, 20)
})

test('a leader that leads no more writes nothing', async (t) => {
  const bench = new Bench({ isr: [1, 2] })
  bench.fetch(3, 10)
  bench.leadership.considerJoin(3, 10, true)
  bench.leadership.end()
  await bench.writes[0]!.answer(new Error('time-out'))
  bench.pass(10_000)
  t.is(bench.writes.length, 1)
})

test('the watermark does not wait for a joiner that the quota holds back', (t) => {
  const bench = new Bench({ isr: [1, 2], logEnd: 10 })
  bench.fetch(2, 10)
  bench.fetch(3, 10)
  bench.logEnd = 20
  bench.fetch(2, 20)
  bench.fetch(3, 15)
  t.is(bench.committed, 15)
  bench.leadership.throttled(3)
  t.is(bench.committed, 20)
})
