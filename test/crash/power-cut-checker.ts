/** Starts a broker on what a power cut left, and looks for everything that was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { createBroker } from '../../lib/index.js'
import type { LogRecord } from '../../lib/protocol/index.js'
import { IdempotentWriter } from '../support/idempotent-writer.js'
import { fetch, recordsIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'
import type { Acknowledged } from './acknowledgements.js'

/** More than a writer has in flight: what it resends covers all that it was not told. */
const batchesAfterwards = 7

export class PowerCutChecker {
  /** What was acknowledged and is not there, or is there and should not be. */
  readonly losses: string[] = []
  /** Records that were read and compared. */
  recordsChecked = 0
  readonly #acknowledged: Acknowledged

  constructor(acknowledged: Acknowledged) {
    this.#acknowledged = acknowledged
  }

  /** Starts a broker on the folder, and looks at it as a client. */
  async check(dataDir: string, properties: Readonly<Record<string, string>>): Promise<void> {
    try {
      await using broker = await createBroker({
        port: 0,
        dataDir,
        properties,
        log: pino({ level: 'silent' }),
      })
      using client = await TestClient.connect(broker.bootstrap)
      await this.#checkTopics(client)
      await this.#checkRetention(client)
      await this.#checkLogStarts(client)
      await this.#checkOffsets(client)
      await this.#checkProducerIds(client)
      for (const topic of this.#acknowledged.versions.keys()) await this.#checkVersions(client, topic)
      for (const written of this.#acknowledged.written.values()) {
        const { topic, partition, count, producerId } = written
        await this.#checkValues(client, topic, partition, count)
        const writer = IdempotentWriter.resume(topic, partition, producerId, count)
        let batches = 0
        await writer.write(broker.bootstrap, () => batches++ === batchesAfterwards)
        await this.#checkValues(client, topic, partition, writer.acknowledged.length, true)
      }
    } catch (error) {
      this.losses.push(`it does not serve: ${(error as Error).stack}`)
    }
  }

  async #checkTopics(client: TestClient): Promise<void> {
    const { topics } = await client.send('Metadata', { topics: null })
    const there = new Map(topics.map(({ name, partitions }) => [name!, partitions.length]))
    for (const [topic, partitions] of this.#acknowledged.topics) {
      if (!(there.get(topic)! >= partitions)) this.losses.push(`${topic} has ${there.get(topic)} partitions`)
    }
    for (const topic of this.#acknowledged.deleted) {
      if (there.has(topic)) this.losses.push(`${topic} was deleted and is there`)
    }
  }

  async #checkRetention(client: TestClient): Promise<void> {
    for (const [topic, atLeast] of this.#acknowledged.retentionMs) {
      const { results } = await client.send('DescribeConfigs', {
        resources: [{ resourceType: 2, resourceName: topic, configurationKeys: ['retention.ms'] }],
      })
      const value = results[0]!.configs[0]?.value
      if (!(Number(value) >= atLeast))
        this.losses.push(`retention.ms of ${topic} is ${value}, not ${atLeast}`)
    }
  }

  async #checkLogStarts(client: TestClient): Promise<void> {
    for (const { topic, partition, offset } of this.#acknowledged.trimmed.values()) {
      const start = await logStart(client, topic, partition)
      if (start < offset) this.losses.push(`${topic}-${partition} starts at ${start}, not at ${offset}`)
    }
  }

  async #checkOffsets(client: TestClient): Promise<void> {
    for (const [group, { topic, offset }] of this.#acknowledged.committed) {
      const committed = await committedOffset(client, group, topic)
      if (!(committed >= offset)) this.losses.push(`${group} is at ${committed}, not at ${offset}`)
    }
  }

  async #checkProducerIds(client: TestClient): Promise<void> {
    const { producerId } = await client.send('InitProducerId', { transactionalId: null })
    if (this.#acknowledged.producerIds.has(Number(producerId))) {
      this.losses.push(`producer id ${producerId} is given a second time`)
    }
  }

  /** Each key's newest version at least, and versions in their order. */
  async #checkVersions(client: TestClient, topic: string): Promise<void> {
    const newest = new Map<string, number>()
    let previous = -1
    for (const { offset, key, value } of await this.#read(client, topic, 0)) {
      const version = Number(Buffer.from(value!).toString())
      if (version <= previous) this.losses.push(`${topic}@${offset} has version ${version} after ${previous}`)
      previous = version
      newest.set(Buffer.from(key!).toString(), version)
    }
    for (const [key, version] of this.#acknowledged.versions.get(topic)!) {
      if (!(newest.get(key)! >= version)) {
        this.losses.push(`${topic}: ${key} has version ${newest.get(key)}, not ${version}`)
      }
    }
  }

  /** The writer's values in their order, each at the offset of its number; all of them where `isAll`. */
  async #checkValues(
    client: TestClient,
    topic: string,
    partition: number,
    count: number,
    isAll = false,
  ): Promise<void> {
    const name = `${topic}-${partition}`
    const records = await this.#read(client, topic, partition)
    let expected = records[0]?.offset ?? 0
    for (const { offset, value } of records) {
      const text = Buffer.from(value!).toString()
      if (offset !== expected || text !== `${partition}:${expected}`) {
        this.losses.push(
          `${name}@${offset} is ${text} where ${expected} is due${isAll ? ', once resent' : ''}`,
        )
        return
      }
      expected++
    }
    const isShort = isAll ? expected !== count : expected < count
    if (isShort)
      this.losses.push(
        `${name} ends at ${expected}, ${count} were acknowledged${isAll ? ', once resent' : ''}`,
      )
  }

  /** From the log start to the high watermark. */
  async #read(client: TestClient, topic: string, partition: number): Promise<LogRecord[]> {
    const all: LogRecord[] = []
    for (let offset = await logStart(client, topic, partition); ; ) {
      const { records, errorCode, highWatermark } = await fetch(client, topic, offset, { partition })
      // Retention moves the start while this reads.
      if (errorCode === OFFSET_OUT_OF_RANGE) return this.#read(client, topic, partition)
      if (errorCode !== 0) throw new Error(`fetch of ${topic}-${partition}@${offset}: error ${errorCode}`)
      const page = (await recordsIn(records)).filter((record) => record.offset >= offset)
      all.push(...page)
      this.recordsChecked += page.length
      offset = (page.at(-1)?.offset ?? Number(highWatermark) - 1) + 1
      if (offset >= Number(highWatermark)) return all
    }
  }
}

const OFFSET_OUT_OF_RANGE = 1
const COORDINATOR_LOAD_IN_PROGRESS = 14

async function logStart(client: TestClient, topic: string, partition: number): Promise<number> {
  const earliest = -2
  const { topics } = await client.send('ListOffsets', {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: earliest }] }],
  })
  const { errorCode, offset } = topics[0]!.partitions[0]!
  if (errorCode !== 0) throw new Error(`start of ${topic}-${partition}: error ${errorCode}`)
  return Number(offset)
}

async function committedOffset(client: TestClient, group: string, topic: string): Promise<number> {
  for (;;) {
    const { groups } = await client.send(
      'OffsetFetch',
      { groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }] },
      8,
    )
    const { errorCode, topics } = groups[0]!
    if (errorCode === 0) return Number(topics[0]!.partitions[0]!.committedOffset)
    if (errorCode !== COORDINATOR_LOAD_IN_PROGRESS) throw new Error(`offsets of ${group}: error ${errorCode}`)
    await delay(2)
  }
}
