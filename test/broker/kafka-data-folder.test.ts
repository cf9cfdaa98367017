/** A broker started on a data folder that Apache Kafka 4.3.1 wrote. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { EmbeddedMetadataStore, METADATA_FOLDER } from '../../lib/cluster/index.js'
import { type Broker, createBroker } from '../../lib/index.js'
import { files, openLog } from '../../lib/native/index.js'
import { ErrorCode, encode, encodeBatch, readBatches } from '../../lib/protocol/index.js'
import {
  type KafkaStop,
  kafkaListing,
  type ListedPartition,
  type ListedRecord,
  listed,
  unpackKafkaFolder,
} from '../support/kafka-data-folder.js'
import { readPartition } from '../support/read-partition.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const readCommitted = 1
const dynamicTopicConfig = 1

async function kafkaFolder(stop: KafkaStop) {
  const path = await mkdtemp(join(tmpdir(), 'odradek-kafka-'))
  await unpackKafkaFolder(stop, path)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

interface LogLine {
  msg: string
  list?: unknown[]
  [field: string]: unknown
}

/** A broker on the folder, and what it logged. */
async function start(dataDir: string, properties: Record<string, string> = {}) {
  const lines: LogLine[] = []
  const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) })
  // What compaction may take would make the comparison with Kafka a matter of time.
  const all = { 'node.id': '1', 'log.cleaner.enable': 'false', ...properties }
  const broker = await createBroker({ dataDir, properties: all, port: 0, log })
  return { broker, lines, logged: (part: string) => lines.find(({ msg }) => msg.includes(part)) }
}

/** As Kafka's clients saw it, but that its open transactions have been aborted. */
function afterAbort({ topic, records }: ListedPartition): ListedRecord[] {
  const isOutside = ({ key }: ListedRecord) =>
    Buffer.from(key ?? '', 'base64')
      .toString()
      .startsWith('behind')
  return records.filter((record) => record.committed || (topic === 'open' && isOutside(record)))
}

for (const stop of ['clean', 'killed'] as const) {
  test(`${stop}: topics keep their ids, partitions and settings`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { clusterId, topics } = await kafkaListing(stop)
    const { broker, logged } = await start(folder.path)
    await using _ = broker
    using client = await TestClient.connect(broker.bootstrap)
    t.is(broker.clusterId, clusterId)
    const metadata = await client.send('Metadata', { topics: null })
    const listable = metadata.topics.filter(({ isInternal }) => !isInternal)
    const found = listable.map(({ name, topicId, partitions }) => [name, topicId, partitions.length])
    t.deepEqual(
      found.sort(),
      topics.map(({ name, topicId, partitions }) => [name, topicId, partitions]).sort(),
    )
    const { results } = await client.send('DescribeConfigs', {
      resources: topics.map(({ name }) => ({ resourceType: 2, resourceName: name, configurationKeys: null })),
    })
    for (const { resourceName, configs } of results) {
      const own = configs.filter(({ configSource }) => configSource === dynamicTopicConfig)
      const expected = topics.find(({ name }) => name === resourceName)!.configs
      t.deepEqual(Object.fromEntries(own.map(({ name, value }) => [name, value])), expected, resourceName)
    }
    t.like(logged('taken over from Kafka'), {
      topics: topics.length + 2,
      nextProducerId: stop === 'clean' ? 1000 : 2000,
    })
    t.deepEqual(
      logged('settings of Kafka')!.list!.map((each) => (each as { of: string; name: string }).of),
      ['all brokers'],
    )
    const { results: ofBroker } = await client.send('DescribeConfigs', {
      resources: [
        { resourceType: 4, resourceName: '1', configurationKeys: ['follower.replication.throttled.rate'] },
      ],
    })
    t.is(ofBroker[0]!.configs[0]!.value, '1000')
    t.deepEqual(logged('no counterpart')!.list, ['client quotas', 'SCRAM credentials'])
  })

  test(`${stop}: records are what Kafka’s clients read, committed and uncommitted`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { partitions } = await kafkaListing(stop)
    const { broker, logged } = await start(folder.path)
    await using _ = broker
    using client = await TestClient.connect(broker.bootstrap)
    for (const each of partitions) {
      if (each.topic.startsWith('__')) continue
      t.deepEqual(await readPartition(client, each, 0), each.records.map(listed), each.topic)
      t.deepEqual(await readPartition(client, each, readCommitted), afterAbort(each).map(listed), each.topic)
    }
    // One of records and one of offsets for each producer.
    t.is(logged('left open')!.count, stop === 'clean' ? 2 : 4)
  })

  test(`${stop}: groups have the offsets that they committed, in transactions too`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { offsets } = await kafkaListing(stop)
    const { broker } = await start(folder.path)
    await using _ = broker
    using client = await TestClient.connect(broker.bootstrap)
    t.true(offsets.length > 3)
    for (const groupId of new Set(offsets.map(({ group }) => group))) {
      const expected = offsets.filter(({ group }) => group === groupId)
      t.deepEqual(
        await committed(client, groupId),
        expected.map(({ topic, partition, offset, metadata }) => [topic, partition, offset, metadata]),
      )
    }
  })
}

