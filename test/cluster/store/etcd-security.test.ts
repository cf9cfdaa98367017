/** etcd over TLS, with client certificates, and with users: what is wrong is one clear line. */
import { readFile } from 'node:fs/promises'
import type { ExecutionContext } from 'ava'
import {
  type EtcdOptions,
  MetadataRefusedError,
  MetadataUnavailableError,
} from '../../../lib/cluster/index.js'
import { until } from '../../support/brokers.js'
import { Etcd } from '../../support/etcd.js'
import { etcdTest } from '../../support/etcd-test.js'
import { ServeProcess, temporaryFolder } from '../../support/serve-process.js'
import { Authority, type CertificateFiles, opensslTest } from './certificates.js'

const put = (key: string, value: string) => ({ puts: [{ key, value }] })
const never = () => {
  throw new Error('compacted')
}

async function pem({ ca, cert, key }: CertificateFiles) {
  return { ca: await readFile(ca), cert: await readFile(cert), key: await readFile(key) }
}

opensslTest(etcdTest)('certificates: each side checks the other’s', async (t) => {
  await using ours = await Authority.create()
  await using theirs = await Authority.create()
  await using etcd = await Etcd.start({ tls: await ours.issue('etcd') })
  const files = await ours.issue('broker')
  const good = await pem(files)
  const stranger = await pem(await theirs.issue('broker'))
  const store = await etcd.open({ tls: good })
  t.teardown(() => store.close())
  t.true((await store.txn(put('a', '1'))).succeeded)

  const refusal = async (changes: Partial<EtcdOptions>) => {
    const refused = etcd.open({ requestTimeoutMs: 500, ...changes })
    return (await t.throwsAsync(refused, { instanceOf: MetadataUnavailableError }))!.message
  }
  // On a slow machine the reason is not known at once.
  await until(async () => /certificate/.test(await refusal({ tls: { ...good, ca: stranger.ca } })))
  for (const tls of [{ ...stranger, ca: good.ca }, { ca: good.ca }]) {
    await until(async () => /it may ask for a certificate, or refuse/.test(await refusal({ tls })))
  }
  await until(async () => /it may ask for TLS/.test(await refusal({ tls: undefined })))

  await using folder = await temporaryFolder()
  const settings = {
    'etcd.endpoints': etcd.endpoint,
    'etcd.tls.ca.file': files.ca,
    'etcd.tls.cert.file': files.cert,
    'etcd.tls.key.file': files.key,
  }
  const broker = new ServeProcess([
    ...['--port', '0', '--data', folder.path],
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ])
  t.true((await broker.ready()) > 0)
  t.is((await broker.stop()).code, 0)
})

const root = { username: 'root', password: 'secret' }

/** An etcd that asks for users: `root`, and `reader`, who may only read below the prefix. */
async function withUsers(t: ExecutionContext, args: string[] = []): Promise<Etcd> {
  const etcd = await Etcd.start({ args })
  t.teardown(() => etcd[Symbol.asyncDispose]())
  const range = { key: btoa('test/'), range_end: btoa('test0') }
  for (const [path, body] of [
    ['user/add', { name: 'root', password: 'secret' }],
    ['role/add', { name: 'root' }],
    ['user/grant', { user: 'root', role: 'root' }],
    ['user/add', { name: 'reader', password: 'secret' }],
    ['role/add', { name: 'reader' }],
    ['role/grant', { name: 'reader', perm: { permType: 'READ', ...range } }],
    ['user/grant', { user: 'reader', role: 'reader' }],
    ['enable', {}],
  ] as const)
    await etcd.command(`auth/${path}`, body)
  return etcd
}

etcdTest('users: who is not let in, or may not write, is told what to check', async (t) => {
  const etcd = await withUsers(t)
  const refused = (pattern: RegExp) => ({ instanceOf: MetadataRefusedError, message: pattern })
  await t.throwsAsync(etcd.open(), refused(/user name is empty \(check whether etcd\.username/))
  const wrong = { ...root, password: 'wrong' }
  await t.throwsAsync(
    etcd.open(wrong),
    refused(/authentication failed.*\(check etcd\.username and etcd\.password\)/),
  )
  const elsewhere = { username: 'reader', password: 'secret', prefix: 'other/' }
  await t.throwsAsync(etcd.open(elsewhere), refused(/permission denied \(the user of etcd\.username lacks/))
  const reader = await etcd.open({ username: 'reader', password: 'secret' })
  t.teardown(() => reader.close())
  await t.throwsAsync(
    reader.txn(put('a', '1')),
    refused(/permission denied \(the user of etcd\.username lacks/),
  )
})

etcdTest(
  'a token that etcd forgot, in its restart or for its age, is renewed, watches included',
  async (t) => {
    const etcd = await withUsers(t, ['--auth-token-ttl', '1'])
    const store = await etcd.open(root)
    t.teardown(() => store.close())
    const { revision } = await store.txn(put('a', '1'))
    const seen: string[] = []
    store.watch('', revision, ({ puts }) => seen.push(...puts.map(({ value }) => value)), never)
    await store.txn(put('a', '2'))
    for (let round = 0; round < 2; round++) {
      await etcd.kill()
      t.true(await etcd.run())
    }
    const other = await etcd.open(root)
    t.teardown(() => other.close())
    await other.txn(put('a', '3'))
    // The watch comes back without a request of this store's that would renew the token for it.
    await until(() => seen.includes('3'))
    await store.txn(put('a', '4'))
    t.deepEqual(seen, ['2', '3', '4'])
  },
)

etcdTest('a password that is wrong now takes changes, and no lease', async (t) => {
  const etcd = await withUsers(t)
  const store = await etcd.open(root)
  t.teardown(() => store.close())
  const { id } = await store.leases.grant(60_000)
  const { token } = await etcd.command('auth/authenticate', { name: 'root', password: 'secret' })
  await etcd.command('auth/user/changepw', { name: 'root', password: 'new' }, String(token))
  await t.throwsAsync(store.txn(put('a', '1')), { instanceOf: MetadataRefusedError })
  t.true(await store.leases.keepAlive(id, 60_000))
})
