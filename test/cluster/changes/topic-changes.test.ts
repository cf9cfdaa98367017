/** Topics whose partitions take more than one transaction. */
import test from 'ava'
import { TopicChanges } from '../../../lib/cluster/changes/topic-changes.js'
import { ClusterImage } from '../../../lib/cluster/image/cluster-image.js'
import { EmbeddedMetadataStore, type MetadataStore, type MetadataTxn } from '../../../lib/cluster/index.js'
import { brokerKey, type PartitionValue, partitionKey } from '../../../lib/cluster/store/metadata-keys.js'
import { BrokerConfig } from '../../../lib/config/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const count = 300

/** A broker that is asked for topics; its transactions go by way of `send`. */
async function controllerOf(
  own: EmbeddedMetadataStore,
  nodeId: number,
  send: (txn: MetadataTxn) => ReturnType<MetadataStore['txn']>,
) {
  const config = new BrokerConfig({ 'node.id': String(nodeId) })
  const image = new ClusterImage('c', config)
  const { entries, revision } = await own.range('')
  image.apply({ revision, puts: entries, deletes: [] })
  own.watch('', revision, (change) => image.apply(change))
  const store = { maxTxnOperations: 128, txn: send } as MetadataStore
  return new TopicChanges(store, image, config)
}

test('partitions that another broker has added meanwhile stay as they are', async (t) => {
  const own = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
  const broker = { brokerEpoch: 1, directoryId: 'd', rack: null, endpoints: [] }
  await own.txn({ puts: [{ key: brokerKey(1), value: JSON.stringify(broker) }] })
  const one = await controllerOf(own, 1, (txn) => own.txn(txn))
  const { topicId } = await one.createTopic({ name: 't', numPartitions: 1, replicationFactor: 1 })

  const key = partitionKey(topicId, 1)
  const led = async () => {
    const entry = (await own.get(key))!
    return { entry, value: JSON.parse(entry.value) as PartitionValue }
  }
  let isFirst = true
  const other = await controllerOf(own, 2, async (txn) => {
    if (isFirst) {
      isFirst = false
      await one.createPartitions({ name: 't', count })
      const { value } = await led()
      await own.txn({ puts: [{ key, value: JSON.stringify({ ...value, partitionEpoch: 5 }) }] })
    }
    return own.txn(txn)
  })
  await t.throwsAsync(other.createPartitions({ name: 't', count }), { message: /already has 300/ })
  t.is((await led()).value.partitionEpoch, 5)
})