async function committed(client: TestClient, groupId: string): Promise<unknown[][]> {
  for (;;) {
    const { groups } = await client.send('OffsetFetch', { groups: [{ groupId, topics: null }] }, 9)
    const { errorCode, topics } = groups[0]!
    if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) continue
    const offsets = topics.flatMap(({ name, partitions }) =>
      partitions.map((each) => [name, each.partitionIndex, each.committedOffset, each.metadata]),
    )
    return offsets.sort((a, b) => Number(a[1]) - Number(b[1]))
  }
}

for (const stop of ['clean', 'killed'] as const) {
  test(`${stop}: an idempotent producer goes on where it was, and new ones get ids that Kafka gave to nobody`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { partitions } = await kafkaListing(stop)
    const { logEndOffset, producers } = partitions.find(
      ({ topic, partition }) => topic === 'plain' && partition === 0,
    )!
    const { producerId, producerEpoch, lastSequence } = producers.at(-1)!
    const { broker } = await start(folder.path)
    await using _ = broker
    using client = await TestClient.connect(broker.bootstrap)
    const send = (baseSequence: number, count = 1) => {
      const values = Array.from({ length: count }, (_value, i) => `${baseSequence + i}`)
      return produce(client, 'plain', batchOf(values, { producerId, producerEpoch, baseSequence }))
    }
    t.like(await send(lastSequence - 2, 3), { errorCode: 0, baseOffset: logEndOffset - 3 }, 'a duplicate')
    t.is((await send(lastSequence + 2)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    t.like(await send(lastSequence + 1, 2), { errorCode: 0, baseOffset: logEndOffset })
    t.like(await send(lastSequence + 1, 2), { errorCode: 0, baseOffset: logEndOffset })
    t.like(await send(lastSequence + 3), { errorCode: 0, baseOffset: logEndOffset + 2 })
    const { records } = await fetch(client, 'plain', logEndOffset)
    t.is((await valuesIn(records)).length, 3)
    const given = await client.send('InitProducerId', { transactionalId: null, transactionTimeoutMs: 1000 })
    t.true(Number(given.producerId) >= (stop === 'clean' ? 1000 : 2000))
  })
}

test('a folder is taken over once: what is done here stays after a restart, and leader epochs rise', async (t) => {
  await using folder = await kafkaFolder('clean')
  const first = await start(folder.path)
  const epoch = await epochOf(first.broker)
  const client = await TestClient.connect(first.broker.bootstrap)
  await createTopic(client, 'new')
  await client.send('DeleteTopics', { topics: [{ name: 'tuned' }] })
  await produce(client, 'open', batchOf(['appended']))
  client[Symbol.dispose]()
  await first.broker.close()
  const second = await start(folder.path)
  await using _ = second.broker
  t.is(second.logged('taken over from Kafka'), undefined)
  t.is(second.logged('left open'), undefined)
  t.is(await epochOf(second.broker), epoch + 1)
  using again = await TestClient.connect(second.broker.bootstrap)
  const names = (await again.send('Metadata', { topics: null })).topics.map(({ name }) => name)
  t.true(names.includes('new'))
  t.false(names.includes('tuned'))
  const { records } = await fetch(again, 'open', 7, { isolationLevel: readCommitted })
  t.deepEqual(await valuesIn(records), ['appended'])
})

async function epochOf(broker: Broker): Promise<number> {
  using client = await TestClient.connect(broker.bootstrap)
  const { topics } = await client.send('Metadata', { topics: [{ name: 'plain', topicId: undefined }] })
  return topics[0]!.partitions[0]!.leaderEpoch
}

test('a start that was broken off before the take-over was on disk is begun anew', async (t) => {
  await using folder = await kafkaFolder('clean')
  const store = await EmbeddedMetadataStore.open(join(folder.path, METADATA_FOLDER), openLog)
  await store.close()
  const { broker, logged } = await start(folder.path)
  await using _ = broker
  t.truthy(logged('taken over from Kafka'))
})

test('a transaction whose commit was decided is committed where Kafka had not come to', async (t) => {
  await using folder = await kafkaFolder('clean')
  const { partitions } = await kafkaListing('clean')
  const { records, producers, logEndOffset } = partitions.find(({ topic }) => topic === 'open')!
  const { producerId, producerEpoch } = producers.find(
    ({ currentTxnStartOffset }) => currentTxnStartOffset === 0,
  )!
  await appendTo(join(folder.path, '__transaction_state-0'), {
    key: withVersion(0, encode('TransactionLogKey', 0, { transactionalId: 'left-open' })),
    value: withVersion(
      1,
      encode('TransactionLogValue', 1, {
        producerId,
        producerEpoch: producerEpoch + 1,
        transactionTimeoutMs: 1000,
        transactionStatus: 2,
        transactionPartitions: [{ topic: 'open', partitionIds: [0] }],
        transactionLastUpdateTimestampMs: 0,
        transactionStartTimestampMs: 0,
      }),
    ),
  })
  const { broker, logged } = await start(folder.path)
  await using _ = broker
  t.deepEqual(
    (logged('left open')!.transactions as { partition: string; type: string }[])
      .map(({ partition, type }) => [partition, type])
      .sort(),
    [
      ['__consumer_offsets-1', 'ABORT'],
      ['open-0', 'COMMIT'],
    ],
  )
  using client = await TestClient.connect(broker.bootstrap)
  const open = partitions.find(({ topic }) => topic === 'open')!
  t.deepEqual(await readPartition(client, open, readCommitted), records.map(listed))
  const answer = await fetch(client, 'open', logEndOffset, { isolationLevel: readCommitted })
  t.is(answer.lastStableOffset, logEndOffset + 1)
})

function withVersion(version: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([0, version]), bytes])
}

