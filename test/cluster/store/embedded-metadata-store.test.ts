import test from 'ava'
import { EmbeddedMetadataStore } from '../../../lib/cluster/index.js'
import { MetadataCompactedError } from '../../../lib/cluster/store/metadata-store.js'
import { MemoryEngine } from '../../support/memory-engine.js'
import { describeMetadataStore } from './metadata-store-contract.js'

const PATH = '/data/metadata'
const open = (engine: MemoryEngine, minSnapshotBytes?: number) =>
  EmbeddedMetadataStore.open(PATH, engine.openLog, { minSnapshotBytes })
const put = (key: string, value: string) => ({ puts: [{ key, value }] })

async function contents(store: EmbeddedMetadataStore): Promise<Record<string, string>> {
  const { entries } = await store.range('')
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

describeMetadataStore(test, () => open(new MemoryEngine()))

test('what is asked for at once shares an fsync', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine)
  await Promise.all(Array.from({ length: 100 }, (_, index) => store.txn(put(`k${index}`, 'v'))))
  t.is(engine.flushes, 1)
})

test('all that was acknowledged is there after a crash, and nothing is half there', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine)
  await store.txn({
    puts: [
      { key: 'a', value: '1' },
      { key: 'b', value: '1' },
    ],
  })
  await store.txn({ puts: [{ key: 'a', value: '2' }], deletes: ['b'] })
  engine.holdFlushes = true
  const size = engine.bytesIn(PATH)
  void store.txn(put('c', 'never acknowledged'))
  await new Promise(setImmediate)
  t.true(engine.bytesIn(PATH) > size)
  t.is(await store.get('c'), undefined)
  engine.crash()

  const reopened = await open(engine)
  t.deepEqual(await contents(reopened), { a: '2' })
  t.deepEqual(await reopened.txn(put('d', '1')), { succeeded: true, revision: 3 })
})

test('a store that is written over and over stays small, and keeps values and revisions', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine, 20_000)
  for (let round = 0; round < 200; round++) {
    await store.txn({
      puts: [
        { key: `k${round % 10}`, value: 'x'.repeat(500) },
        { key: 'n', value: `${round}` },
      ],
    })
  }
  await store.txn({ deletes: ['k0'] })
  t.true(engine.deletedSegments > 0)
  t.true(engine.bytesIn(PATH) < 50_000)
  const before = await store.range('')

  const reopened = await open(engine, 20_000)
  t.deepEqual(await reopened.range(''), before)
})

test('a crash while a snapshot is written loses nothing', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine, 2000)
  for (let round = 0; round < 3; round++) await store.txn(put('k', `${round}${'x'.repeat(500)}`))
  // The flush after the one of this transaction is that of the snapshot.
  store.watch('', 3, () => {
    engine.holdFlushes = true
  })
  await store.txn(put('k', `last${'x'.repeat(500)}`))
  await new Promise(setImmediate)
  t.is(engine.deletedSegments, 0)
  engine.crash()
  const reopened = await open(engine)
  t.regex((await reopened.get('k'))!.value, /^last/)
  await reopened.txn(put('l', '1'))
  t.deepEqual(Object.keys(await contents(await open(engine))), ['k', 'l'])
})

test('a watch that starts behind is told what it missed, or that it must read again', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine)
  await store.txn(put('a', '1'))
  await store.txn(put('a', '2'))
  const seen: number[] = []
  store.watch('', 1, ({ revision }) => seen.push(revision))
  t.deepEqual(seen, [2])

  const reopened = await open(engine)
  t.throws(() => reopened.watch('', 1, () => {}), { instanceOf: MetadataCompactedError })
  t.notThrows(() => reopened.watch('', 2, () => {}))
})

test('after a failed write or fsync nothing is taken until the store is opened again', async (t) => {
  for (const kind of ['append', 'flush'] as const) {
    const engine = new MemoryEngine()
    const store = await open(engine)
    await store.txn(put('a', '1'))
    engine.failNext = kind
    await t.throwsAsync(store.txn(put('a', '2')), { message: /cannot be written/ })
    t.is((await store.get('a'))!.value, '1')
    await t.throwsAsync(store.txn(put('a', '3')), { message: /cannot be written/ })
    engine.crash()
    t.deepEqual(await contents(await open(engine)), { a: '1' })
  }
})

test('opening ten thousand topics reads the log once', async (t) => {
  const engine = new MemoryEngine()
  const store = await open(engine)
  const value = JSON.stringify({ topicId: 'x'.repeat(22), partitions: 1, configs: {} })
  await Promise.all(Array.from({ length: 10_000 }, (_, index) => store.txn(put(`topics/t${index}`, value))))
  engine.bytesRead = 0
  const reopened = await open(engine)
  t.is((await reopened.range('topics/')).entries.length, 10_000)
  t.true(engine.bytesRead > 0 && engine.bytesRead < 2 * engine.bytesIn('/data/metadata'))
})
