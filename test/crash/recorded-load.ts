/**
 * A process that runs a broker on the recording file layer and everything that clients can ask to be kept: records
 * of idempotent producers, keyed records that are compacted, group offsets, topics created and deleted, settings.
 * The broker is stopped cleanly and started again in the middle of it.
 *
 * node recorded-load.js JOURNAL DATA_FOLDER RUN_MS [leave-out-syncs]
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Broker, createBroker } from '../../lib/index.js'
import { recordFiles } from '../../lib/native/file-recording.js'
import { encodeBatch } from '../../lib/protocol/index.js'
import { IdempotentWriter, WriteRefusedError } from '../support/idempotent-writer.js'
import { createTopic, produce } from '../support/records.js'
import { TestClient } from '../support/test-client.js'
import { cleanedUpTo } from '../support/topic-view.js'
import { acknowledge } from './acknowledgements.js'

/** Everything that happens now and then happens often. */
export const busyProperties = {
  'offsets.topic.num.partitions': '2',
  'offsets.topic.segment.bytes': '1048576',
  'log.initial.task.delay.ms': '20',
  'log.flush.offset.checkpoint.interval.ms': '70',
  'log.flush.start.offset.checkpoint.interval.ms': '90',
  'replica.high.watermark.checkpoint.interval.ms': '110',
  'log.retention.check.interval.ms': '50',
  'log.cleaner.backoff.ms': '40',
}

const topics: Record<string, { partitions: number; configs: Record<string, string> }> = {
  orders: { partitions: 3, configs: { 'internal.segment.bytes': '6000', 'index.interval.bytes': '300' } },
  short: { partitions: 1, configs: { 'internal.segment.bytes': '3000', 'retention.bytes': '9000' } },
  states: {
    partitions: 1,
    configs: {
      'cleanup.policy': 'compact',
      'internal.segment.bytes': '3000',
      'min.cleanable.dirty.ratio': '0.01',
    },
  },
}
const keys = 20
/** Rounds of each kind of request before the broker is stopped, on however slow a machine. */
const roundsAtLeast = 10
const groups = ['billing', 'shipping']

