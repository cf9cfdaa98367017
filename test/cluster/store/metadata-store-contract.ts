/** What every MetadataStore does: shared by the tests of each. */
import type { ExecutionContext } from 'ava'
import type { MetadataChange, MetadataStore } from '../../../lib/cluster/index.js'

type Test = (title: string, body: (t: ExecutionContext) => Promise<void>) => void

const put = (key: string, value: string) => ({ puts: [{ key, value }] })
const never = () => {
  throw new Error('compacted')
}

/** `open` gives an empty store and closes it after the test. */
export function describeMetadataStore(
  test: Test,
  open: (t: ExecutionContext) => Promise<MetadataStore>,
): void {
  test('what was put is got, with the revision that wrote it', async (t) => {
    const store = await open(t)
    t.is(await store.get('a'), undefined)
    const first = await store.txn(put('a', '1'))
    const second = await store.txn(put('b', 'ü'))
    t.true(first.succeeded && second.succeeded)
    t.true(second.revision > first.revision)
    t.deepEqual(await store.get('b'), { key: 'b', value: 'ü', modRevision: second.revision })
  })

  test('a range holds the keys below a prefix, in order', async (t) => {
    const store = await open(t)
    const { revision } = await store.txn({ puts: ['t/b', 't/a', 'u/a'].map((key) => ({ key, value: key })) })
    const range = await store.range('t/')
    t.deepEqual(
      range.entries.map(({ key }) => key),
      ['t/a', 't/b'],
    )
    t.true(range.revision >= revision)
    t.is((await store.range('')).entries.length, 3)
    t.is((await store.range('v')).entries.length, 0)
  })

  test('a range of many keys is whole', async (t) => {
    const store = await open(t)
    const keys = Array.from({ length: 2_500 }, (_, index) => `k${String(index).padStart(5, '0')}`)
    for (let from = 0; from < keys.length; from += 100) {
      await store.txn({ puts: keys.slice(from, from + 100).map((key) => ({ key, value: key })) })
    }
    const { entries } = await store.range('k')
    t.deepEqual(
      entries.map(({ key }) => key),
      keys,
    )
  })

  test('a transaction happens only where its compares hold, and then as a whole', async (t) => {
    const store = await open(t)
    await store.txn(put('b', '1'))
    const create = { compares: [{ key: 'a', modRevision: 0 }], ...put('a', '1') }
    const { revision, succeeded } = await store.txn(create)
    t.true(succeeded)
    t.false((await store.txn({ ...create, deletes: ['b'] })).succeeded)
    t.is((await store.get('b'))!.value, '1')
    const compares = [{ key: 'a', modRevision: revision }]
    t.true((await store.txn({ compares, ...put('c', '1'), deletes: ['a', 'b'] })).succeeded)
    t.deepEqual(
      (await store.range('')).entries.map(({ key }) => key),
      ['c'],
    )
    t.true((await store.txn(create)).succeeded)
  })

  test('of many that create the same key at once, one succeeds', async (t) => {
    const store = await open(t)
    const results = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        store.txn({ compares: [{ key: 'a', modRevision: 0 }], ...put('a', String(index)) }),
      ),
    )
    const winners = results.flatMap(({ succeeded }, index) => (succeeded ? [String(index)] : []))
    t.deepEqual(winners, [(await store.get('a'))!.value])
  })

  test('a watch sees every change below its prefix, a revision at a time, before the transaction resolves', async (t) => {
    const store = await open(t)
    const { revision } = await store.txn(put('t/old', '1'))
    const seen: MetadataChange[] = []
    const watch = store.watch('t/', revision, (change) => seen.push(change), never)
    await store.txn(put('u/other', '1'))
    const change = await store.txn({
      puts: [
        { key: 't/a', value: '1' },
        { key: 'u/b', value: '1' },
      ],
      deletes: ['t/old'],
    })
    t.deepEqual(seen, [
      {
        revision: change.revision,
        puts: [{ key: 't/a', value: '1', modRevision: change.revision }],
        deletes: ['t/old'],
      },
    ])
    watch.close()
    await store.txn(put('t/b', '1'))
    t.is(seen.length, 1)
  })

  test('a watch that starts behind is told what it missed', async (t) => {
    const store = await open(t)
    const { revision } = await store.txn(put('a', '1'))
    await store.txn(put('a', '2'))
    const seen: string[] = []
    store.watch('', revision, ({ puts }) => seen.push(...puts.map(({ value }) => value)), never)
    await store.txn(put('a', '3'))
    t.deepEqual(seen, ['2', '3'])
  })

  test('deleting what is not there changes nothing', async (t) => {
    const store = await open(t)
    const { revision } = await store.range('')
    const seen: string[] = []
    store.watch('', revision, ({ puts }) => seen.push(...puts.map(({ key }) => key)), never)
    t.true((await store.txn({ deletes: ['nothing'] })).succeeded)
    t.true((await store.txn({ ...put('a', '1'), deletes: ['nothing'] })).succeeded)
    t.deepEqual(seen, ['a'])
  })

  test('random transactions leave what a model says, in the store and behind a watch', async (t) => {
    const seed = Date.now() % 100_000
    t.log(`seed ${seed}`)
    const random = randomOf(seed)
    const store = await open(t)
    const model = new Map<string, { value: string; revision: number }>()
    const watched = new Map<string, string>()
    const { revision: start } = await store.range('')
    const onChange = ({ puts, deletes }: MetadataChange) => {
      for (const { key, value } of puts) watched.set(key, value)
      for (const key of deletes) watched.delete(key)
    }
    store.watch('', start, onChange, never)
    for (let step = 0; step < 300; step++) {
      const keys = [...new Set(Array.from({ length: 1 + random(4) }, () => `k${random(12)}`))]
      const compares = keys.map((key) => ({
        key,
        modRevision: random(6) === 0 ? 1 : (model.get(key)?.revision ?? 0),
      }))
      const deletes = keys.filter(() => random(3) === 0)
      const puts = keys
        .filter((key) => !deletes.includes(key))
        .map((key) => ({ key, value: `${step}`.repeat(1 + random(50)) }))
      const holds = compares.every(({ key, modRevision }) => (model.get(key)?.revision ?? 0) === modRevision)
      const { succeeded, revision } = await store.txn({ compares, puts, deletes })
      t.is(succeeded, holds, `step ${step}`)
      if (!succeeded) continue
      for (const { key, value } of puts) model.set(key, { value, revision })
      for (const key of deletes) model.delete(key)
    }
    const sorted = [...model].sort().map(([key, { value }]) => [key, value] as const)
    t.deepEqual(
      (await store.range('')).entries.map(({ key, value }) => [key, value] as const),
      sorted,
    )
    t.deepEqual([...watched].sort(), sorted as [string, string][])
  })
}

function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
