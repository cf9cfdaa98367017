/** Partitions that Apache Kafka 4.3.1 wrote, opened as embedded logs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Log } from '../../lib/embedded/index.js'
import type { LogRecord } from '../../lib/embedded/log-record.js'
import {
  type KafkaStop,
  kafkaListing,
  type ListedPartition,
  listed,
  unpackKafkaFolder,
} from '../support/kafka-data-folder.js'

async function kafkaFolder(stop: KafkaStop) {
  const path = await mkdtemp(join(tmpdir(), 'odradek-kafka-'))
  await unpackKafkaFolder(stop, path)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const base64 = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('base64'))

function asListed({ offset, timestamp, key, value, headers }: LogRecord) {
  return {
    offset,
    timestamp,
    key: base64(key),
    value: base64(value),
    headers: headers.map((header) => [header.key, base64(header.value)] as const),
  }
}

async function recordsOf(log: Log, from?: number) {
  const records: ReturnType<typeof asListed>[] = []
  for await (const record of log.read({ from })) records.push(asListed(record))
  return records
}

/** What the log shows: not what was aborted, but what never ended. */
function expected({ topic, records, logStartOffset }: ListedPartition) {
  return records
    .filter(({ committed, offset }) => offset >= logStartOffset && (committed || topic === 'open'))
    .map(listed)
}

for (const stop of ['clean', 'killed'] as const) {
  test(`${stop}: all records are read, those of aborted transactions left out; appended ones come behind`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { partitions, configsOf } = await kafkaListing(stop)
    for (const partition of partitions) {
      const { topic, logStartOffset, logEndOffset } = partition
      if (topic.startsWith('__')) continue
      const path = join(folder.path, `${topic}-${partition.partition}`)
      const requireKeys = configsOf(topic)['cleanup.policy'] === 'compact'
      const log = await Log.open(path, { requireKeys, readAheadBytes: 4096 })
      t.is(log.endOffset, logEndOffset, topic)
      t.is(log.recovery.truncatedBytes, 0, topic)
      // Where the log starts stands in the broker's data folder.
      if (logStartOffset > 0) await log.trim(logStartOffset)
      t.deepEqual(await recordsOf(log), expected(partition), topic)
      t.deepEqual(await log.append({ key: 'k', value: 'v' }), {
        baseOffset: logEndOffset,
        lastOffset: logEndOffset,
      })
      await log.close()
      const again = await Log.open(path, { requireKeys })
      const records = await recordsOf(again)
      t.deepEqual(records.slice(0, -1), expected(partition), topic)
      t.like(records.at(-1), { offset: logEndOffset, value: base64(Buffer.from('v')) })
      await again.close()
    }
  })
}
