/** Batches to produce, and what is in a fetched run of them. */
import { decodeBatch, encodeBatch, type LogRecord, readBatches } from '../../lib/protocol/index.js'
import type { TestClient } from './test-client.js'

export interface IdempotentFields {
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
}

export function batchOf(values: readonly string[], fields: IdempotentFields = {}): Uint8Array {
  const timestamp = Date.now()
  const records = values.map((value) => ({ timestamp, key: null, value: Buffer.from(value) }))
  return encodeBatch({ records, ...fields })
}

export async function recordsIn(bytes: Uint8Array | null): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  if (bytes === null) return records
  for (const { start } of readBatches(bytes)) {
    records.push(...(await decodeBatch(bytes, start, 1 << 24)).records)
  }
  return records
}

export async function valuesIn(bytes: Uint8Array | null): Promise<string[]> {
  return (await recordsIn(bytes)).map(({ value }) => Buffer.from(value!).toString())
}

/** Produces one batch and gives the partition's answer. */
export async function produce(
  client: TestClient,
  topic: string,
  records: Uint8Array | null,
  { partition = 0, acks = -1 } = {},
) {
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
  const { responses } = await client.send('Produce', { acks, timeoutMs: 120_000, topicData }, 12)
  return responses[0]!.partitionResponses[0]!
}

/** Fetches one partition by its topic's name and gives the partition's answer. */
export async function fetch(
  client: TestClient,
  topic: string,
  fetchOffset: number,
  { partition = 0, maxBytes = 1 << 20, minBytes = 1, maxWaitMs = 0, isolationLevel = 0 } = {},
) {
  const topics = [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: maxBytes }] }]
  const { responses } = await client.send(
    'Fetch',
    { maxWaitMs, minBytes, maxBytes: 1 << 20, isolationLevel, sessionEpoch: -1, topics },
    12,
  )
  return responses[0]!.partitions[0]!
}

export async function createTopic(
  client: TestClient,
  name: string,
  numPartitions = 1,
  configs: Record<string, string> = {},
): Promise<string> {
  const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  const { topics } = await client.send('CreateTopics', {
    topics: [{ name, numPartitions, replicationFactor: 1, configs: entries }],
  })
  if (topics[0]!.errorCode !== 0) throw new Error(`${name}: ${topics[0]!.errorMessage}`)
  return topics[0]!.topicId
}
