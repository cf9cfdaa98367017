/** A disk that fails on one broker of several: others lead, nothing acknowledged is lost, nobody waits for it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { type PartitionValue, partitionKey, topicKey } from '../../lib/cluster/store/metadata-keys.js'
import { createBroker } from '../../lib/index.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { until } from '../support/brokers.js'
import { Etcd } from '../support/etcd.js'
import { etcdTest } from '../support/etcd-test.js'
import { type DiskFault, FaultyBroker } from '../support/faulty-broker.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const { EIO, ENOSPC } = constants.errno
const faults: [what: string, fault: Omit<DiskFault, 'path'>][] = [
  ['a full disk', { operation: 'write', errno: ENOSPC }],
  ['a failing fdatasync', { operation: 'sync', errno: EIO }],
]

etcdTest('a replica whose disk fails leads no more, and is waited for by nobody', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-disks-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await using etcd = await Etcd.start()
  const store = await etcd.open()
  t.teardown(() => store.close())
  const settings = (id: number) => ({
    ...{ 'node.id': `${id}`, 'etcd.endpoints': etcd.endpoint, 'etcd.prefix': 'test/' },
    // Nobody is taken out for being slow.
    'replica.lag.time.max.ms': '3600000',
    'etcd.lease.ttl.ms': '30000',
  })
  await using well = await createBroker({ port: 0, properties: settings(2), log: pino({ level: 'silent' }) })
  const startSick = () => FaultyBroker.start(folder, [], settings(1))
  let sick = await startSick()
  try {
    using wellClient = await TestClient.connect(well.bootstrap)
    await until(async () => (await wellClient.send('Metadata', { topics: [] })).brokers.length === 2)
    const create = async (name: string, brokerIds: number[]) => {
      const assignments = [{ partitionIndex: 0, brokerIds }]
      const { topics } = await wellClient.send('CreateTopics', {
        topics: [{ name, numPartitions: -1, replicationFactor: -1, assignments }],
      })
      t.is(topics[0]!.errorCode, 0)
    }
    const partition = async (name: string): Promise<PartitionValue> => {
      const { topicId } = JSON.parse((await store.get(topicKey(name)))!.value)
      return JSON.parse((await store.get(partitionKey(topicId, 0)))!.value)
    }
    const acknowledged = (client: TestClient, name: string, value: string) =>
      until(async () => (await produce(client, name, batchOf([value]))).errorCode === 0)
    const distinct = async (client: TestClient, name: string) =>
      new Set(await valuesIn((await fetch(client, name, 0)).records))

    for (const [index, [what, fault]] of faults.entries()) {
      using sickClient = await TestClient.connect(sick.bootstrap)
      const led = `led-${index}`
      const followed = `followed-${index}`
      await create(led, [1, 2])
      await create(followed, [2, 1])
      await acknowledged(sickClient, led, 'a')
      await acknowledged(wellClient, followed, 'a')
      await sick.fail(...[led, followed].map((name) => ({ ...fault, path: `/${name}-0/` })))

      t.is((await produce(sickClient, led, batchOf(['b']))).errorCode, ErrorCode.KAFKA_STORAGE_ERROR, what)
      await until(async () => (await partition(led)).leader === 2)
      t.deepEqual((await partition(led)).isr, [2], what)
      await acknowledged(wellClient, led, 'c')
      await acknowledged(wellClient, followed, 'c')
      t.deepEqual((await partition(followed)).isr, [2], what)

      await sick.kill()
      sick = await startSick()
      for (const name of [led, followed]) {
        await until(async () => (await partition(name)).isr.length === 2)
        const found = await distinct(wellClient, name)
        t.true(found.has('a') && found.has('c'), what)
      }
    }
  } finally {
    await sick.kill()
  }
})
