/** The cluster on the engine's own logs and files, in a folder on disk. */

import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { Cluster, EmbeddedMetadataStore, METADATA_FOLDER } from '../../lib/cluster/index.js'
import { BrokerConfig } from '../../lib/config/index.js'
import { files, openLog } from '../../lib/native/index.js'

const log = pino({ level: 'silent' })

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'odradek-cluster-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const open = (dataDir: string) => Cluster.open({ dataDir, config: new BrokerConfig(), files, openLog, log })
const openStore = (path: string, minSnapshotBytes?: number) =>
  EmbeddedMetadataStore.open(path, openLog, { minSnapshotBytes })

async function segmentFiles(path: string): Promise<string[]> {
  const names = await readdir(path)
  return names.filter((name) => name.endsWith('.log')).sort()
}

test('what a cluster knows is there after a restart', async (t) => {
  await using folder = await temporaryFolder()
  const first = await open(folder.path)
  const { topicId } = await first.topics.createTopic({ name: 't', numPartitions: 3 })
  await first.brokerSettings.alterBrokerConfigs(null, [
    { name: 'message.max.bytes', operation: 0, value: '99' },
  ])
  t.is((await first.allocateProducerIds()).firstProducerId, 0)
  await first.close()

  const second = await open(folder.path)
  t.is(second.clusterId, first.clusterId)
  t.is(second.image.topic('t')!.topicId, topicId)
  t.is(second.image.topic('t')!.config.maxMessageBytes, 99)
  t.deepEqual(
    second.image.topic('t')!.partitions.map(({ leaderEpoch }) => leaderEpoch),
    [1, 1, 1],
  )
  t.is((await second.allocateProducerIds()).firstProducerId, 1000)
  await second.close()
})

test('a torn write at the end is cut, and what was acknowledged before it is kept', async (t) => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, METADATA_FOLDER)
  const store = await openStore(path)
  await store.txn({ puts: [{ key: 'kept', value: '1' }] })
  await store.txn({ puts: [{ key: 'torn', value: 'x'.repeat(100) }] })
  await store.close()
  const file = join(path, (await segmentFiles(path))[0]!)
  await truncate(file, (await stat(file)).size - 10)

  const reopened = await openStore(path)
  t.true(reopened.truncatedBytes > 0)
  t.is((await reopened.get('kept'))!.value, '1')
  t.is(await reopened.get('torn'), undefined)
  await reopened.close()
})

test('a store that is written over and over stays small on disk', async (t) => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, METADATA_FOLDER)
  const store = await openStore(path, 50_000)
  for (let round = 0; round < 300; round++) {
    await store.txn({ puts: [{ key: `k${round % 5}`, value: `${round}${'x'.repeat(1000)}` }] })
  }
  const { entries } = await store.range('')
  await store.close()
  const sizes = await Promise.all(
    (await segmentFiles(path)).map(async (name) => (await stat(join(path, name))).size),
  )
  t.true(sizes.reduce((sum, size) => sum + size, 0) < 150_000)

  const reopened = await openStore(path, 50_000)
  t.deepEqual((await reopened.range('')).entries, entries)
  await reopened.close()
})

test('a thousand topics are created at once, and read again', async (t) => {
  await using folder = await temporaryFolder()
  const first = await open(folder.path)
  await Promise.all(
    Array.from({ length: 1000 }, (_, index) =>
      first.topics.createTopic({ name: `t${index}`, numPartitions: 2 }),
    ),
  )
  await first.close()
  const second = await open(folder.path)
  t.is(second.image.topics.size, 1000)
  await second.close()
})
