/** A topic of one partition as a client, and its broker's data folder, show it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeBatch, readBatches } from '../../lib/protocol/index.js'
import { fetch } from './records.js'
import type { TestClient } from './test-client.js'

export interface SeenBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly compression: string
  readonly maxTimestamp: number
  readonly hasDeleteHorizon: boolean
  readonly recordCount: number
}

export interface SeenRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  /** Base64. */
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

export interface TopicView {
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly batches: readonly SeenBatch[]
  readonly records: readonly SeenRecord[]
}

/** Reads a partition from its start to its end. */
export async function viewTopic(client: TestClient, topic: string): Promise<TopicView> {
  const logStartOffset = await listOffset(client, topic, -2)
  const logEndOffset = await listOffset(client, topic, -1)
  const batches: SeenBatch[] = []
  const records: SeenRecord[] = []
  for (let offset = logStartOffset; offset < logEndOffset; ) {
    const answer = await fetch(client, topic, offset)
    if (answer.errorCode !== 0) throw new Error(`${topic} at ${offset}: error ${answer.errorCode}`)
    const page = await readPage(answer.records as Uint8Array, batches, records, offset)
    if (page === offset)
      throw new Error(`${topic} shows nothing at ${offset}, and its end is ${logEndOffset}`)
    offset = page
  }
  return { logStartOffset, logEndOffset, batches, records }
}

async function readPage(
  bytes: Uint8Array,
  batches: SeenBatch[],
  records: SeenRecord[],
  from: number,
): Promise<number> {
  let next = from
  for (const { start } of readBatches(bytes)) {
    const batch = await decodeBatch(bytes, start, 1 << 26).catch((error) => {
      throw new Error(`the batch behind ${next} cannot be read`, { cause: error })
    })
    const { header } = batch
    const lastOffset = Number(header.baseOffset) + header.lastOffsetDelta
    next = lastOffset + 1
    batches.push({
      baseOffset: Number(header.baseOffset),
      lastOffset,
      producerId: Number(header.producerId),
      producerEpoch: header.producerEpoch,
      baseSequence: header.baseSequence,
      compression: header.compression,
      maxTimestamp: Number(header.maxTimestamp),
      hasDeleteHorizon: (header.attributes & 0x40) !== 0,
      recordCount: header.recordCount,
    })
    for (const { offset, timestamp, key, value, headers } of batch.records) {
      records.push({
        offset,
        timestamp: Number(timestamp),
        key: key && Buffer.from(key).toString(),
        value: value && Buffer.from(value).toString('base64'),
        headers: headers.map((one) => [one.key, one.value && Buffer.from(one.value).toString('base64')]),
      })
    }
  }
  return next
}

/** `timestamp` −2 asks for the log start offset, −1 for the end. */
export async function listOffset(client: TestClient, topic: string, timestamp: number): Promise<number> {
  return (await lookUp(client, topic, timestamp)).offset
}

/** The first record that is not older; −3 asks for the youngest. */
export async function lookUp(
  client: TestClient,
  topic: string,
  timestamp: number,
): Promise<{ offset: number; timestamp: number }> {
  const partitions = [{ partitionIndex: 0, timestamp }]
  const { topics } = await client.send('ListOffsets', {
    replicaId: -1,
    topics: [{ name: topic, partitions }],
  })
  const { errorCode, ...found } = topics[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`${topic}: error ${errorCode}`)
  return { offset: Number(found.offset), timestamp: Number(found.timestamp) }
}

/** Base offset of the first batch that a fetch from `offset` brings. */
export async function firstFetched(client: TestClient, topic: string, offset: number): Promise<number> {
  const { errorCode, records } = await fetch(client, topic, offset, { maxBytes: 1 })
  if (errorCode !== 0) throw new Error(`${topic} at ${offset}: error ${errorCode}`)
  for (const { baseOffset } of readBatches(records as Uint8Array)) return Number(baseOffset)
  return -1
}

/** Base offsets of the partition's segments. */
export async function segmentsOf(dataDir: string, topic: string): Promise<number[]> {
  const names = await readdir(join(dataDir, `${topic}-0`))
  return names
    .filter((name) => name.endsWith('.log'))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
}

/** Up to where the partition was cleaned, by the cleaner's checkpoint file; undefined when it never was. */
export async function cleanedUpTo(dataDir: string, topic: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'cleaner-offset-checkpoint'), 'utf8').catch(() => '')
  const entry = text.split('\n').find((line) => line.startsWith(`${topic} 0 `))
  return entry === undefined ? undefined : Number(entry.split(' ')[2])
}

export async function alterTopic(
  client: TestClient,
  topic: string,
  configs: Record<string, string>,
): Promise<void> {
  const entries = Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: 0 }))
  const { responses } = await client.send('IncrementalAlterConfigs', {
    resources: [{ resourceType: 2, resourceName: topic, configs: entries }],
  })
  const { errorCode, errorMessage } = responses[0]!
  if (errorCode !== 0) throw new Error(`${topic}: error ${errorCode}, ${errorMessage}`)
}
