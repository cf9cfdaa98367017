import { open } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, encodeBatch } from '../../lib/protocol/index.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

test('a fetch at the end waits for the next record and gets it at once', async (t) => {
  // Long before its max wait.
  t.timeout(120_000)
  await using broker = await createBroker({ port: 0 })
  using reader = await TestClient.connect(broker.bootstrap)
  using writer = await TestClient.connect(broker.bootstrap)
  await createTopic(writer, 'orders')
  const waiting = fetch(reader, 'orders', 0, { maxWaitMs: 2 ** 31 - 1 })
  await produce(writer, 'orders', batchOf(['a']))
  t.deepEqual(await valuesIn((await waiting).records), ['a'])
})

test('a fetch waits for min bytes, and for max wait at most', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using reader = await TestClient.connect(broker.bootstrap)
  using writer = await TestClient.connect(broker.bootstrap)
  await createTopic(writer, 'orders')
  const waiting = fetch(reader, 'orders', 0, { maxWaitMs: 2 ** 31 - 1, minBytes: 3_000 })
  for (let i = 0; i < 3; i++) await produce(writer, 'orders', batchOf(['x'.repeat(1_000)]))
  t.is((await valuesIn((await waiting).records)).length, 3)
  const late = await fetch(reader, 'orders', 3, { maxWaitMs: 50 })
  t.is(late.records?.byteLength, 0)
  t.is(late.highWatermark, 3)
})

test('a fetch waits for no more where a partition has more than one read gives', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders', 1, { 'segment.bytes': String(1 << 20) })
  const large = batchOf(['x'.repeat(400_000)])
  for (let i = 0; i < 5; i++) await produce(client, 'orders', large, { acks: 1 })
  const patient = { minBytes: 1 << 20, maxWaitMs: 100_000_000 }
  const bytesAt = async (offset: number, maxBytes: number) =>
    (await fetch(client, 'orders', offset, { ...patient, maxBytes })).records!.byteLength
  t.is(await bytesAt(1, 1 << 20), large.byteLength, 'the end of an older segment')
  t.is(await bytesAt(2, 500_000), 500_000, 'more than the bound for the partition')
})

test('what is not there does not keep a consumer from waiting for the rest', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  using producer = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const wanted = (partition: number) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000 })
  const request = { maxWaitMs: 100_000_000, minBytes: 1, maxBytes: 1_000, sessionEpoch: -1 }
  const gone = { topic: 'gone', partitions: [wanted(0)] }
  const topics = [{ topic: 'orders', partitions: [wanted(0), wanted(7)] }, gone]
  const waiting = client.send('Fetch', { ...request, topics }, 12)
  await produce(producer, 'orders', batchOf(['a']))
  const { responses } = await waiting
  t.deepEqual(
    responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)),
    [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  )
  t.deepEqual(await valuesIn(responses[0]!.partitions[0]!.records), ['a'])
  const alone = await client.send('Fetch', { ...request, topics: [gone] }, 12)
  t.is(alone.responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
})

test('the first batch comes whole even where it is larger than the bound', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  await produce(client, 'orders', batchOf(['x'.repeat(5_000)]))
  await produce(client, 'orders', batchOf(['y']))
  const { records } = await fetch(client, 'orders', 0, { maxBytes: 10 })
  t.is((await valuesIn(records)).length, 1)
})

test('an offset outside the log and an epoch that is not the leader’s are refused', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  t.is((await fetch(client, 'orders', 1)).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  t.is((await fetch(client, 'orders', 0, { partition: 3 })).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100, currentLeaderEpoch: 1_000 }]
  const { responses } = await client.send(
    'Fetch',
    { sessionEpoch: -1, topics: [{ topic: 'orders', partitions }] },
    12,
  )
  t.is(responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH)
})

test('an incremental session tells only what is new', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders', 2)
  const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1_000 }))
  const first = await client.send('Fetch', {
    maxBytes: 1_000,
    sessionEpoch: 0,
    topics: [{ topicId, partitions }],
  })
  t.is(first.responses[0]!.partitions.length, 2)
  const { sessionId } = first
  const idle = await client.send('Fetch', { maxBytes: 1_000, sessionId, sessionEpoch: 1, topics: [] })
  t.deepEqual(idle.responses, [])
  await produce(client, 'orders', batchOf(['a']), { partition: 1 })
  const news = await client.send('Fetch', { maxBytes: 1_000, sessionId, sessionEpoch: 2, topics: [] })
  t.is(news.sessionId, sessionId)
  t.deepEqual(
    news.responses[0]!.partitions.map(({ partitionIndex }) => partitionIndex),
    [1],
  )
})

