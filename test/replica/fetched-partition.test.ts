/** What a follower does with a leader's answer, one step after the other. */
import test from 'ava'
import { pino } from 'pino'
import { type FetchedData, FetchedPartition } from '../../lib/replica/fetched-partition.js'
import type { Partition } from '../../lib/replica/partition.js'

/** A follower whose log ends at 40; the given writes of its checkpoints fail, counted from 0. */
function follower(...failing: number[]) {
  const steps: string[] = []
  const log = {
    logEndOffset: 40,
    sizeInBytes: 100,
  }
  const partition = {
    log,
    leaderEpoch: 2,
    reset: async (offset: number, writeRecoveryPoints: () => Promise<void>) => {
      await writeRecoveryPoints()
      steps.push(`reset to ${offset}`)
    },
    followLeader: () => void steps.push('follow'),
  }
  let writes = 0
  const fetched = new FetchedPartition(
    partition as unknown as Partition,
    pino({ level: 'silent' }),
    async () => {
      const fails = failing.includes(writes++)
      steps.push(fails ? 'checkpoint fails' : 'checkpoint')
      if (fails) throw new Error('the disk is full')
    },
  )
  return { steps, fetched }
}

function answer(errorCode: number): FetchedData {
  const divergingEpoch = { epoch: -1, endOffset: -1 }
  const fields = { errorCode, divergingEpoch, records: null, highWatermark: 70, logStartOffset: 70 }
  return fields as unknown as FetchedData
}

const outOfRange = 1
const corruptMessage = 2

test('a log that starts anew has its checkpoints written before it is cut, and before anything else happens', async (t) => {
  const { steps, fetched } = follower()
  await fetched.take(answer(outOfRange), 0, 1_000)
  await fetched.take(answer(0), 0, 1_000)
  t.deepEqual(steps, ['checkpoint', 'reset to 70', 'checkpoint', 'follow'])
})

test('where the checkpoints cannot be written nothing is cut', async (t) => {
  const { steps, fetched } = follower(0)
  for (const code of [outOfRange, outOfRange, 0]) await fetched.take(answer(code), 0, 1_000)
  t.deepEqual(steps, ['checkpoint fails', 'checkpoint', 'reset to 70', 'checkpoint', 'follow'])
})

test('where they could not be written after the cut they are before the next answer is taken', async (t) => {
  const { steps, fetched } = follower(1, 2)
  for (const code of [outOfRange, 0, 0]) await fetched.take(answer(code), 0, 1_000)
  const expected = [
    'checkpoint',
    'reset to 70',
    'checkpoint fails',
    'checkpoint fails',
    'checkpoint',
    'follow',
  ]
  t.deepEqual(steps, expected)
})

test('damaged bytes of a leader are told as an error, once', async (t) => {
  const told: { level: number; offset: number }[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void told.push(JSON.parse(line)) })
  const partition = { log: { logEndOffset: 40 }, leaderEpoch: 2 } as unknown as Partition
  const fetched = new FetchedPartition(partition, log, async () => {})
  for (let round = 0; round < 10; round++) await fetched.take(answer(corruptMessage), 0, 1_000)
  t.deepEqual(
    told.map(({ level, offset }) => [level, offset]),
    [[50, 40]],
  )
})
