/** The store on a real etcd. */
import type { ExecutionContext } from 'ava'
import test from 'ava'
import {
  EtcdMetadataStore,
  MetadataOutcomeUnknownError,
  MetadataRefusedError,
  MetadataRolledBackError,
  MetadataUnavailableError,
} from '../../../lib/cluster/index.js'
import { MetadataCompactedError } from '../../../lib/cluster/store/metadata-store.js'
import { until } from '../../support/brokers.js'
import { Etcd } from '../../support/etcd.js'
import { etcdTest } from '../../support/etcd-test.js'
import { steadyPort } from '../../support/steady-port.js'
import { describeMetadataStore } from './metadata-store-contract.js'

const put = (key: string, value: string) => ({ puts: [{ key, value }] })
const never = () => {
  throw new Error('compacted')
}

let shared: Promise<Etcd> | undefined
let stores = 0
test.after.always(async () => {
  await (await shared)?.[Symbol.asyncDispose]()
})

async function open(t: ExecutionContext): Promise<EtcdMetadataStore> {
  shared ??= Etcd.start()
  const store = await (await shared).open({ prefix: `store-${++stores}/` })
  t.teardown(() => store.close())
  return store
}

describeMetadataStore(etcdTest, open)

etcdTest('clusters with other prefixes do not see each other', async (t) => {
  const [one, two] = [await open(t), await open(t)]
  await one.txn(put('a', '1'))
  t.is(await two.get('a'), undefined)
  t.is((await two.range('')).entries.length, 0)
})

etcdTest('a lease that ends takes its keys with it, one that is kept alive does not', async (t) => {
  const store = await open(t)
  const { revision } = await store.range('')
  const deleted: string[] = []
  store.watch('', revision, ({ deletes }) => deleted.push(...deletes), never)
  const kept = await store.leases.grant(60_000)
  const revoked = await store.leases.grant(60_000)
  await store.txn({
    puts: [kept, revoked].map(({ id }, index) => ({ key: `k${index}`, value: '', lease: id })),
  })
  // On a machine that stands still it may have ended before its key is put.
  await until(async () => {
    const left = await store.leases.grant(1)
    t.true(left.ttlMs >= 1_000)
    return store.txn({ puts: [{ key: 'k2', value: '', lease: left.id }] }).then(
      () => true,
      () => false,
    )
  })
  t.true(await store.leases.keepAlive(kept.id, 60_000))
  await store.leases.revoke(revoked.id)
  await store.leases.revoke(revoked.id)
  t.false(await store.leases.keepAlive(revoked.id, 60_000))
  await until(() => deleted.length === 2)
  t.deepEqual(deleted.sort(), ['k1', 'k2'])
  t.is((await store.range('k')).entries.length, 1)
})

etcdTest('a watch whose revision was compacted away says so', async (t) => {
  const store = await open(t)
  const { revision } = await store.txn(put('a', '1'))
  await store.txn(put('a', '2'))
  const last = await store.txn(put('a', '3'))
  await (await shared!).command('kv/compaction', { revision: String(last.revision) })
  const error = await new Promise((resolve) => {
    store.watch('', revision, () => t.fail('a change after a gap'), resolve)
  })
  t.true(error instanceof MetadataCompactedError)
})

etcdTest('a store goes on when etcd is back, and its watches miss nothing', async (t) => {
  await using etcd = await Etcd.start()
  const store = await etcd.open()
  t.teardown(() => store.close())
  const { revision } = await store.txn(put('a', '1'))
  const seen: string[] = []
  store.watch('', revision, ({ puts }) => seen.push(...puts.map(({ value }) => value)), never)
  await store.txn(put('a', '2'))
  await etcd.kill()
  await t.throwsAsync(etcd.open({ requestTimeoutMs: 300 }), { instanceOf: MetadataUnavailableError })
  t.true(await etcd.run())
  await store.txn(put('a', '3'))
  t.deepEqual(seen, ['2', '3'])
})

etcdTest('of several endpoints one that answers is used', async (t) => {
  await using etcd = await Etcd.start()
  const store = await etcd.open({ endpoints: [`127.0.0.1:${await steadyPort()}`, etcd.endpoint] })
  t.teardown(() => store.close())
  t.true((await store.txn(put('a', '1'))).succeeded)
})

etcdTest('what etcd refuses was not done', async (t) => {
  const store = await open(t)
  const tooMuch = Array.from({ length: 2 }, (_, index) => ({ key: `k${index}`, value: 'x'.repeat(900_000) }))
  await t.throwsAsync(store.txn({ puts: tooMuch }), {
    instanceOf: MetadataRefusedError,
    message: /too large/,
  })
  t.is((await store.range('')).entries.length, 0)
})

etcdTest('a transaction without an answer has an unknown outcome', async (t) => {
  await using etcd = await Etcd.start()
  const options = { ...etcd.options() }
  const store = await EtcdMetadataStore.open(options)
  t.teardown(() => store.close())
  await etcd.pause()
  options.requestTimeoutMs = 3_000
  await t.throwsAsync(store.txn(put('a', '1')), { instanceOf: MetadataOutcomeUnknownError })
  etcd.resume()
})

etcdTest('an etcd that is set back to an older state is refused from then on', async (t) => {
  await using etcd = await Etcd.start()
  const store = await etcd.open()
  t.teardown(() => store.close())
  await store.txn(put('a', '1'))
  await etcd.kill()
  await etcd.save()
  t.true(await etcd.run())
  await store.txn(put('a', '2'))
  await etcd.kill()
  await etcd.restore()
  t.true(await etcd.run())
  const setBack = { instanceOf: MetadataRolledBackError, message: /its revision was 3 and is 2/ }
  await t.throwsAsync(store.get('a'), setBack)
  await t.throwsAsync(store.txn(put('a', '3')), setBack)
  const lease = await t.throwsAsync(store.leases.keepAlive('1', 60_000))
  t.true(lease instanceof MetadataRolledBackError)
})

etcdTest('a full etcd refuses and says what to do; once it has room it takes changes again', async (t) => {
  await using etcd = await Etcd.start()
  const store = await etcd.open()
  t.teardown(() => store.close())
  const { id } = await store.leases.grant(60_000)
  const alarm = (action: 'ACTIVATE' | 'DEACTIVATE') =>
    etcd.command('maintenance/alarm', { action, memberID: '0', alarm: 'NOSPACE' })
  await alarm('ACTIVATE')
  await t.throwsAsync(store.txn(put('a', '1')), {
    instanceOf: MetadataRefusedError,
    message: /database space exceeded \(etcd is full .* etcdctl alarm disarm\)/,
  })
  t.true(await store.leases.keepAlive(id, 60_000))
  t.is(await store.get('a'), undefined)
  await alarm('DEACTIVATE')
  t.true((await store.txn(put('a', '1'))).succeeded)
})