test('offsets are found by time, at both ends, and at the largest timestamp', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  const now = Date.now()
  for (const timestamp of [now, now + 2_000, now + 1_000]) {
    const answer = await produce(
      client,
      'orders',
      encodeBatch({ records: [{ timestamp, value: Buffer.from('x') }] }),
    )
    t.is(answer.errorCode, ErrorCode.NONE)
  }
  const find = async (timestamp: number) => {
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp }] }]
    const { topics: found } = await client.send('ListOffsets', { replicaId: -1, topics })
    return found[0]!.partitions[0]!
  }
  t.like(await find(-1), { errorCode: 0, offset: 3 })
  t.like(await find(-2), { errorCode: 0, offset: 0 })
  t.like(await find(-3), { offset: 1, timestamp: now + 2_000 })
  t.like(await find(now + 1), { offset: 1, timestamp: now + 2_000 })
  t.like(await find(now + 5_000), { offset: -1, timestamp: -1 })
  t.is((await find(-7)).errorCode, ErrorCode.UNSUPPORTED_VERSION, 'of a Kafka to come')
})

test('timestamps beyond what numbers hold are found and told as they are', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const largest = 2n ** 63n - 1n
  await createTopic(client, 'orders', 1, { 'message.timestamp.after.max.ms': String(largest) })
  // As of a producer that counts nanoseconds.
  const first = 1_800_000_000_000_000_000n
  const records = [first, first + 1n, first - 1n].map((timestamp) => ({ timestamp, value: Buffer.from('x') }))
  const batch = encodeBatch({ records, producerId: 5, producerEpoch: 0, baseSequence: 0 })
  const find = async (timestamp: number | bigint) => {
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp }] }]
    const { topics: found } = await client.send('ListOffsets', { replicaId: -1, topics })
    return found[0]!.partitions[0]!
  }
  t.like(await produce(client, 'orders', batch), { errorCode: 0, baseOffset: 0 })
  t.like(await produce(client, 'orders', batch), { errorCode: 0, baseOffset: 0 }, 'sent again')
  t.like(await find(-3), { offset: 1, timestamp: first + 1n })
  t.like(await find(5), { offset: 0, timestamp: first })
  t.like(await find(first + 1n), { offset: 1, timestamp: first + 1n })
  t.like(await find(first + 2n), { offset: -1, timestamp: -1 })
  const last = encodeBatch({ records: [{ timestamp: largest, value: Buffer.from('x') }] })
  t.like(await produce(client, 'orders', last), { errorCode: 0, baseOffset: 3 })
  for (const timestamp of [-3, first + 2n, largest])
    t.like(await find(timestamp), { offset: 3, timestamp: largest })
})

test('a batch that is damaged on disk is refused, which the broker tells once; all others are served', async (t) => {
  const errors: { msg: string }[] = []
  const log = pino({ level: 'error' }, { write: (line) => errors.push(JSON.parse(line)) })
  await using broker = await createBroker({ port: 0, log })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'orders')
  // Each larger than what lies between two entries of the index.
  const [a, b, c] = ['a', 'b', 'c'].map((value) => value.repeat(10_000)) as [string, string, string]
  for (const value of [a, b, c]) await produce(client, 'orders', batchOf([value]))
  const file = await open(join(broker.dataDir, 'orders-0', '00000000000000000000.log'), 'r+')
  const magicAt = 16
  await file.write(Buffer.from([0x7f]), 0, 1, batchOf([a]).byteLength + magicAt)
  await file.close()
  for (let round = 0; round < 2; round++) {
    t.deepEqual(await valuesIn((await fetch(client, 'orders', 0, { maxBytes: 10 })).records), [a])
    t.is((await fetch(client, 'orders', 1)).errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    t.deepEqual(await valuesIn((await fetch(client, 'orders', 2)).records), [c])
  }
  t.is(errors.length, 1)
  t.like(errors[0], { topic: 'orders', partition: 0, offset: 1 })
})
