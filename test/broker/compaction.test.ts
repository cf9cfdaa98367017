import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { createBroker } from '../../lib/index.js'
import {
  type CompressionName,
  ErrorCode,
  encodeBatch,
  encodeCompressedBatch,
} from '../../lib/protocol/index.js'
import { createTopic, fetch, produce, recordsIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const properties = { 'log.cleaner.backoff.ms': '10' }
const compacted = {
  'cleanup.policy': 'compact',
  'internal.segment.bytes': '4000',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '0',
}

interface Kept {
  offset: number
  value: string | null
}

async function readAll(client: TestClient, topic: string, end: number): Promise<Map<string, Kept[]>> {
  const byKey = new Map<string, Kept[]>()
  for (let offset = 0; offset < end; ) {
    const { records } = await fetch(client, topic, offset)
    const page = (await recordsIn(records)).filter((record) => record.offset >= offset)
    if (page.length === 0) break
    for (const { key, value, offset: at } of page) {
      const name = Buffer.from(key!).toString()
      const kept = byKey.get(name) ?? []
      kept.push({ offset: at, value: value && Buffer.from(value).toString() })
      byKey.set(name, kept)
      offset = at + 1
    }
  }
  return byKey
}

for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as CompressionName[]) {
  test(`a compacted topic keeps the last value of each key, compressed by ${compression}`, async (t) => {
    await using broker = await createBroker({ port: 0, properties })
    using client = await TestClient.connect(broker.bootstrap)
    await createTopic(client, 'profiles', 1, compacted)
    const last = new Map<string, Kept>()
    let end = 0
    for (let round = 0; round < 60; round++) {
      const keys = ['a', 'b', `only-${round}`]
      // What does not compress fills segments with every codec.
      const values = keys.map((key) => `${key} ${round} ${randomBytes(200).toString('base64')}`)
      const records = keys.map((key, index) => ({
        timestamp: Date.now(),
        key: Buffer.from(key),
        value: Buffer.from(values[index]!),
      }))
      const answer = await produce(client, 'profiles', await encodeCompressedBatch({ records }, compression))
      t.is(answer.errorCode, ErrorCode.NONE)
      for (const [index, key] of keys.entries()) {
        last.set(key, { offset: end + index, value: values[index]! })
      }
      end += keys.length
    }
    for (const deadline = performance.now() + 120_000; ; await delay(20)) {
      const kept = await readAll(client, 'profiles', end)
      for (const [key, value] of last) t.deepEqual(kept.get(key)?.at(-1), value, key)
      // The active segment is never cleaned: a few older values may stand there.
      if (kept.get('a')!.length < 20) break
      if (performance.now() > deadline) throw new Error('the cleaner did not come')
    }
  })
}

test('a compacted topic takes no record without a key, and names the records that have none', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'profiles', 1, compacted)
  const timestamp = Date.now()
  const records = [Buffer.from('k'), null, Buffer.from('l'), null].map((key) => ({
    timestamp,
    key,
    value: null,
  }))
  const answer = await produce(client, 'profiles', encodeBatch({ records }))
  t.is(answer.errorCode, ErrorCode.INVALID_RECORD)
  t.deepEqual(
    answer.recordErrors.map(({ batchIndex }) => batchIndex),
    [1, 3],
  )
  t.regex(answer.errorMessage!, /without a key/)
  t.is((await fetch(client, 'profiles', 0)).highWatermark, 0)
})

test('a compacted topic is deleted while it is being cleaned', async (t) => {
  await using broker = await createBroker({ port: 0, properties })
  using client = await TestClient.connect(broker.bootstrap)
  await createTopic(client, 'profiles', 1, compacted)
  const records = [{ timestamp: Date.now(), key: Buffer.from('k'), value: Buffer.alloc(500) }]
  for (let i = 0; i < 50; i++) await produce(client, 'profiles', encodeBatch({ records }))
  const { responses } = await client.send('DeleteTopics', {
    topics: [{ name: 'profiles', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  })
  t.is(responses[0]!.errorCode, ErrorCode.NONE)
  await createTopic(client, 'profiles', 1, compacted)
  t.is((await produce(client, 'profiles', encodeBatch({ records }))).baseOffset, 0)
})