/** Appends a record to a partition of a folder that was stopped cleanly. */
async function appendTo(path: string, record: { key: Uint8Array | null; value: Uint8Array }): Promise<void> {
  const [name] = (await readdir(path))
    .filter((file) => file.endsWith('.log'))
    .sort()
    .slice(-1)
  const file = join(path, name!)
  const bytes = await readFile(file)
  const last = [...readBatches(bytes)].at(-1)!
  const baseOffset = Number(last.baseOffset) + last.lastOffsetDelta + 1
  const batch = encodeBatch({
    records: [{ timestamp: Date.now(), ...record }],
    baseOffset,
    partitionLeaderEpoch: last.partitionLeaderEpoch,
  })
  await writeFile(file, Buffer.concat([bytes, batch]))
  // A clean stop checkpoints the end of every log but the metadata log's.
  const checkpoint = join(dirname(path), 'recovery-point-offset-checkpoint')
  const text = await readFile(checkpoint, 'utf8')
  const line = basename(path).replace(/-(\d+)$/, ' $1')
  await writeFile(checkpoint, text.replace(new RegExp(`^${line} \\d+$`, 'm'), `${line} ${baseOffset + 1}`))
}

const metadataRecord = (kind: number, version: number, message: Uint8Array) => ({
  key: null,
  value: Buffer.concat([Buffer.from([1, kind, version]), message]),
})

