import test from 'ava'
import { ratios, spread } from '../../bench/statistics.js'

test('spread: the middle value of an odd number of rounds, the mean of the two of an even one', (t) => {
  t.deepEqual(spread([30, 10, 20]), { min: 10, median: 20, max: 30 })
  t.deepEqual(spread([40, 10, 20, 30]), { min: 10, median: 25, max: 40 })
  t.is(spread([]), undefined)
})

test('ratios are taken within a round, and rounds in which one failed are left out', (t) => {
  t.deepEqual(ratios([10, 20, undefined, 40], [5, 5, 5, undefined]), [2, 4])
})
