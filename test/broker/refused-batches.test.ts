import test, { type ExecutionContext } from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const { NONE, NOT_ENOUGH_REPLICAS, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode

/** A broker whose topic refuses acks=all, and takes acks=1: so that a batch is refused and the next one could be taken. */
async function refusingTopic(client: TestClient) {
  await createTopic(client, 'orders', 1, { 'min.insync.replicas': '2' })
}

async function idempotentProducer(client: TestClient) {
  const { producerId } = await client.send('InitProducerId', { transactionalId: null })
  return (value: string, baseSequence: number, producerEpoch = 0) =>
    batchOf([value], { producerId: Number(producerId), producerEpoch, baseSequence })
}

/** Batches that could be taken are refused as the one before them was. */
async function refusesBehind(
  t: ExecutionContext,
  client: TestClient,
  batch: (value: string, baseSequence: number) => Uint8Array,
  sequences: readonly number[],
): Promise<void> {
  for (const sequence of sequences) {
    const { errorCode } = await produce(client, 'orders', batch('b', sequence), { acks: 1 })
    t.is(errorCode, NOT_ENOUGH_REPLICAS)
  }
}

test('what is in flight behind a refused first batch is refused alike, until that comes again', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await refusingTopic(client)
  const batch = await idempotentProducer(client)
  const inFlight = await Promise.all([
    produce(client, 'orders', batch('a', 0)),
    produce(client, 'orders', batch('b', 1), { acks: 1 }),
    produce(client, 'orders', batch('c', 2), { acks: 1 }),
  ])
  t.deepEqual(
    inFlight.map(({ errorCode }) => errorCode),
    [NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS],
  )
  t.regex(inFlight[1]!.errorMessage!, /sequence 0 was refused so, and comes before this one, 1/)
  for (const [sequence, value] of ['a', 'b', 'c'].entries()) {
    const { errorCode } = await produce(client, 'orders', batch(value, sequence), { acks: 1 })
    t.is(errorCode, NONE)
  }
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0)).records), ['a', 'b', 'c'])
})

test('so is what follows a batch for a topic that the broker learns of a moment later', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const batch = await idempotentProducer(client)
  t.is((await produce(client, 'late', batch('a', 0))).errorCode, UNKNOWN_TOPIC_OR_PARTITION)
  await createTopic(client, 'late')
  t.is((await produce(client, 'late', batch('b', 1))).errorCode, UNKNOWN_TOPIC_OR_PARTITION)
  t.is((await produce(client, 'late', batch('a', 0))).errorCode, NONE)
  t.is((await produce(client, 'late', batch('b', 1))).errorCode, NONE)
})

test('other producers, partitions, epochs and connections go on', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  using another = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 2, { 'min.insync.replicas': '2' })
  const batch = await idempotentProducer(client)
  const batchOfOther = await idempotentProducer(client)
  t.is((await produce(client, 'orders', batch('a', 0))).errorCode, NOT_ENOUGH_REPLICAS)
  t.is((await produce(client, 'orders', batchOfOther('b', 1), { acks: 1 })).errorCode, NONE)
  t.is((await produce(client, 'orders', batch('c', 1), { acks: 1, partition: 1 })).errorCode, NONE)
  t.is((await produce(client, 'orders', batchOf(['plain']), { acks: 1 })).errorCode, NONE)
  t.is((await produce(client, 'orders', batch('d', 0, 1), { acks: 1 })).errorCode, NONE)
  const elsewhere = await idempotentProducer(client)
  t.is((await produce(client, 'orders', elsewhere('e', 0))).errorCode, NOT_ENOUGH_REPLICAS)
  t.is((await produce(another, 'orders', elsewhere('f', 1), { acks: 1 })).errorCode, NONE)
})

test('a batch that comes again and is refused again still stands before the others', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await refusingTopic(client)
  const batch = await idempotentProducer(client)
  for (let round = 0; round < 3; round++) {
    t.is((await produce(client, 'orders', batch('a', 0))).errorCode, NOT_ENOUGH_REPLICAS)
    await refusesBehind(t, client, batch, [1, 2, 3, 4])
  }
})

test('of two that are refused the first is what the others wait for', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await refusingTopic(client)
  const batch = await idempotentProducer(client)
  t.is((await produce(client, 'orders', batch('c', 2))).errorCode, NOT_ENOUGH_REPLICAS)
  t.is((await produce(client, 'orders', batch('a', 0))).errorCode, NOT_ENOUGH_REPLICAS)
  await refusesBehind(t, client, batch, [1, 2, 3])
  for (const [sequence, value] of ['a', 'b', 'c'].entries()) {
    t.is((await produce(client, 'orders', batch(value, sequence), { acks: 1 })).errorCode, NONE)
  }
})

test('a producer that has given a batch up is taken where it goes on, as by Kafka', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await refusingTopic(client)
  const batch = await idempotentProducer(client)
  t.is((await produce(client, 'orders', batch('a', 0))).errorCode, NOT_ENOUGH_REPLICAS)
  await refusesBehind(t, client, batch, [1, 2, 3, 4])
  t.is((await produce(client, 'orders', batch('c', 5), { acks: 1 })).errorCode, NONE)
})

test('a batch refused for good holds nothing up', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'max.message.bytes': '1000' })
  const batch = await idempotentProducer(client)
  const tooLarge = await produce(client, 'orders', batch('x'.repeat(2_000), 0))
  t.is(tooLarge.errorCode, ErrorCode.MESSAGE_TOO_LARGE)
  t.is((await produce(client, 'orders', batch('b', 1))).errorCode, NONE)
})

test('sequences that wrap keep their order', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await refusingTopic(client)
  const batch = await idempotentProducer(client)
  t.is((await produce(client, 'orders', batch('a', 2 ** 31 - 1))).errorCode, NOT_ENOUGH_REPLICAS)
  t.is((await produce(client, 'orders', batch('b', 0), { acks: 1 })).errorCode, NOT_ENOUGH_REPLICAS)
  t.is((await produce(client, 'orders', batch('a', 2 ** 31 - 1), { acks: 1 })).errorCode, NONE)
  t.is((await produce(client, 'orders', batch('b', 0), { acks: 1 })).errorCode, NONE)
})
