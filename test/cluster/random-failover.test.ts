/**
 * Producers write while brokers stop and start, leaders move, and the metadata store answers some writes late or not
 * at all, all from a seed. Then a checker looks for what was lost, duplicated, put out of order, read and then gone,
 * or is another at another replica.
 */
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { MetadataStore } from '../../lib/cluster/index.js'
import { Brokers, until } from '../support/brokers.js'
import { Random } from '../support/random.js'
import { fetch, recordsIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'
import { ClusterWriter } from './cluster-writer.js'

const topic = 'orders'
const partitions = 3
const steps = 24

/** A store that at times does not tell a leader whether its ISR was written. */
function doubtful(store: MetadataStore, random: Random): MetadataStore {
  return {
    maxTxnOperations: store.maxTxnOperations,
    get: (key) => store.get(key),
    range: (prefix) => store.range(prefix),
    watch: (...args) => store.watch(...args),
    close: () => store.close(),
    txn: async (txn) => {
      const changesIsr = txn.puts?.every(({ key }) => key.startsWith('partitions/')) ?? false
      if (!changesIsr || !random.chance(0.3)) return store.txn(txn)
      if (random.chance(0.5)) await store.txn(txn)
      throw new Error('the store does not answer')
    },
  }
}

/** What a reader has seen of a partition: values by offset. Whatever is read twice must be the same. */
class Reader {
  readonly seen: string[] = []
  readonly faults: string[] = []

  note(offset: number, value: string): void {
    const before = this.seen[offset]
    if (before !== undefined && before !== value) this.faults.push(`${offset} was ${before}, is ${value}`)
    this.seen[offset] = value
  }
}

async function readAll(client: TestClient, partition: number, note: (offset: number, value: string) => void) {
  for (let offset = 0; ; ) {
    const { errorCode, highWatermark, records } = await fetch(client, topic, offset, { partition })
    if (errorCode !== 0) return errorCode
    const found = await recordsIn(records)
    for (const record of found) note(record.offset, Buffer.from(record.value!).toString())
    if (found.length === 0) return offset >= Number(highWatermark) ? 0 : -1
    offset = found.at(-1)!.offset + 1
  }
}

test('nothing acknowledged is lost, whatever stops and moves', async (t) => {
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  await using brokers = await Brokers.start({
    properties: { 'replica.lag.time.max.ms': '1000', 'replica.fetch.wait.max.ms': '100' },
    storeOf: (_, store) => doubtful(store, random),
  })
  const assignments = [0, 1, 2].map((first) => [0, 1, 2].map((next) => 1 + ((first + next) % 3)))
  await brokers.createTopic(topic, assignments, { 'min.insync.replicas': '2', 'segment.bytes': '1048576' })
  const indexes = Array.from({ length: partitions }, (_, index) => index)
  const writers = indexes.map((partition) => new ClusterWriter(brokers, topic, partition, 100 + partition))
  const readers = indexes.map(() => new Reader())
  let isOver = false
  const writing = writers.map((writer) => writer.write(() => isOver))
  const reading = indexes.map(async (partition) => {
    while (!isOver) {
      const { leader } = await brokers.partition(topic, partition)
      if (brokers.isRunning(leader)) {
        const client = await TestClient.connect(brokers.bootstrap(leader)).catch(() => undefined)
        const reader = readers[partition]!
        await (client && readAll(client, partition, (at, value) => reader.note(at, value)).catch(() => {}))
        client?.[Symbol.dispose]()
      }
      await delay(20)
    }
  })

  for (let step = 0; step < steps; step++) {
    const id = 1 + random.below(3)
    if (random.chance(0.4)) {
      const partition = random.below(partitions)
      const { isr } = await brokers.partition(topic, partition)
      const running = isr.filter((member) => brokers.isRunning(member))
      if (running.length > 0) await brokers.elect(topic, random.pick(running), undefined, partition)
    } else if (!brokers.isRunning(id)) await brokers.start(id)
    else if (brokers.ids.length === 3) await stop(brokers, id, random)
    await delay(random.below(80))
  }
  for (const id of [1, 2, 3]) if (!brokers.isRunning(id)) await brokers.start(id)
  for (const partition of indexes) await brokers.untilInSync(topic, [1, 2, 3], partition)
  isOver = true
  await Promise.all([...writing, ...reading])

  for (const partition of indexes) {
    const { acknowledged } = writers[partition]!
    const logs: string[][] = []
    for (const id of [1, 2, 3]) {
      await brokers.elect(topic, id, undefined, partition)
      const log: string[] = []
      await until(async () => {
        log.length = 0
        const code = await readAll(brokers.client(id), partition, (offset, value) => {
          log[offset] = value
        })
        return code === 0 && log.length >= acknowledged.length
      })
      logs.push(log)
    }
    const [log] = logs as [string[]]
    t.deepEqual(logs[1], log, 'replicas 1 and 2')
    t.deepEqual(logs[2], log, 'replicas 1 and 3')
    t.deepEqual(readers[partition]!.faults, [])
    const gone = readers[partition]!.seen.flatMap((value, at) =>
      log[at] === value ? [] : [`${at}: ${value}`],
    )
    t.deepEqual(gone, [], 'read and then gone')
    const lost = acknowledged.filter(({ value, offset }) => log[offset] !== value)
    t.deepEqual(lost, [], 'acknowledged and lost')
    t.is(new Set(log).size, log.length, 'duplicates')
    const sequences = log.map((value) => Number(value.split(':')[1]))
    t.deepEqual(
      sequences,
      sequences.map((_, index) => index),
      'order',
    )
  }
  t.log(`${writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)} records acknowledged`)
})

/** Stops a broker; what it led goes to another member of the ISR, as a controller would have it. */
async function stop(brokers: Brokers, id: number, random: Random): Promise<void> {
  await brokers.stop(id)
  for (let partition = 0; partition < partitions; partition++) {
    const { leader, isr } = await brokers.partition(topic, partition)
    if (leader !== id) continue
    const heirs = isr.filter((member) => member !== id && brokers.isRunning(member))
    if (heirs.length > 0)
      await brokers.elect(
        topic,
        random.pick(heirs),
        isr.filter((member) => member !== id),
        partition,
      )
  }
}
