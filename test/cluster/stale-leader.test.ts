/** A broker that was replaced as leader and has not heard of it: its log lacks what its successor has. */
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { MetadataStore } from '../../lib/cluster/index.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Brokers } from '../support/brokers.js'
import { batchOf, produce } from '../support/records.js'

/** A store whose changes are told late, when it is asked to. */
function late(store: MetadataStore): MetadataStore & { hold(): void; release(): void } {
  let isHeld = false
  const waiting: (() => void)[] = []
  return {
    maxTxnOperations: store.maxTxnOperations,
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    txn: (txn) => store.txn(txn),
    close: () => store.close(),
    watch: (prefix, afterRevision, listener, onCompacted) =>
      store.watch(
        prefix,
        afterRevision,
        (change) => {
          if (isHeld) waiting.push(() => listener(change))
          else listener(change)
        },
        onCompacted,
      ),
    hold: () => {
      isHeld = true
    },
    release: () => {
      isHeld = false
      for (const tell of waiting.splice(0)) tell()
    },
  }
}

test('a producer is not told by it that its sequence is out of order', async (t) => {
  let stale!: ReturnType<typeof late>
  await using brokers = await Brokers.start({
    storeOf: (id, store) => {
      if (id !== 1) return store
      stale = late(store)
      return stale
    },
  })
  await brokers.createTopic('orders', [[1, 2, 3]])
  const write = async (id: number, baseSequence: number) => {
    const records = batchOf(['value'], { producerId: 7, producerEpoch: 0, baseSequence })
    return (await produce(brokers.client(id), 'orders', records)).errorCode
  }
  t.is(await write(1, 0), ErrorCode.NONE)
  stale.hold()
  await brokers.elect('orders', 2, [2, 3])
  while ((await write(2, 1)) !== ErrorCode.NONE) await delay(5)

  t.is(await write(1, 2), ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.is(await write(2, 3), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  t.is(await write(2, 2), ErrorCode.NONE)
  stale.release()
})
