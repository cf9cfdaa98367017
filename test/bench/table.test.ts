import test from 'ava'
import type { Results } from '../../bench/rounds.js'
import { table, verdicts } from '../../bench/table.js'
import type { Figures, Workload } from '../../bench/workload.js'

const workload: Workload = {
  name: 'w',
  title: 'a workload',
  durable: true,
  aims: [{ metric: 'mbPerSecond', of: 'ratio', bound: 2 }],
  run: async () => ({}),
}

/** One entry per round: the first peer's rate, the second's. */
function results(rounds: readonly (readonly [number | string, number])[], disk = 10_000): Results {
  const measured = (peer: string, value: number | string, round: number) =>
    typeof value === 'string'
      ? { workload: 'w', peer, round, error: value }
      : { workload: 'w', peer, round, figures: { mbPerSecond: value } satisfies Figures }
  return {
    startedAt: '',
    machine: { cpu: 'cpu', cores: 2, memoryGb: 8, node: 'v20' },
    peers: [
      { name: 'ours', settings: '', acksAllOnDisk: true },
      { name: 'theirs', settings: '', acksAllOnDisk: false },
    ],
    rounds: rounds.length,
    scale: 1,
    disk: [],
    limits: { w: rounds.map(() => ({ disk })) },
    measurements: rounds.flatMap(([ours, theirs], index) => [
      measured('ours', ours, index + 1),
      measured('theirs', theirs, index + 1),
    ]),
  }
}

const outcome = (from: Results) => verdicts(from, [workload])[0]?.outcome

test('an aim is met by the median of the ratios, not by the best round', (t) => {
  const good = results([
    [200, 100],
    [210, 100],
    [100, 100],
  ])
  t.is(outcome(good), 'met')
  const bad = results([
    [400, 100],
    [190, 100],
    [190, 100],
  ])
  t.is(outcome(bad), 'short')
})

test('what comes near the limit of the disk is not short of its aim', (t) => {
  t.is(outcome(results([[180, 100]], 200)), 'at the limit')
  t.is(outcome(results([[179, 100]], 200)), 'short')
})

test('no verdict without a measurement of both', (t) => {
  t.deepEqual(verdicts(results([['broken', 100]]), [workload]), [])
})

test('the table shows spreads, ratios, limits and failures', (t) => {
  const text = table(
    results([
      [200, 100],
      ['no leader', 110],
      [300, 100],
    ]),
    [workload],
  )
  t.regex(text, /MB\/s +250 \(200–300\) +100 \(100–110\) +2\.50 \(2\.00–3\.00\) +≥ 2\.00 {2}met/)
  t.regex(text, /limit of the disk: 10,000 MB\/s/)
  t.regex(text, /ours, round 2, failed: no leader/)
})
