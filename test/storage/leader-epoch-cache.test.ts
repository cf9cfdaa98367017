import test from 'ava'
import { LeaderEpochCache } from '../../lib/storage/leader-epoch-cache.js'

const cache = () =>
  new LeaderEpochCache([
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
    { epoch: 5, startOffset: 20 },
  ])

test('an epoch ends where the next one begins, the latest at the log end', (t) => {
  t.deepEqual(cache().endOffsetFor(3, 30), { epoch: 3, endOffset: 20 })
  t.deepEqual(cache().endOffsetFor(5, 30), { epoch: 5, endOffset: 30 })
})

test('an epoch that has no records is answered with the one before it', (t) => {
  t.deepEqual(cache().endOffsetFor(4, 30), { epoch: 3, endOffset: 20 })
})

test('an epoch before the first ends where the log begins', (t) => {
  t.deepEqual(cache().endOffsetFor(0, 30), { epoch: 0, endOffset: 0 })
})

test('an epoch that the log does not know yet is unknown', (t) => {
  t.deepEqual(cache().endOffsetFor(6, 30), { epoch: -1, endOffset: -1 })
  t.deepEqual(new LeaderEpochCache().endOffsetFor(0, 0), { epoch: -1, endOffset: -1 })
})

test('the epoch of an offset is the one in force there', (t) => {
  t.is(cache().epochAt(9), 1)
  t.is(cache().epochAt(10), 3)
  t.is(new LeaderEpochCache([{ epoch: 2, startOffset: 5 }]).epochAt(4), -1)
})

test('assigning an epoch again changes nothing; one that contradicts takes its place', (t) => {
  const epochs = cache()
  t.false(epochs.assign(5, 25))
  t.true(epochs.assign(6, 15))
  t.deepEqual(epochs.entries, [
    { epoch: 1, startOffset: 0 },
    { epoch: 3, startOffset: 10 },
    { epoch: 6, startOffset: 15 },
  ])
})

test('truncation forgets from the end, or raises the start of what is in force', (t) => {
  const epochs = cache()
  t.true(epochs.truncateFromEnd(20))
  t.is(epochs.latestEpoch, 3)
  t.true(epochs.truncateFromStart(12))
  t.deepEqual(epochs.entries, [{ epoch: 3, startOffset: 12 }])
  t.false(epochs.truncateFromStart(12))
})
