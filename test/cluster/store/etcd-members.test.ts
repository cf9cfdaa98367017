/** etcd with three members: brokers go on whichever of them goes. */
import test, { type ExecutionContext } from 'ava'
import type { EtcdMetadataStore } from '../../../lib/cluster/index.js'
import { BrokerProcesses } from '../../support/broker-processes.js'
import { until } from '../../support/brokers.js'
import { Etcd } from '../../support/etcd.js'
import { etcdTest } from '../../support/etcd-test.js'
import { batchOf, produce } from '../../support/records.js'

const put = (key: string, value: string) => ({ puts: [{ key, value }] })
const never = () => {
  throw new Error('compacted')
}

let shared: Promise<Etcd[]> | undefined
test.after.always(async () => {
  await Promise.all(((await shared) ?? []).map((member) => member[Symbol.asyncDispose]()))
})

/** All of them run. */
function members(): Promise<Etcd[]> {
  shared ??= Etcd.startMembers(['a', 'b', 'c'])
  return shared
}

/** A store that uses the members in this order, and what it was told of. */
async function watchedStore(t: ExecutionContext, order: readonly Etcd[], prefix: string) {
  const endpoints = order.map(({ endpoint }) => endpoint)
  const store = await order[0]!.open({ prefix, endpoints })
  t.teardown(() => store.close())
  const { revision } = await store.range('')
  const seen: string[] = []
  store.watch('', revision, ({ puts }) => seen.push(...puts.map(({ value }) => value)), never)
  await store.txn(put('a', 'before'))
  return { store, seen }
}

async function leaderOf(etcd: readonly Etcd[]): Promise<Etcd> {
  for (;;) {
    for (const member of etcd) if (await member.isLeader()) return member
  }
}

/** Its outcome may be unknown where a member goes meanwhile: whoever asks looks, and asks again. */
async function untilWritten(store: EtcdMetadataStore, value: string): Promise<void> {
  await until(async () => {
    await store.txn(put('a', value)).catch(() => {})
    return (await store.get('a'))?.value === value
  })
}

etcdTest('a member that answers nothing is passed over, by watches too', async (t) => {
  const etcd = await members()
  const leader = await leaderOf(etcd)
  for (const silent of [leader, etcd.find((member) => member !== leader)!]) {
    const order = [silent, ...etcd.filter((member) => member !== silent)]
    const { store, seen } = await watchedStore(t, order, `silent-${silent.name}/`)
    const { id } = await store.leases.grant(60_000)
    await silent.pause()
    await until(() => store.leases.keepAlive(id, 2_000).catch(() => false))
    await untilWritten(store, 'during')
    silent.resume()
    await untilWritten(store, 'after')
    await until(() => seen.includes('after'))
    t.deepEqual(new Set(seen), new Set(['before', 'during', 'after']))
  }
})

etcdTest('without a majority nothing is answered, and with one all goes on', async (t) => {
  const etcd = await members()
  const { store, seen } = await watchedStore(t, etcd, 'majority/')
  for (const member of etcd.slice(1)) await member.kill()
  await t.throwsAsync(etcd[0]!.open({ prefix: 'majority/', requestTimeoutMs: 500 }))
  t.false((await Promise.all(etcd.slice(1).map((member) => member.run()))).includes(false))
  await untilWritten(store, 'after')
  await until(() => seen.includes('after'))
  t.deepEqual(new Set(seen), new Set(['before', 'after']))
})

etcdTest(
  'no broker is fenced while etcd changes its leader, and while all of it is away for a moment',
  async (t) => {
    const etcd = await members()
    // Time enough for a slow machine.
    await using brokers = await BrokerProcesses.start([1, 2], () => ({ 'etcd.lease.ttl.ms': '60000' }), etcd)
    await brokers.createTopic('orders', 1, 2)
    await brokers.untilInSync('orders', [1, 2])
    const registrations = async () => (await brokers.store.range('brokers/')).entries
    const before = await registrations()
    const { id } = await brokers.leader('orders')
    using client = await brokers.client(id)
    const answer = async () => (await produce(client, 'orders', batchOf(['x']))).errorCode
    await until(async () => (await answer()) === 0)

    const leader = await leaderOf(etcd)
    await leader.kill()
    t.is(await answer(), 0)
    t.deepEqual(await registrations(), before)
    for (const member of etcd) if (member !== leader) await member.kill()
    t.is(await answer(), 0)
    t.false((await Promise.all(etcd.map((member) => member.run()))).includes(false))
    t.is(await answer(), 0)
    t.deepEqual(await registrations(), before)
    // What needs etcd is done again.
    await brokers.createTopic('later', 1, 2)
  },
)
