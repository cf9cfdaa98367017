/** A broker that ran alone becomes the first of a cluster: its metadata goes into a store that brokers share. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { EmbeddedMetadataStore, importMetadata, type MetadataStore } from '../../../lib/cluster/index.js'
import { BrokerConfig } from '../../../lib/config/index.js'
import { createBroker } from '../../../lib/index.js'
import { files, openLog } from '../../../lib/native/index.js'
import { Etcd } from '../../support/etcd.js'
import { etcdTest } from '../../support/etcd-test.js'
import { unpackKafkaFolder } from '../../support/kafka-data-folder.js'
import { MemoryEngine } from '../../support/memory-engine.js'
import { odradek } from '../../support/odradek-program.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../../support/records.js'
import { TestClient } from '../../support/test-client.js'

const log = pino({ level: 'silent' })
const properties = { 'node.id': '1', 'log.cleaner.enable': 'false' }

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'odradek-import-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A store that brokers share, whose transactions are as small as etcd's are at most. */
async function sharedStore(t: ExecutionContext, maxTxnOperations = 128): Promise<MetadataStore> {
  const store = await EmbeddedMetadataStore.open('/shared', new MemoryEngine().openLog)
  t.teardown(() => store.close())
  return Object.create(store, {
    maxTxnOperations: { value: maxTxnOperations },
    get: { value: (key: string) => store.get(key) },
    range: { value: (prefix: string) => store.range(prefix) },
    watch: {
      value: (...[prefix, after, listener]: Parameters<MetadataStore['watch']>) =>
        store.watch(prefix, after, listener),
    },
    txn: {
      value: (txn: Parameters<MetadataStore['txn']>[0]) => {
        const { compares = [], puts = [], deletes = [] } = txn
        if (Math.max(compares.length, puts.length + deletes.length) > maxTxnOperations) {
          throw new Error('the transaction is too large')
        }
        return store.txn(txn)
      },
    },
  })
}

const start = (dataDir: string, metadataStore?: MetadataStore) =>
  createBroker({ dataDir, port: 0, properties, log, ...(metadataStore && { metadataStore }) })

const importFolder = (dataDir: string, store: MetadataStore) =>
  importMetadata({ dataDir, config: new BrokerConfig(properties), files, openLog, log, store })

/** A data folder of a broker that ran alone: a topic with a setting, and one record. */
async function usedFolder(t: ExecutionContext): Promise<{ dataDir: string; clusterId: string }> {
  const dataDir = await temporaryFolder(t)
  await using broker = await start(dataDir)
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 5, { 'retention.ms': '7' })
  await produce(client, 'orders', batchOf(['kept']), { partition: 3 })
  await client.send('InitProducerId', { transactionalId: null, transactionTimeoutMs: 1_000 })
  return { dataDir, clusterId: broker.clusterId }
}

const values = async (store: MetadataStore) =>
  Object.fromEntries((await store.range('')).entries.map(({ key, value }) => [key, value]))

test('cluster id, topics, settings, producer ids and epochs go with it, the records stay', async (t) => {
  const { dataDir, clusterId } = await usedFolder(t)
  const store = await sharedStore(t, 3)
  const { changed, ...found } = await importFolder(dataDir, store)
  t.true(changed)
  t.deepEqual(found, { clusterId, nodeId: 1, topics: 1, partitions: 5 })
  t.is((await values(store))['producer-ids/next'], '1000')

  await using broker = await start(dataDir, store)
  t.is(broker.clusterId, clusterId)
  using client = await TestClient.connect(broker.bootstrap)
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0, { partition: 3 })).records), ['kept'])
  const { topics } = await client.send('Metadata', { topics: [{ name: 'orders' }] })
  t.deepEqual(
    topics[0]!.partitions.map(({ leaderEpoch }) => leaderEpoch),
    [1, 1, 1, 1, 1],
  )
  const { producerId } = await client.send('InitProducerId', {
    transactionalId: null,
    transactionTimeoutMs: 1_000,
  })
  t.is(Number(producerId), 1_000)
})

test('from then on the folder starts with the shared store alone, and is imported once', async (t) => {
  const { dataDir } = await usedFolder(t)
  const store = await sharedStore(t)
  await t.throwsAsync(start(dataDir, store), { message: /metadata of its own.*odradek cluster import/ })
  t.deepEqual(await values(store), {})
  await importFolder(dataDir, store)
  await t.throwsAsync(start(dataDir), { message: /lies in etcd: set etcd\.endpoints/ })
  t.false((await importFolder(dataDir, store)).changed)
  await (await start(dataDir, store)).close()
  t.false((await importFolder(dataDir, store)).changed)
  await t.throwsAsync(importFolder(dataDir, await sharedStore(t)), { message: /lies in an etcd already/ })
})