class Load {
  #isOver = false
  readonly #writers = ['orders', 'short'].flatMap((topic) =>
    Array.from({ length: topics[topic]!.partitions }, (_, partition) => {
      const writer = new IdempotentWriter(topic, partition)
      writer.onAcknowledged = () =>
        acknowledge({
          what: 'written',
          topic,
          partition,
          count: writer.acknowledged.length,
          producerId: writer.producerId,
        })
      return writer
    }),
  )
  #version = 0
  #offset = 0
  #topic = 0
  #retentionMs = 1_000_000_000

  async createTopics(bootstrap: string): Promise<void> {
    using client = await TestClient.connect(bootstrap)
    for (const [topic, { partitions, configs }] of Object.entries(topics)) {
      await createTopic(client, topic, partitions, configs)
      acknowledge({ what: 'created', topic, partitions })
    }
    // Who looks for the coordinator of a group makes the topic that its offsets go to.
    await client.send('FindCoordinator', { keyType: 0, coordinatorKeys: groups })
  }

  /** Everything at the same time, until the broker goes: after `ms` and not before everything was asked for. */
  async run(broker: Broker, ms: number): Promise<void> {
    this.#isOver = false
    const { bootstrap } = broker
    const enough: Promise<void>[] = []
    const repeat = (pauseMs: number, work: (client: TestClient) => Promise<void>) => {
      let done!: Promise<void>
      enough.push(
        new Promise((reached) => {
          done = this.#repeat(bootstrap, pauseMs, work, reached).finally(reached)
        }),
      )
      return done
    }
    const work = [
      ...this.#writers.map((writer) => writer.write(bootstrap, () => this.#isOver, { pauseMs: 2 })),
      repeat(5, (client) => this.#setStates(client)),
      repeat(8, (client) => this.#commit(client)),
      repeat(60, (client) => this.#createAndDelete(client)),
      repeat(40, (client) => this.#configure(client)),
      repeat(100, (client) => this.#initProducerId(client)),
      repeat(30, (client) => this.#deleteRecords(client)),
    ]
    const outcomes = Promise.allSettled(work)
    // A load that is over by itself waits for nothing more.
    const isCut = Promise.race(
      work.map((each) =>
        each.then(
          () => {},
          () => {},
        ),
      ),
    )
    await Promise.race([Promise.all([delay(ms), this.#worked(broker.dataDir), ...enough]), isCut])
    // In the middle of everything: clients see their connections close.
    await broker.close()
    this.#isOver = true
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected' && outcome.reason instanceof WriteRefusedError) throw outcome.reason
    }
  }

  /** Resolves when the broker has done in the background what power may be cut in. */
  async #worked(dataDir: string): Promise<void> {
    const names = (folder: string) => readdir(join(dataDir, folder)).catch(() => [] as string[])
    const isDone = async () => {
      const orders = await names('orders-0')
      const [firstOfShort] = (await names('short-0')).filter((name) => name.endsWith('.log')).sort()
      return (
        orders.filter((name) => name.endsWith('.log')).length > 1 &&
        orders.some((name) => name.endsWith('.snapshot')) &&
        Number.parseInt(firstOfShort ?? '0', 10) > 0 &&
        (await names('.')).includes('recovery-point-offset-checkpoint') &&
        (await cleanedUpTo(dataDir, 'states')) !== undefined
      )
    }
    while (!(await isDone())) await delay(20)
  }

  async #repeat(
    bootstrap: string,
    pauseMs: number,
    work: (client: TestClient) => Promise<void>,
    reached: () => void,
  ): Promise<void> {
    using client = await TestClient.connect(bootstrap)
    for (let round = 1; !this.#isOver; round++) {
      await work(client)
      if (round === roundsAtLeast) reached()
      await delay(pauseMs)
    }
  }

  async #setStates(client: TestClient): Promise<void> {
    const version = this.#version++
    const key = `k${version % keys}`
    const batch = encodeBatch({
      records: [{ timestamp: Date.now(), key: Buffer.from(key), value: Buffer.from(String(version)) }],
    })
    const { errorCode, errorMessage } = await produce(client, 'states', batch)
    if (errorCode !== 0) throw new WriteRefusedError(`states: ${errorCode} ${errorMessage}`)
    acknowledge({ what: 'set', topic: 'states', key, version })
  }

  async #commit(client: TestClient): Promise<void> {
    const offset = ++this.#offset
    const group = groups[offset % groups.length]!
    const response = await client.send(
      'OffsetCommit',
      {
        groupId: group,
        topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: offset }] }],
      },
      9,
    )
    // Right after the start the group may not be loaded yet.
    if (response.topics[0]!.partitions[0]!.errorCode !== 0) return this.#commit(client)
    acknowledge({ what: 'committed', group, topic: 'orders', offset })
  }

  async #createAndDelete(client: TestClient): Promise<void> {
    const topic = `passing-${this.#topic++}`
    await createTopic(client, topic, 2)
    acknowledge({ what: 'created', topic, partitions: 2 })
    if (this.#topic % 2 === 0) return this.#enlarge(client, topic)
    acknowledge({ what: 'deleting', topic })
    const { responses } = await client.send('DeleteTopics', { topics: [{ name: topic }] })
    if (responses[0]!.errorCode === 0) acknowledge({ what: 'deleted', topic })
  }

  async #enlarge(client: TestClient, topic: string): Promise<void> {
    const partitions = 4
    const { results } = await client.send('CreatePartitions', {
      topics: [{ name: topic, count: partitions }],
    })
    if (results[0]!.errorCode === 0) acknowledge({ what: 'created', topic, partitions })
  }

  /** The first half of what one writer was told is safe. */
  async #deleteRecords(client: TestClient): Promise<void> {
    const topic = 'orders'
    const partition = 2
    const offset = Math.floor(this.#writers[partition]!.acknowledged.length / 2)
    const { topics } = await client.send('DeleteRecords', {
      topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
      timeoutMs: 30_000,
    })
    if (topics[0]!.partitions[0]!.errorCode === 0) acknowledge({ what: 'trimmed', topic, partition, offset })
  }

  async #configure(client: TestClient): Promise<void> {
    const retentionMs = this.#retentionMs++
    const configs = [{ name: 'retention.ms', configOperation: 0, value: String(retentionMs) }]
    const { responses } = await client.send('IncrementalAlterConfigs', {
      resources: [{ resourceType: 2, resourceName: 'orders', configs }],
    })
    if (responses[0]!.errorCode === 0) acknowledge({ what: 'configured', topic: 'orders', retentionMs })
  }

  async #initProducerId(client: TestClient): Promise<void> {
    const { producerId } = await client.send('InitProducerId', { transactionalId: null })
    acknowledge({ what: 'producerId', producerId: Number(producerId) })
  }
}

async function main([journal, dataDir, runMs, syncs]: string[]): Promise<void> {
  recordFiles(journal!, dataDir!, { leaveOutSyncs: syncs === 'leave-out-syncs' })
  const load = new Load()
  for (let life = 0; life < 2; life++) {
    const broker = await createBroker({ port: 0, dataDir: dataDir!, properties: busyProperties })
    if (life === 0) await load.createTopics(broker.bootstrap)
    await load.run(broker, Number(runMs))
  }
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
