/** What a follower does with a leader's answer, one step after the other. */
import test from 'ava'
import { pino } from 'pino'
import { type FetchedData, FetchedPartition } from '../../lib/replica/fetched-partition.js'
import type { Partition } from '../../lib/replica/partition.js'

/** A follower whose log ends at 40 with epoch 1, and whose checkpoints fail `failures` times. */
function follower(failures: number) {
  const steps: string[] = []
  const log = {
    logEndOffset: 40,
    sizeInBytes: 100,
  }
  const partition = {
    log,
    leaderEpoch: 2,
    reset: async (offset: number) => void steps.push(`reset to ${offset}`),
    followLeader: () => void steps.push('follow'),
  }
  let left = failures
  const fetched = new FetchedPartition(
    partition as unknown as Partition,
    pino({ level: 'silent' }),
    async () => {
      steps.push(left > 0 ? 'checkpoint fails' : 'checkpoint')
      if (left-- > 0) throw new Error('the disk is full')
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

test('a log that starts anew has its recovery point written before anything else happens', async (t) => {
  const { steps, fetched } = follower(0)
  await fetched.take(answer(outOfRange), 0, 1_000)
  await fetched.take(answer(0), 0, 1_000)
  t.deepEqual(steps, ['reset to 70', 'checkpoint', 'follow'])
})

test('where the recovery point could not be written it is before the next answer is taken', async (t) => {
  const { steps, fetched } = follower(2)
  for (const code of [outOfRange, 0, 0]) await fetched.take(answer(code), 0, 1_000)
  t.deepEqual(steps, ['reset to 70', 'checkpoint fails', 'checkpoint fails', 'checkpoint', 'follow'])
})
