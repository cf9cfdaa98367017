/** Data folders that Apache Kafka 4.3.1 wrote, and what its own clients saw in them (java/kafka-data-folder.js). */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import type { LogRecord } from '../../lib/protocol/index.js'

/** How Kafka was stopped: cleanly, or after more was written by `kill -9`. */
export type KafkaStop = 'clean' | 'killed'

export interface ListedRecord {
  readonly offset: number
  /** A reader of committed records gets it. */
  readonly committed: boolean
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [key: string, value: string | null])[]
}

export interface ListedProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: number
}

export interface ListedPartition {
  readonly topic: string
  readonly partition: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly lastStableOffset: number
  readonly leaderEpoch: number
  readonly producers: readonly ListedProducer[]
  /** Keys and values in base64. Of internal topics none are listed. */
  readonly records: ListedRecord[]
}

export interface ListedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

export interface ListedOffset {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

export interface Listing {
  readonly clusterId: string
  readonly topics: readonly ListedTopic[]
  readonly partitions: readonly ListedPartition[]
  readonly offsets: readonly ListedOffset[]
  /** A topic's own settings. */
  configsOf(topic: string): Readonly<Record<string, string>>
}

const golden = new URL('../../../test/golden/', import.meta.url)

/** Unpacks the data folder into `path`, which must be there. Needs tar. */
export async function unpackKafkaFolder(stop: KafkaStop, path: string): Promise<void> {
  const archive = new URL(`kafka-data-folder-${stop}.tar.gz`, golden).pathname
  await promisify(execFile)('tar', ['-xzf', archive, '-C', path])
}

export async function kafkaListing(stop: KafkaStop): Promise<Listing> {
  const text = gunzipSync(await readFile(new URL(`kafka-data-folder-${stop}.ndjson.gz`, golden))).toString(
    'utf8',
  )
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  const partitions: ListedPartition[] = []
  for (const line of lines) {
    if (line.type === 'partition') partitions.push({ ...line, records: [] })
    if (line.type === 'record') partitions.at(-1)!.records.push(line)
  }
  const topics: ListedTopic[] = lines.filter(({ type }) => type === 'topic')
  return {
    clusterId: lines.find(({ type }) => type === 'cluster').clusterId,
    topics,
    partitions,
    offsets: lines.filter(({ type }) => type === 'offset'),
    configsOf: (topic) => topics.find(({ name }) => name === topic)?.configs ?? {},
  }
}

type Plain = Pick<ListedRecord, 'offset' | 'timestamp' | 'key' | 'value' | 'headers'>

/** What a listed record and one that was read here have to have in common. */
export function listed({ offset, timestamp, key, value, headers }: ListedRecord): Plain {
  return { offset, timestamp, key, value, headers }
}

export function asListed({ offset, timestamp, key, value, headers }: LogRecord): Plain {
  return {
    offset,
    timestamp: Number(timestamp),
    key: base64(key),
    value: base64(value),
    headers: headers.map((header) => [header.key, base64(header.value)] as const),
  }
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}
