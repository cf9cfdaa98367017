import test from 'ava'
import { StoreIsrWriter } from '../../../lib/cluster/changes/isr-writer.js'
import { ClusterImage } from '../../../lib/cluster/image/cluster-image.js'
import { EmbeddedMetadataStore, type MetadataStore } from '../../../lib/cluster/index.js'
import {
  brokerKey,
  type PartitionValue,
  partitionKey,
  topicKey,
} from '../../../lib/cluster/store/metadata-keys.js'
import { BrokerConfig } from '../../../lib/config/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
const led: PartitionValue = {
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [1, 2],
  isr: [1],
  brokerEpoch: 1,
}

/** Broker 1 leads `partitions`, all of which broker 2 may join; transactions are recorded from here on. */
async function setUp(partitions: number) {
  const own = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
  const broker = { brokerEpoch: 1, directoryId: 'd', rack: null, endpoints: [] }
  const value = { topicId, partitions, configs: {} }
  await own.txn({
    puts: [
      ...[1, 2].map((id) => ({ key: brokerKey(id), value: JSON.stringify(broker) })),
      ...Array.from({ length: partitions }, (_, partition) => ({
        key: partitionKey(topicId, partition),
        value: JSON.stringify(led),
      })),
      { key: topicKey('t'), value: JSON.stringify(value) },
    ],
  })
  const image = new ClusterImage('c', new BrokerConfig({ 'node.id': '1' }))
  const { entries, revision } = await own.range('')
  image.apply({ revision, puts: entries, deletes: [] })
  const isBehind = { now: false }
  own.watch('', revision, (change) => {
    if (!isBehind.now) image.apply(change)
  })
  const sizes: number[] = []
  const store: MetadataStore = {
    maxTxnOperations: 128,
    leases: undefined,
    get: (key) => own.get(key),
    range: (prefix) => own.range(prefix),
    watch: (prefix, after, listener) => own.watch(prefix, after, listener),
    close: () => own.close(),
    txn(txn) {
      sizes.push(Math.max(txn.compares?.length ?? 0, txn.puts?.length ?? 0))
      return own.txn(txn)
    },
  }
  const writer = new StoreIsrWriter(store, image)
  const join = (partition: number, brokerEpoch = 1) =>
    writer.write({
      topicId,
      partition,
      leaderEpoch: 0,
      partitionEpoch: 0,
      isr: [1, 2],
      joiner: { id: 2, brokerEpoch },
    })
  return { own, image, isBehind, writer, join, sizes }
}

test('a thousand joins at once take few transactions, none larger than the store takes', async (t) => {
  const { own, image, writer, join, sizes } = await setUp(1000)
  const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, partition) => join(partition)))
  t.deepEqual(new Set(outcomes), new Set(['written']))
  t.true(
    image.topic('t')!.partitions.every(({ isr, partitionEpoch }) => isr.length === 2 && partitionEpoch === 1),
  )
  t.is(sizes.length, 8)
  t.is(Math.max(...sizes), 128)
  t.is(writer.expands, 1000)
  await own.close()
})

test('a change that rests on what is gone holds up none of those beside it', async (t) => {
  const { own, isBehind, writer, join } = await setUp(20)
  // Written by somebody else, and not seen here yet.
  isBehind.now = true
  const changed = JSON.stringify({ ...led, partitionEpoch: 1 })
  await own.txn({ puts: [{ key: partitionKey(topicId, 7), value: changed }] })
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, partition) => join(partition)))
  t.deepEqual(
    outcomes.flatMap((outcome, partition) => (outcome === 'written' ? [] : [[partition, outcome]])),
    [[7, 'stale']],
  )
  t.is(writer.expands, 19)
  await own.close()
})

test('who is not registered under the epoch joins nothing, whoever asks beside', async (t) => {
  const { own, join } = await setUp(2)
  t.deepEqual(await Promise.all([join(0, 2), join(1)]), ['ineligible', 'written'])
  await own.close()
})

test('what is on its way when this broker starts anew is not written any more', async (t) => {
  const { own, isBehind, join } = await setUp(2)
  isBehind.now = true
  const anew = JSON.stringify({ brokerEpoch: 2, directoryId: 'd', rack: null, endpoints: [] })
  await own.txn({ puts: [{ key: brokerKey(1), value: anew }] })
  t.deepEqual(await Promise.all([join(0), join(1)]), ['stale', 'stale'])
  await own.close()
})