test('what is not whole is not begun: a running broker, another cluster, a folder of nothing', async (t) => {
  const { dataDir } = await usedFolder(t)
  const store = await sharedStore(t)
  const broker = await start(dataDir)
  await t.throwsAsync(importFolder(dataDir, store), { code: 'LOCKED' })
  await broker.close()
  await t.throwsAsync(importFolder(await temporaryFolder(t), store), { message: /holds no metadata/ })
  await store.txn({ puts: [{ key: 'cluster/id', value: 'theirs' }] })
  await t.throwsAsync(importFolder(dataDir, store), { message: /1 keys below .*of cluster theirs/ })
  await (await start(dataDir)).close()
})

test('broken off anywhere it is gone on with, and no broker starts in both places', async (t) => {
  const { dataDir } = await usedFolder(t)
  const store = await sharedStore(t, 3)
  let breaks = 0
  for (let isDone = false; !isDone; ) {
    let left = 1
    const breaking = Object.create(store, {
      txn: {
        value: async (txn: Parameters<MetadataStore['txn']>[0]) => {
          if (left-- === 0) throw new Error('broken off')
          return store.txn(txn)
        },
      },
    })
    const failure = await importFolder(dataDir, breaking).then(
      () => undefined,
      (error: Error) => error,
    )
    isDone = failure === undefined
    if (isDone) break
    t.is(failure!.message, 'broken off')
    await t.throwsAsync(start(dataDir, store))
    if (breaks++ !== 1) continue
    // Alone it runs as before, and what changes then comes along.
    await using broker = await start(dataDir)
    using client = await TestClient.connect(broker.bootstrap)
    await client.send('DeleteTopics', { topics: [{ name: 'orders' }] })
    await createTopic(client, 'later')
  }
  t.true(breaks > 2)
  t.deepEqual(
    Object.keys(await values(store)).filter((key) => key.startsWith('topics/')),
    ['topics/later'],
  )
  await t.throwsAsync(start(dataDir), { message: /set etcd\.endpoints/ })
  await (await start(dataDir, store)).close()
})

test('while one is under way no other folder joins or is imported', async (t) => {
  const { dataDir } = await usedFolder(t)
  const other = await usedFolder(t)
  const store = await sharedStore(t)
  const claim = { clusterId: 'c', nodeId: 9, directoryId: 'd' }
  await store.txn({ puts: [{ key: 'import', value: JSON.stringify(claim) }] })
  await t.throwsAsync(importFolder(dataDir, store), { message: /import of broker 9 .* was broken off/ })
  await t.throwsAsync(start(await temporaryFolder(t), store), { message: /is being moved into etcd/ })
  await (await start(other.dataDir)).close()
})

test('a folder of Kafka’s goes the same way', async (t) => {
  const dataDir = await temporaryFolder(t)
  await unpackKafkaFolder('killed', dataDir)
  const store = await sharedStore(t)
  await t.throwsAsync(start(dataDir, store), { message: /odradek cluster import/ })
  const { topics } = await importFolder(dataDir, store)
  t.true(topics > 1)
  t.false((await importFolder(dataDir, store)).changed)
  await using broker = await start(dataDir, store)
  using client = await TestClient.connect(broker.bootstrap)
  const { topics: known } = await client.send('Metadata', { topics: null })
  t.is(known.length, topics)
  t.true(known.every(({ partitions }) => partitions.every(({ leaderId }) => leaderId === 1)))
})

etcdTest('odradek cluster import says what it did, and what it lacks in one line', async (t) => {
  const { dataDir, clusterId } = await usedFolder(t)
  await using etcd = await Etcd.start()
  const run = (...args: string[]) => odradek('cluster', 'import', '--data', dataDir, ...args)
  const lacking = await run()
  t.is(lacking.code, 1)
  t.regex(lacking.stderr, /^odradek cluster: name the etcd with etcd\.endpoints\n$/)
  const done = await run('--etcd-endpoints', etcd.endpoint, '-o', 'etcd.prefix=test/')
  t.is(done.code, 0)
  t.regex(
    done.stdout,
    new RegExp(`^Imported: 1 topics, 5 partitions of cluster ${clusterId}\nStart broker 1 `),
  )
  const store = await etcd.open()
  t.teardown(() => store.close())
  t.is((await store.get('cluster/id'))?.value, clusterId)
})
