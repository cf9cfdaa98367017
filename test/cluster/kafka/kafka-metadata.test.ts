/** Kafka's metadata log, read from its snapshot and segments. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import type { KafkaMetadata } from '../../../lib/cluster/kafka/kafka-metadata.js'
import { KAFKA_METADATA_FOLDER, readKafkaMetadata } from '../../../lib/cluster/kafka/metadata-folder.js'
import { encode, encodeBatch, readBatches } from '../../../lib/protocol/index.js'
import { unpackKafkaFolder } from '../../support/kafka-data-folder.js'

const silent = pino({ level: 'silent' })
const wholeLog = '00000000000000000000.log'

async function metadataFolder() {
  const root = await mkdtemp(join(tmpdir(), 'odradek-kafka-'))
  await unpackKafkaFolder('killed', root)
  const path = join(root, KAFKA_METADATA_FOLDER)
  return {
    path,
    log: join(path, wholeLog),
    snapshots: async () => (await readdir(path)).filter((name) => name.endsWith('.checkpoint')).sort(),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

/** As plain data. */
function said({ topics, topicSettings, brokerSettings, features, nextProducerId }: KafkaMetadata) {
  return {
    topics: [...topics.values()].map((topic) => ({ ...topic, partitions: [...topic.partitions] })),
    topicSettings: [...topicSettings].map(([name, settings]) => [name, [...settings].sort()]).sort(),
    brokerSettings: [...brokerSettings].map(([name, settings]) => [name, [...settings].sort()]).sort(),
    features: [...features].sort(),
    nextProducerId,
  }
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)

async function read(path: string) {
  const plain = said(await readKafkaMetadata(path, silent))
  return { ...plain, topics: plain.topics.sort(byName) }
}

test('a log from its beginning, with any snapshot or none, says the same', async (t) => {
  await using folder = await metadataFolder()
  const whole = await read(folder.path)
  t.deepEqual(
    whole.topics.map(({ name }) => name),
    [
      '__consumer_offsets',
      '__transaction_state',
      'compacted',
      'compacted.transactions',
      'grown',
      'open',
      'plain',
      'stamped',
      'transactions',
      'tuned',
    ],
  )
  t.true((await folder.snapshots()).length > 1)
  for (const name of (await folder.snapshots()).reverse()) {
    await rm(join(folder.path, name))
    t.deepEqual(await read(folder.path), whole, `without ${name}`)
  }
})

test('a log whose beginning was deleted is read from the snapshot on', async (t) => {
  await using folder = await metadataFolder()
  const whole = await read(folder.path)
  const newest = (await folder.snapshots()).at(-1)!
  const from = Number.parseInt(newest, 10)
  const batches = [...readBatches(await readFile(folder.log))].filter(
    ({ baseOffset }) => Number(baseOffset) >= from,
  )
  t.true(batches.length > 0)
  await rm(folder.log)
  await writeFile(
    join(folder.path, `${newest.slice(0, 20)}.log`),
    Buffer.concat(batches.map(({ batch }) => batch)),
  )
  t.deepEqual(await read(folder.path), whole)
  for (const name of await folder.snapshots()) await rm(join(folder.path, name))
  await t.throwsAsync(read(folder.path), { message: /neither a log from its beginning nor a snapshot/ })
})

test('a corrupt snapshot is passed over, and a torn write at the end', async (t) => {
  await using folder = await metadataFolder()
  const whole = await read(folder.path)
  const newest = join(folder.path, (await folder.snapshots()).at(-1)!)
  const bytes = await readFile(newest)
  bytes[bytes.length >> 1]! ^= 1
  await rm(newest)
  await writeFile(newest, bytes)
  t.deepEqual(await read(folder.path), whole)
  // A record that is never whole: nothing else would tell the two apart.
  const torn = metadataBatch([[15, encode('ProducerIdsRecord', 0, { brokerId: 1, nextProducerId: 7 })]])
  await writeFile(folder.log, torn, { flag: 'a' })
  t.is((await read(folder.path)).nextProducerId, 7)
  await truncate(folder.log, (await readFile(folder.log)).length - 1)
  t.deepEqual(await read(folder.path), whole)
})

test('records of a metadata transaction count when it has ended, and not when it was aborted', async (t) => {
  await using folder = await metadataFolder()
  const producerIds = (nextProducerId: number): [number, Uint8Array] => [
    15,
    encode('ProducerIdsRecord', 0, { brokerId: 1, nextProducerId }),
  ]
  const nothing = Buffer.from([0])
  const begin: [number, Uint8Array] = [23, nothing]
  const end: [number, Uint8Array] = [24, nothing]
  const abort: [number, Uint8Array] = [25, nothing]
  const after = async (...records: [number, Uint8Array][]) => {
    await writeFile(folder.log, metadataBatch(records), { flag: 'a' })
    return (await read(folder.path)).nextProducerId
  }
  t.is(await after(begin, producerIds(5000)), 2000)
  t.is(await after(producerIds(6000), end), 6000)
  t.is(await after(begin, producerIds(7000), abort), 6000)
})

function metadataBatch(records: [kind: number, message: Uint8Array][]): Uint8Array {
  return encodeBatch({
    baseOffset: 1_000_000,
    records: records.map(([kind, message]) => ({
      timestamp: 0,
      value: Buffer.concat([Buffer.from([1, kind, 0]), message]),
    })),
  })
}
