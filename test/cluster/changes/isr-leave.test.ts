import test from 'ava'
import { soleReplicaOf } from '../../../lib/cluster/changes/isr-leave.js'
import { EmbeddedMetadataStore } from '../../../lib/cluster/index.js'
import { partitionKey, topicKey } from '../../../lib/cluster/store/metadata-keys.js'
import { MemoryEngine } from '../../support/memory-engine.js'

test('a broker is the sole replica of what topics have, not of what a deletion left that was broken off', async (t) => {
  const store = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
  t.teardown(() => store.close())
  const put = (key: string, value: unknown) => ({ key, value: JSON.stringify(value) })
  await store.txn({
    puts: [
      put(topicKey('orders'), { topicId: 'there', partitions: 3, configs: {} }),
      put(partitionKey('there', 0), { isr: [9] }),
      put(partitionKey('there', 1), { isr: [9, 1] }),
      put(partitionKey('there', 2), { isr: [1] }),
      put(partitionKey('gone', 200), { isr: [9] }),
    ],
  })
  t.is(await soleReplicaOf(store, 9), 1)
  t.is(await soleReplicaOf(store, 1), 1)
  t.is(await soleReplicaOf(store, 2), 0)
})
