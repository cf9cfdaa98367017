/**
 * Producers write while partitions are moved, cancelled and moved elsewhere, brokers stop and start, the controller
 * among them, and the metadata store answers some writes late or not at all, all from a seed. Then every replica is
 * read: nothing acknowledged is lost, duplicated or out of order, and all replicas are alike.
 */
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { MetadataOutcomeUnknownError, type MetadataStore } from '../../lib/cluster/index.js'
import { Brokers, until } from '../support/brokers.js'
import { Random } from '../support/random.js'
import { fetch, recordsIn } from '../support/records.js'
import { ClusterWriter } from './cluster-writer.js'

const topic = 'orders'
const ids = [1, 2, 3, 4]
const indexes = [0, 1, 2]
const steps = 30

/** A store that at times does not tell whether partitions were written. */
function doubtful(store: MetadataStore, random: Random): MetadataStore {
  return {
    ...store,
    txn: async (txn) => {
      const isOfPartitions = txn.puts?.every(({ key }) => key.startsWith('partitions/')) ?? false
      if (!isOfPartitions || !random.chance(0.2)) return store.txn(txn)
      if (random.chance(0.5)) await store.txn(txn)
      throw new MetadataOutcomeUnknownError('the store does not answer')
    },
  }
}

/** From two to four brokers, in any order. */
function someReplicas(random: Random): number[] {
  const rest = [...ids]
  const chosen: number[] = []
  const count = 2 + random.below(3)
  while (chosen.length < count) chosen.push(...rest.splice(random.below(rest.length), 1))
  return chosen
}

async function alter(brokers: Brokers, partitionIndex: number, replicas: number[] | null): Promise<void> {
  const partitions = [{ partitionIndex, replicas }]
  await brokers
    .client(brokers.ids[0]!)
    .send('AlterPartitionReassignments', { timeoutMs: 0, topics: [{ name: topic, partitions }] })
}

async function readLog(brokers: Brokers, id: number, partition: number, atLeast: number): Promise<string[]> {
  const log: string[] = []
  await until(async () => {
    const answer = await fetch(brokers.client(id), topic, log.length, { partition })
    if (answer.errorCode !== 0) return false
    for (const { offset, value } of await recordsIn(answer.records))
      log[offset] = Buffer.from(value!).toString()
    return log.length >= Math.max(atLeast, Number(answer.highWatermark))
  })
  return log
}

test('nothing acknowledged is lost while partitions move, whatever stops', async (t) => {
  const random = new Random()
  t.log(`SEED=${random.seed}`)
  await using brokers = await Brokers.start({
    ids,
    properties: { 'replica.fetch.wait.max.ms': '100' },
    storeOf: (_, store) => doubtful(store, random),
    hasController: true,
  })
  await brokers.createTopic(
    topic,
    [
      [1, 2],
      [2, 3],
      [3, 4],
    ],
    { 'min.insync.replicas': '2' },
  )
  const writers = indexes.map((partition) => new ClusterWriter(brokers, topic, partition, 100 + partition))
  let isOver = false
  const writing = writers.map((writer) => writer.write(() => isOver))

  for (let step = 0; step < steps; step++) {
    const partition = random.pick(indexes)
    const id = random.pick(ids)
    if (random.chance(0.5)) await alter(brokers, partition, someReplicas(random))
    else if (random.chance(0.3)) await alter(brokers, partition, null)
    else if (!brokers.isRunning(id)) await brokers.start(id)
    else if (brokers.ids.length === ids.length) await brokers.stop(id)
    await delay(random.below(60))
  }
  for (const id of ids) if (!brokers.isRunning(id)) await brokers.start(id)
  for (const partition of indexes) {
    await until(async () => {
      const { addingReplicas, removingReplicas, replicas, isr } = await brokers.partition(topic, partition)
      return !addingReplicas && !removingReplicas && isr.length === replicas.length
    })
  }
  isOver = true
  await Promise.all(writing)

  for (const partition of indexes) {
    const { acknowledged } = writers[partition]!
    const { replicas } = await brokers.partition(topic, partition)
    for (const id of replicas) {
      await brokers.elect(topic, id, undefined, partition)
      const log = await readLog(brokers, id, partition, acknowledged.length)
      t.deepEqual(
        acknowledged.filter(({ value, offset }) => log[offset] !== value),
        [],
        `acknowledged and lost at ${id}`,
      )
      t.deepEqual(
        log.map((value) => Number(value.split(':')[1])),
        log.map((_, index) => index),
        `order and duplicates at ${id}`,
      )
    }
  }
  t.log(`${writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)} records acknowledged`)
})
