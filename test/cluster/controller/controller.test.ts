/** The controller's transactions, and what happens while they are on their way. */
import test from 'ava'
import { pino } from 'pino'
import { leaveIsrs } from '../../../lib/cluster/changes/isr-leave.js'
import { Controller } from '../../../lib/cluster/controller/controller.js'
import { ClusterImage } from '../../../lib/cluster/image/cluster-image.js'
import { EmbeddedMetadataStore, type MetadataStore } from '../../../lib/cluster/index.js'
import type { Liveness } from '../../../lib/cluster/membership/liveness.js'
import {
  brokerKey,
  CONTROLLER_KEY,
  liveKey,
  type PartitionValue,
  partitionKey,
  topicKey,
} from '../../../lib/cluster/store/metadata-keys.js'
import { BrokerConfig } from '../../../lib/config/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
const led: PartitionValue = {
  leader: 2,
  leaderEpoch: 0,
  partitionEpoch: 0,
  replicas: [2, 3],
  isr: [2, 3],
  brokerEpoch: 1,
}
const registration = (id: number, brokerEpoch: number) => ({
  key: brokerKey(id),
  value: JSON.stringify({ brokerEpoch, directoryId: 'd', rack: null, endpoints: [] }),
})

/**
 * Broker 2 leads, 3 is in sync. One of them dies; what the controller makes of it arrives when the other has registered
 * anew after a power cut, and has not left the ISRs yet.
 */
async function whenNobodyLeads({ dies, startsAnew }: { dies: number; startsAnew: number }) {
  const own = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
  await own.txn({
    puts: [
      ...[1, 2, 3].map((id) => registration(id, 1)),
      ...[1, 2, 3].map((id) => ({
        key: liveKey(id),
        value: JSON.stringify({ brokerEpoch: 1, lease: `${id}` }),
      })),
      { key: CONTROLLER_KEY, value: JSON.stringify({ brokerId: 1 }) },
      { key: partitionKey(topicId, 0), value: JSON.stringify(led) },
      { key: topicKey('t'), value: JSON.stringify({ topicId, partitions: 1, configs: {} }) },
    ],
  })
  const image = new ClusterImage('c', new BrokerConfig({ 'node.id': '1' }), true)
  const { entries, revision } = await own.range('')
  image.apply({ revision, puts: entries, deletes: [] })
  own.watch('', revision, (change) => image.apply(change))
  let isFirst = true
  const store = {
    maxTxnOperations: 128,
    txn: async (txn) => {
      if (!isFirst) return own.txn(txn)
      isFirst = false
      await own.txn({ puts: [registration(startsAnew, 2)], deletes: [liveKey(startsAnew)] })
      const result = await own.txn(txn)
      await leaveIsrs(own, startsAnew)
      return result
    },
  } as Partial<MetadataStore> as MetadataStore
  const liveness = { isLeased: true } as Partial<Liveness> as Liveness
  const controller = new Controller(store, image, liveness, pino({ level: 'silent' }))
  await own.txn({ deletes: [liveKey(dies)] })
  const state = () => image.topic('t')!.partitions[0]!
  await image.until(() => state().leader === -1, 10_000)
  await controller.close()
  return state()
}

test('who starts anew while an election is on its way is not elected before it has left the ISRs', async (t) => {
  t.like(await whenNobodyLeads({ dies: 2, startsAnew: 3 }), { isr: [2] })
})

test('a leader that starts anew while another is taken out of the ISR is not the last one in it', async (t) => {
  t.like(await whenNobodyLeads({ dies: 3, startsAnew: 2 }), { isr: [3] })
})