test('partitions of other brokers have no leader; what was replicated goes on alone', async (t) => {
  await using folder = await kafkaFolder('clean')
  const { topics } = await kafkaListing('clean')
  const idOf = (topic: string) => topics.find(({ name }) => name === topic)!.topicId
  const change = (topic: string, partitionId: number, replicas: number[], isr: number[]) => {
    const message = {
      partitionId,
      topicId: idOf(topic),
      replicas,
      isr,
      leader: isr[0]!,
      eligibleLeaderReplicas: [],
    }
    return appendTo(
      join(folder.path, '__cluster_metadata-0'),
      metadataRecord(5, 2, encode('PartitionChangeRecord', 2, message)),
    )
  }
  await change('grown', 1, [2, 3], [2, 3])
  await change('plain', 0, [2, 1], [2, 1])
  await change('plain', 1, [2, 1], [2])
  await change('tuned', 0, [3], [3])
  const { broker, logged } = await start(folder.path)
  await using _ = broker
  using client = await TestClient.connect(broker.bootstrap)
  const metadata = await client.send('Metadata', { topics: null })
  const leaders = new Map(
    metadata.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ leaderId, isrNodes }) => [leaderId, ...isrNodes]),
    ]),
  )
  t.deepEqual(leaders.get('grown'), [[1, 1], [-1], [1, 1]])
  t.deepEqual(leaders.get('plain'), [
    [1, 1],
    [1, 1],
  ])
  t.false(leaders.has('tuned'))
  t.deepEqual(logged('were not in sync')!.list, ['plain-1'])
  t.deepEqual(logged('on other brokers')!.list, ['plain-0', 'plain-1'])
  t.deepEqual(logged('without a replica')!.list, ['tuned'])
  t.deepEqual((logged('folders belong to no partition')!.list as string[]).sort(), ['grown-1', 'tuned-0'])
})

test('what cannot be taken over is refused in one line, and the folder stays as it is', async (t) => {
  const refusals: [(path: string) => Promise<unknown>, Record<string, string>, RegExp][] = [
    [async () => {}, { 'node.id': '2' }, /belongs to node 1, not 2/],
    [
      (path) => writeFile(join(path, 'meta.properties'), 'version=0\ncluster.id=a\nbroker.id=1\n'),
      {},
      /version 0, of a Kafka with ZooKeeper/,
    ],
    [
      (path) => rm(join(path, '__cluster_metadata-0'), { recursive: true }),
      {},
      /neither Odradek's metadata nor Kafka's: copy __cluster_metadata-0/,
    ],
    [
      (path) =>
        appendTo(
          join(path, '__cluster_metadata-0'),
          metadataRecord(
            12,
            0,
            encode('FeatureLevelRecord', 0, { name: 'metadata.version', featureLevel: 31 }),
          ),
        ),
      {},
      /metadata.version 31; the newest known here is 30/,
    ],
    [
      (path) => appendTo(join(path, '__cluster_metadata-0'), metadataRecord(99, 0, Buffer.from([0]))),
      {},
      /a record of kind 99, which is not known here/,
    ],
    [
      (path) => appendTo(join(path, '__cluster_metadata-0'), metadataRecord(3, 7, Buffer.from([0]))),
      {},
      /a PartitionRecord of version 7, which is not known here/,
    ],
  ]
  for (const [prepare, properties, message] of refusals) {
    await using folder = await kafkaFolder('clean')
    await prepare(folder.path)
    await t.throwsAsync(start(folder.path, properties), { message })
    const bytes = await files.read(join(folder.path, 'plain-0', 'partition.metadata'))
    t.true(bytes.byteLength > 0)
  }
})
