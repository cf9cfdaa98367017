/** What waits at a leader, and how it is answered. */
import test from 'ava'
import { KafkaError } from '../../lib/protocol/index.js'
import { Acknowledgements } from '../../lib/replica/acknowledgements.js'
import { type LeaderEnvironment, Leadership } from '../../lib/replica/leadership.js'

const at = (highWatermark: number, flushedOffset = highWatermark) => ({
  highWatermark,
  flushedOffset,
  logStartOffset: 0,
})

function leading(isr: readonly number[]) {
  const environment: LeaderEnvironment = {
    nodeId: 1,
    isFenced: () => false,
    lagTimeMaxMs: 30_000,
    now: () => 0,
    schedule: () => {},
    isRegistered: () => false,
    isrWriter: { write: async () => 'written' },
  }
  const state = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1, 2], isr }
  const leadership = new Leadership(environment, { topicId: 'topic', partition: 0 }, state, 0, () => {})
  return { leadership, shrink: () => leadership.update({ ...state, partitionEpoch: 1, isr: [1] }) }
}

async function errorOf(work: Promise<unknown> | undefined): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    return error instanceof KafkaError ? error.errorName : String(error)
  }
}

test('what is committed waits for the disks of all replicas too', async (t) => {
  const { leadership } = leading([1, 2])
  const acknowledgements = new Acknowledgements(() => 1)
  const follower = { id: 2, brokerEpoch: 1 }
  let isAnswered = false
  const waiting = acknowledgements.wait(leadership, 10, true, at(0))!.then(() => {
    isAnswered = true
  })
  leadership.fetched(follower, 10, 0, 10)
  acknowledgements.pass(leadership, at(10))
  leadership.flushed(follower, 9)
  acknowledgements.pass(leadership, at(10))
  await Promise.resolve()
  t.false(isAnswered)
  leadership.flushed(follower, 10)
  acknowledgements.pass(leadership, at(10))
  await waiting
  t.true(isAnswered)
  t.is(acknowledgements.wait(leadership, 10, true, at(10)), undefined)
})

test('with too few replicas in sync nothing is begun, and what was begun is refused', async (t) => {
  const { leadership, shrink } = leading([1, 2])
  const acknowledgements = new Acknowledgements(() => 2)
  acknowledgements.requireInSync(leadership)
  const waiting = acknowledgements.wait(leadership, 10, false, at(0))
  shrink()
  acknowledgements.pass(leadership, at(10))
  t.is(await errorOf(waiting), 'NOT_ENOUGH_REPLICAS_AFTER_APPEND')
  t.throws(() => acknowledgements.requireInSync(leadership), { message: /min\.insync\.replicas asks for 2/ })
})

test('whoever waits is told when the broker leads no more', async (t) => {
  const { leadership } = leading([1, 2])
  const acknowledgements = new Acknowledgements(() => 1)
  const waits = [
    acknowledgements.wait(leadership, 1, true, at(0)),
    acknowledgements.wait(leadership, 1, false, at(0)),
    acknowledgements.waitForLogStarts(1),
  ]
  acknowledgements.fail(() => new KafkaError('NOT_LEADER_OR_FOLLOWER'))
  for (const wait of waits) t.is(await errorOf(wait), 'NOT_LEADER_OR_FOLLOWER')
})
