/** Random transactions, crashes and reopenings, against a model that knows only what was acknowledged. */

import test from 'ava'
import { EmbeddedMetadataStore } from '../../../lib/cluster/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const PATH = '/data/metadata'

function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

for (const seed of [1, 2, 3, Date.now() % 100_000]) {
  test(`what was acknowledged survives crashes, seed ${seed}`, async (t) => {
    const random = randomOf(seed)
    const engine = new MemoryEngine()
    const open = () => EmbeddedMetadataStore.open(PATH, engine.openLog, { minSnapshotBytes: 4000 })
    let store = await open()
    const model = new Map<string, string>()
    let revision = 0
    const outcomes = new Set<boolean>()
    for (let step = 0; step < 600; step++) {
      const key = `k${random(8)}`
      const value = `${step}${'x'.repeat(random(200))}`
      const txn = random(3) === 0 ? { deletes: [key] } : { puts: [{ key, value }] }
      if (random(20) > 0) {
        await store.txn(txn)
        revision++
        if ('puts' in txn) model.set(key, value)
        else model.delete(key)
        continue
      }
      // This one is on its way when the power goes: it may survive as a whole, or not at all.
      engine.holdFlushes = true
      void store.txn(txn).catch(() => {})
      await new Promise(setImmediate)
      engine.crash(random(2) === 0 ? Number.POSITIVE_INFINITY : 0)
      store = await open()
      const { entries, revision: found } = await store.range('')
      const survived = found === revision + 1
      outcomes.add(survived)
      if (survived) {
        revision++
        if ('puts' in txn) model.set(key, value)
        else model.delete(key)
      }
      t.deepEqual(
        new Map(entries.map((entry) => [entry.key, entry.value])),
        new Map([...model].sort()),
        `step ${step}`,
      )
      t.is(found, revision, `step ${step}`)
    }
    t.true(engine.deletedSegments > 0)
    t.is(outcomes.size, 2)
  })
}
