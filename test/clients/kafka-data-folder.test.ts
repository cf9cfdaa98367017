/** A data folder goes from Apache Kafka to Odradek, back to Kafka, and to Odradek again; each reads what the others wrote. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, encodeCompressedBatch } from '../../lib/protocol/index.js'
import { kafkaListing, unpackKafkaFolder } from '../support/kafka-data-folder.js'
import { run } from '../support/program.js'
import { readPartition } from '../support/read-partition.js'
import { batchOf, produce } from '../support/records.js'
import { kafkaJars, startApacheKafka } from '../support/target.js'
import { TestClient } from '../support/test-client.js'

const jars = kafkaJars()
const title = 'Apache Kafka starts on a folder that Odradek has taken over, and goes on'
const readCommitted = 1

if (jars.missing !== undefined) test.skip(`${title} (skipped: ${jars.missing})`, () => {})
else {
  test(title, async (t) => {
    t.timeout(600_000)
    const root = await mkdtemp(join(tmpdir(), 'odradek-kafka-'))
    t.teardown(() => rm(root, { recursive: true, force: true }))
    const dataDir = join(root, 'data')
    await mkdir(dataDir)
    await unpackKafkaFolder('killed', dataDir)
    // Compacted topics change by themselves.
    const isSteady = ({ topic }: { topic: string }) => !/^(__|compacted)/.test(topic)
    const partitions = (await kafkaListing('killed')).partitions.filter(isSteady)
    const readAll = async (client: TestClient) => {
      const all: Record<string, unknown> = {}
      for (const each of partitions) {
        all[`${each.topic}-${each.partition}`] = await readPartition(client, each, readCommitted)
      }
      return all
    }

    const written = await onOdradek(dataDir, async (client) => {
      for (const { topic, partition } of partitions) {
        const records = await encodeCompressedBatch(
          { records: [{ timestamp: Date.now(), key: Buffer.from('key'), value: Buffer.from('by Odradek') }] },
          'zstd',
        )
        t.is((await produce(client, topic, records, { partition })).errorCode, ErrorCode.NONE)
      }
      return readAll(client)
    })
    await requireSound(dataDir)

    const kafka = await startApacheKafka({ 'offsets.topic.num.partitions': '2' }, dataDir)
    try {
      using client = await TestClient.connect(kafka.bootstrap)
      t.deepEqual(await readAll(client), written)
      t.is((await produce(client, 'open', batchOf(['by Kafka']))).errorCode, ErrorCode.NONE)
      Object.assign(written, await readAll(client))
    } finally {
      await kafka[Symbol.asyncDispose]()
    }

    t.deepEqual(await onOdradek(dataDir, readAll), written)
  })
}

async function onOdradek<T>(dataDir: string, use: (client: TestClient) => Promise<T>): Promise<T> {
  await using broker = await createBroker({ port: 0, dataDir, properties: { 'node.id': '1' } })
  using client = await TestClient.connect(broker.bootstrap)
  return await use(client)
}

/** Kafka's own tool finds nothing wrong with any file of the partitions. */
async function requireSound(dataDir: string): Promise<void> {
  const files: string[] = []
  for (const folder of await readdir(dataDir)) {
    if (!/^[a-z]+.*-\d+$/.test(folder)) continue
    for (const name of await readdir(join(dataDir, folder))) {
      const file = join(dataDir, folder, name)
      const isOne = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/.test(name)
      if (isOne && (await stat(file)).size > 0) files.push(file)
    }
  }
  const { stdout, stderr } = await run('java', [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    `${jars.libs}/*`,
    'org.apache.kafka.tools.DumpLogSegments',
    '--index-sanity-check',
    '--deep-iteration',
    '--files',
    files.join(','),
  ])
  const wrong = /.*(isvalid: false|mismatch|exception|not found|failed|invalid).*/i.exec(stdout + stderr)
  if (wrong) throw new Error(`DumpLogSegments: ${wrong[0]}`)
}
