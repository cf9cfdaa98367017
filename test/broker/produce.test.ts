import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, encodeBatch } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

test('what is produced is fetched with dense offsets, in order', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  t.like(await produce(client, 'orders', batchOf(['a', 'b'])), { errorCode: 0, baseOffset: 0 })
  t.like(await produce(client, 'orders', batchOf(['c']), { acks: 1 }), { errorCode: 0, baseOffset: 2 })
  const fetched = await fetch(client, 'orders', 0)
  t.like(fetched, { errorCode: 0, highWatermark: 3, lastStableOffset: 3, logStartOffset: 0 })
  t.deepEqual(await valuesIn(fetched.records), ['a', 'b', 'c'])
})

test('acks=0 has no answer, and the next request is answered', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const { encodeRequest } = await import('../../lib/protocol/index.js')
  const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: batchOf(['a']) }] }]
  const header = { correlationId: 99, clientId: null }
  const parts = encodeRequest('Produce', 9, header, { acks: 0, timeoutMs: 1_000, topicData }, true)
  client.socket.write(Buffer.concat(parts as Uint8Array[]))
  const fetched = await fetch(client, 'orders', 0, { maxWaitMs: 5_000 })
  t.deepEqual(await valuesIn(fetched.records), ['a'])
})

test('a duplicate of an idempotent batch is answered with its first offset and stored once', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const { producerId, producerEpoch } = await client.send('InitProducerId', { transactionalId: null })
  const fields = (baseSequence: number) => ({ producerId: Number(producerId), producerEpoch, baseSequence })
  await produce(client, 'orders', batchOf(['a', 'b'], fields(0)))
  await produce(client, 'orders', batchOf(['c'], fields(2)))
  t.like(await produce(client, 'orders', batchOf(['a', 'b'], fields(0))), { errorCode: 0, baseOffset: 0 })
  const gap = await produce(client, 'orders', batchOf(['d'], fields(7)))
  t.is(gap.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0)).records), ['a', 'b', 'c'])
})

test('a producer id comes with its epoch, or not at all', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const ask = async (producerId: number, producerEpoch: number) =>
    (await client.send('InitProducerId', { transactionalId: null, producerId, producerEpoch })).errorCode
  t.is(await ask(-1, -1), ErrorCode.NONE)
  t.is(await ask(5, 2), ErrorCode.NONE)
  t.is(await ask(5, -1), ErrorCode.INVALID_REQUEST)
  t.is(await ask(-1, 2), ErrorCode.INVALID_REQUEST)
})

test('batches in flight behind one that is refused are checked anew', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const { producerId, producerEpoch } = await client.send('InitProducerId', { transactionalId: null })
  const fields = (baseSequence: number) => ({ producerId: Number(producerId), producerEpoch, baseSequence })
  const corrupt = batchOf(['b'], fields(1))
  corrupt[corrupt.length - 1]! ^= 1
  const answers = await Promise.all([
    produce(client, 'orders', batchOf(['a'], fields(0))),
    produce(client, 'orders', corrupt),
    produce(client, 'orders', batchOf(['c'], fields(2))),
    produce(client, 'orders', batchOf(['other'])),
  ])
  t.deepEqual(
    answers.map(({ errorCode }) => errorCode),
    [ErrorCode.NONE, ErrorCode.CORRUPT_MESSAGE, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode.NONE],
  )
  t.deepEqual(await valuesIn((await fetch(client, 'orders', 0)).records), ['a', 'other'])
})

test('what is wrong with a batch is told, and nothing of it is stored', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'max.message.bytes': '1000' })
  const flipped = batchOf(['a'])
  flipped[65]! ^= 1
  const magic = batchOf(['a'])
  magic[16] = 1
  const two = Buffer.concat([batchOf(['a']), batchOf(['b'])])
  const cases: [Uint8Array | null, number][] = [
    [flipped, ErrorCode.CORRUPT_MESSAGE],
    [magic, ErrorCode.INVALID_RECORD],
    [two, ErrorCode.INVALID_RECORD],
    [batchOf(['a']).subarray(0, 40), ErrorCode.CORRUPT_MESSAGE],
    [batchOf(['x'.repeat(2_000)]), ErrorCode.MESSAGE_TOO_LARGE],
    [new Uint8Array(0), ErrorCode.INVALID_RECORD],
    [null, ErrorCode.INVALID_RECORD],
  ]
  for (const [records, errorCode] of cases) {
    t.is((await produce(client, 'orders', records)).errorCode, errorCode)
  }
  t.is((await produce(client, 'orders', batchOf(['ok']))).baseOffset, 0)
  t.is(
    (await produce(client, 'orders', batchOf(['a']), { acks: 2 })).errorCode,
    ErrorCode.INVALID_REQUIRED_ACKS,
  )
  t.is((await produce(client, 'absent', batchOf(['a']))).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.is(
    (await produce(client, 'orders', batchOf(['a']), { partition: 9 })).errorCode,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  )
})

test('a topic of the broker’s own takes no records of clients, and lets none go', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const name = '__consumer_offsets'
  const batch = encodeBatch({ records: [{ timestamp: Date.now(), key: Buffer.from('a'), value: null }] })
  t.is((await produce(client, name, batch)).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  await client.send('FindCoordinator', { keyType: 0, coordinatorKeys: ['billing'] })
  t.is((await produce(client, name, batch)).errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
  t.is((await fetch(client, name, 0)).highWatermark, 0)
  const topics = [{ name, partitions: [{ partitionIndex: 0, offset: 0 }] }]
  const { topics: answer } = await client.send('DeleteRecords', { topics, timeoutMs: 10_000 })
  t.is(answer[0]!.partitions[0]!.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
})

test('records whose timestamps are out of bounds are named', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'message.timestamp.after.max.ms': '1000' })
  const records = [0, 3_600_000, 0].map((ahead) => ({
    timestamp: Date.now() + ahead,
    key: null,
    value: Buffer.from('a'),
  }))
  const answer = await produce(client, 'orders', encodeBatch({ records }))
  t.is(answer.errorCode, ErrorCode.INVALID_TIMESTAMP)
  t.deepEqual(
    answer.recordErrors.map(({ batchIndex }) => batchIndex),
    [1],
  )
})

test('compression.type of the topic rewrites batches; the records stay the same', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'compression.type': 'gzip' })
  const values = Array.from({ length: 20 }, (_, index) => `value ${index}`)
  const answers = await Promise.all(values.map((value) => produce(client, 'orders', batchOf([value]))))
  t.deepEqual(
    answers.map(({ baseOffset }) => baseOffset),
    values.map((_, index) => index),
  )
  const { records } = await fetch(client, 'orders', 0)
  t.is(records![22]! & 7, 1)
  t.deepEqual(await valuesIn(records), values)
})

test('LogAppendTime stamps records with the time of the broker', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const before = Date.now()
  const { logAppendTimeMs } = await produce(client, 'orders', batchOf(['a']))
  t.true(Number(logAppendTimeMs) >= before)
})

test('too few in-sync replicas refuse acks=all alone', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'min.insync.replicas': '2' })
  t.is((await produce(client, 'orders', batchOf(['a']))).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
  t.is((await produce(client, 'orders', batchOf(['a']), { acks: 1 })).errorCode, ErrorCode.NONE)
})
