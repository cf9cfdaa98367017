import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { measure } from '../../bench/embedded/measure.js'
import type { EmbeddedResults, Measured } from '../../bench/embedded/run.js'
import type { PeerName } from '../../bench/embedded/store.js'
import { embeddedTable, verdicts } from '../../bench/embedded/table.js'
import { embeddedWorkloads, type Task } from '../../bench/embedded/workloads.js'

const appends = { kind: 'append', batch: 10, recordBytes: 100, inFlight: 4, maxMs: 60_000 } as const

async function measured(t: { teardown(f: () => Promise<void>): void }, peer: PeerName, task: Task) {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-embedded-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return measure({ peer, task, folder })
}

for (const peer of ['odradek', 'fs', 'fs-sync'] as const) {
  test(`${peer}: appends give rates, durable ones latencies too`, async (t) => {
    const durable = await measured(t, peer, { ...appends, durable: true, maxBytes: 20_000 })
    t.true(durable.recordsPerSecond! > 0 && durable.cpuPerRecord! >= 0)
    t.true(durable.p50! > 0 && durable.p50! <= durable.p99!)
    const { recordsPerSecond, mbPerSecond, p50 } = await measured(t, peer, {
      ...appends,
      durable: false,
      maxBytes: 20_000,
    })
    t.true(Math.abs(mbPerSecond! - (recordsPerSecond! * 100) / 1e6) < 1e-6)
    t.is(p50, undefined)
  })

  test(`${peer}: a scan finds every record that was appended`, async (t) => {
    for (const by of ['batches', 'records'] as const) {
      // A scan that finds another number rejects.
      const figures = await measured(t, peer, { kind: 'scan', by, recordBytes: 100, bytes: 300_000 })
      t.true(figures.recordsPerSecond! > 0)
    }
  })
}

test('a follower sees all that is appended', async (t) => {
  const latency = await measured(t, 'odradek', { kind: 'follow-latency', durable: true, records: 20 })
  t.true(latency.p50! > 0)
  t.true(
    (await measured(t, 'odradek', { kind: 'follow-rate', recordBytes: 100, bytes: 50_000 })).mbPerSecond! > 0,
  )
})

test('a store that cannot be followed says so', async (t) => {
  await t.throwsAsync(measured(t, 'fs', { kind: 'follow-latency', durable: false, records: 1 }), {
    message: 'this store cannot be followed',
  })
})

const workload = embeddedWorkloads.find(({ name }) => name === 'durable-1-1k')!

function results(rates: readonly (readonly [PeerName, number, number])[]): EmbeddedResults {
  return {
    startedAt: '2026-01-01T00:00:00.000Z',
    machine: { cpu: 'a processor', cores: 2, memoryGb: 8, node: 'v20.19.0' },
    peers: [
      { name: 'odradek', settings: 'durable' },
      { name: 'fs', settings: 'fdatasync' },
    ],
    rounds: 3,
    scale: 1,
    measurements: rates.map(([peer, round, recordsPerSecond]): Measured => {
      return { workload: workload.name, peer, round, figures: { recordsPerSecond } }
    }),
  }
}

test('an aim is judged by the median of the ratios within rounds', (t) => {
  const found = results([
    ['odradek', 1, 90],
    ['fs', 1, 100],
    ['odradek', 2, 300],
    ['fs', 2, 300],
    ['odradek', 3, 99],
    ['fs', 3, 100],
  ])
  const [verdict] = verdicts(found, [workload])
  t.deepEqual(verdict, {
    workload: 'durable-1-1k',
    against: 'fs',
    bound: 0.95,
    value: 0.99,
    outcome: 'met',
  })
  const text = embeddedTable(found, [workload])
  t.regex(text, /^ {2}odradek +99 \(90–300\)$/m)
  t.regex(text, /^ {2}fs +100 \(100–300\) +0\.99 \(0\.90–1\.00\) +≥ 0\.95 {2}met$/m)
})

test('a round in which one side is missing does not count', (t) => {
  const found = results([
    ['odradek', 1, 90],
    ['odradek', 2, 80],
    ['fs', 2, 100],
  ])
  const [verdict] = verdicts(found, [workload])
  t.is(verdict!.value, 0.8)
  t.is(verdict!.outcome, 'short')
})
