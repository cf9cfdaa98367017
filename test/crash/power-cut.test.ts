import test from 'ava'
import type { JournalEntry } from '../support/file-journal.js'
import { Random } from '../support/random.js'
import { choosePoints, countMarks, cutAndCheck, recordLoad } from './power-cuts.js'

const points = 200
const runMs = 1_500
const kinds = [
  'written',
  'set',
  'committed',
  'created',
  'deleting',
  'deleted',
  'configured',
  'producerId',
  'trimmed',
] as const

/** What the load must make the broker do, by the files that it touches. */
const changes = {
  'a segment is rolled': /orders-0\/0+[1-9]\d*\.log$/,
  'a producer snapshot is taken': /orders-0\/\d+\.snapshot$/,
  'a recovery point is written': /^recovery-point-offset-checkpoint$/,
  'old segments are deleted': /short-0\/\d+\.log\.deleted$/,
  'a log is compacted': /states-0\/\d+\.log\.swap$/,
  'a topic is removed': /passing-.*-delete$/,
  'the broker is stopped cleanly': /^\.kafka_cleanshutdown$/,
}

function isChanged(entries: readonly JournalEntry[], path: RegExp): boolean {
  return entries.some(
    (entry) =>
      (entry.kind === 'rename' && path.test(entry.to)) ||
      (entry.kind === 'open' && entry.created && path.test(entry.path)),
  )
}

test.serial(
  `power cut at ${points} points: what was acknowledged is there once, in order, untorn`,
  async (t) => {
    t.timeout(1_200_000)
    const random = new Random()
    t.log(`SEED=${random.seed}`)
    const entries = await recordLoad(runMs)
    const told = countMarks(entries)
    for (const kind of kinds) t.true(told.get(kind)! >= 5, `${kind}: ${told.get(kind)} times`)
    for (const [what, path] of Object.entries(changes)) t.true(isChanged(entries, path), what)
    const { losses, recordsChecked } = await cutAndCheck(
      entries,
      choosePoints(entries, points, random),
      random,
    )
    t.log(
      `${entries.length} journal entries, ${points} power cuts, ${recordsChecked} records checked, losses: ${losses.length}`,
    )
    t.deepEqual(losses, [])
  },
)

test.serial('with fdatasync left out the same check finds losses', async (t) => {
  t.timeout(600_000)
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  const entries = await recordLoad(runMs, 'leave-out-syncs')
  const { losses } = await cutAndCheck(entries, choosePoints(entries, 20, random), random)
  t.log(`20 power cuts, losses: ${losses.length}`)
  // Which of the acknowledged things is missed first depends on what the disk happened to keep.
  t.true(losses.length > 0, 'what was acknowledged is missed')
})
