import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { createBroker } from '../../lib/index.js'
import { type BatchInput, ErrorCode, encodeBatch, readBatches } from '../../lib/protocol/index.js'
import { createTopic, fetch, produce } from '../support/records.js'
import { TestClient } from '../support/test-client.js'
import { cleanedUpTo } from '../support/topic-view.js'

const topic = 'profiles'
const properties = { 'log.cleaner.backoff.ms': '10' }
const timestamp = Date.now()
const perBatch = 3

/** Three records of a producer; what it writes, others overwrite. */
function batchOf(identity: Partial<BatchInput> = {}): Uint8Array {
  const records = ['a', 'b', 'c'].map((key) => ({
    timestamp,
    key: Buffer.from(key),
    value: Buffer.alloc(300, 'v'),
  }))
  return encodeBatch({ records, ...identity })
}

const ours = (batch: number, producerId = 900) =>
  batchOf({ producerId, producerEpoch: 4, baseSequence: batch * perBatch })

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'odradek-compacted-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

async function batches(client: TestClient) {
  const { records } = await fetch(client, topic, 0)
  return [...readBatches(records as Uint8Array)].map((header) => ({
    baseOffset: Number(header.baseOffset),
    producerId: Number(header.producerId),
    recordCount: header.recordCount,
  }))
}

/** The cleaner is done up to the active segment and rid of what it replaced: no file comes or goes. */
async function isAtRest(dataDir: string): Promise<boolean> {
  const cleaned = await cleanedUpTo(dataDir, topic)
  const names = await readdir(join(dataDir, `${topic}-0`))
  if (names.some((name) => /\.(deleted|cleaned|swap)$/.test(name))) return false
  return cleaned === Math.max(...names.filter((name) => name.endsWith('.log')).map(Number.parseFloat))
}

/** Writes four batches of a producer and of another with one alone, all overwritten, and has the log cleaned. */
async function cleanedLog(client: TestClient, { dataDir }: { dataDir: string }): Promise<void> {
  await createTopic(client, topic, 1, {
    'cleanup.policy': 'compact',
    'internal.segment.bytes': '4000',
    'min.cleanable.dirty.ratio': '0.01',
  })
  // A producer starts with a sequence of 0, in whatever epoch.
  for (let i = 0; i < 4; i++) await produce(client, topic, ours(i))
  await produce(client, topic, ours(0, 901))
  for (let i = 0; i < 40; i++) await produce(client, topic, batchOf())
  for (const deadline = performance.now() + 120_000; ; await delay(10)) {
    const left = (await batches(client)).filter(({ producerId }) => producerId >= 0)
    const isClean = left.length === 2 && left.every(({ recordCount }) => recordCount === 0)
    if (isClean && (await isAtRest(dataDir))) return
    if (performance.now() > deadline) throw new Error('the producers’ records were not cleaned away')
  }
}

/** Both producers are known by their last batches alone. */
async function requireProducers(t: ExecutionContext, client: TestClient): Promise<void> {
  const last = await produce(client, topic, ours(3))
  t.is(last.errorCode, ErrorCode.NONE)
  t.is(last.baseOffset, 3 * perBatch, 'a duplicate gets the offset that it had')
  const only = await produce(client, topic, ours(0, 901))
  t.is(only.errorCode, ErrorCode.NONE)
  t.is(only.baseOffset, 4 * perBatch)
  t.is((await produce(client, topic, ours(6))).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  const stale = batchOf({ producerId: 900, producerEpoch: 3, baseSequence: 4 * perBatch })
  t.is((await produce(client, topic, stale)).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH)
  const next = await produce(client, topic, ours(4))
  t.is(next.errorCode, ErrorCode.NONE)
  t.is(next.baseOffset, 45 * perBatch, 'nothing was appended for the duplicates')
}

test('a producer whose records were cleaned away goes on', async (t) => {
  await using broker = await createBroker({ port: 0, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await cleanedLog(client, broker)
  await requireProducers(t, client)
})

test('a producer whose records were cleaned away goes on after a restart', async (t) => {
  const dataDir = await folder(t)
  {
    await using broker = await createBroker({ port: 0, dataDir, properties })
    using client = await TestClient.connect(broker.bootstrap)
    await cleanedLog(client, broker)
  }
  await using broker = await createBroker({ port: 0, dataDir, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await requireProducers(t, client)
})

for (const [what, isLost] of [
  ['a crash', () => false],
  ['a crash that left no snapshot of producers', (name: string) => name.endsWith('.snapshot')],
] as [string, (name: string) => boolean][]) {
  test(`a producer whose records were cleaned away goes on after ${what}`, async (t) => {
    const dataDir = await folder(t)
    {
      await using broker = await createBroker({ port: 0, properties })
      using client = await TestClient.connect(broker.bootstrap)
      await cleanedLog(client, broker)
      await cp(broker.dataDir, dataDir, {
        recursive: true,
        filter: (name) => !isLost(name) && !name.endsWith('.tmp'),
      })
    }
    t.false((await readdir(dataDir)).includes('.kafka_cleanshutdown'))
    await using broker = await createBroker({ port: 0, dataDir, properties })
    using client = await TestClient.connect(broker.bootstrap)
    await requireProducers(t, client)
  })
}
