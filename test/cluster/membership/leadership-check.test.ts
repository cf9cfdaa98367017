import test, { type ExecutionContext } from 'ava'
import { ClusterImage } from '../../../lib/cluster/image/cluster-image.js'
import { EmbeddedMetadataStore, type MetadataStore } from '../../../lib/cluster/index.js'
import { LeadershipCheck } from '../../../lib/cluster/membership/leadership-check.js'
import { partitionKey, topicKey } from '../../../lib/cluster/store/metadata-keys.js'
import { BrokerConfig } from '../../../lib/config/index.js'
import { MemoryEngine } from '../../support/memory-engine.js'

const topicId = 'orders-id'
const key = partitionKey(topicId, 0)

/** A broker's check over a store whose answers are on their way until they are let go. */
async function checkedStore(t: ExecutionContext) {
  const store = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
  t.teardown(() => store.close())
  const elect = (leader: number) =>
    store.txn({ puts: [{ key, value: JSON.stringify({ leader, replicas: [1, 2], isr: [1, 2] }) }] })
  const topic = { topicId, partitions: 1, configs: {} }
  await store.txn({ puts: [{ key: topicKey('orders'), value: JSON.stringify(topic) }] })
  await elect(1)
  const image = new ClusterImage('c', new BrokerConfig({ 'node.id': '1' }), true)
  const { entries, revision } = await store.range('')
  image.apply({ revision, puts: entries, deletes: [] })
  const onTheWay: (() => void)[] = []
  const slow = {
    async get(asked: string) {
      const entry = await store.get(asked)
      await new Promise<void>((resolve) => onTheWay.push(resolve))
      return entry
    },
  }
  const check = new LeadershipCheck(slow as unknown as MetadataStore, image)
  /** Lets the next answer arrive, once the store has given it. */
  const arrive = async () => {
    while (onTheWay.length === 0) await new Promise((resolve) => setImmediate(resolve))
    onTheWay.shift()!()
  }
  return { check, elect, arrive, onTheWay }
}

test('a broker leads while the store has what its image has', async (t) => {
  const { check, elect, arrive } = await checkedStore(t)
  const before = check.isCurrent(topicId, 0)
  await arrive()
  t.true(await before)
  await elect(2)
  const after = check.isCurrent(topicId, 0)
  await arrive()
  t.false(await after)
})

test('an answer that was on its way tells nothing to who asks after it was given', async (t) => {
  const { check, elect, arrive, onTheWay } = await checkedStore(t)
  const first = check.isCurrent(topicId, 0)
  while (onTheWay.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await elect(2)
  const second = check.isCurrent(topicId, 0)
  const third = check.isCurrent(topicId, 0)
  await arrive()
  t.true(await first)
  await arrive()
  t.deepEqual(await Promise.all([second, third]), [false, false])
  t.is(onTheWay.length, 0, 'those that ask meanwhile share a question')
})
