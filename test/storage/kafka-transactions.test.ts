/** A partition's log opened on what Kafka wrote, and its transactions. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { BrokerConfig } from '../../lib/config/index.js'
import type { CleanableLog } from '../../lib/log/cleanable-log.js'
import { files } from '../../lib/native/index.js'
import { decodeBatch, readBatches } from '../../lib/protocol/index.js'
import { LogCleaner } from '../../lib/storage/cleaner.js'
import { PartitionLog } from '../../lib/storage/index.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../lib/storage/producer-snapshot.js'
import { type KafkaStop, kafkaListing, unpackKafkaFolder } from '../support/kafka-data-folder.js'

const silent = pino({ level: 'silent' })

async function kafkaFolder(stop: KafkaStop) {
  const path = await mkdtemp(join(tmpdir(), 'odradek-kafka-'))
  await unpackKafkaFolder(stop, path)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

function open(folder: string, cleanShutdown: boolean, configs = {}): Promise<PartitionLog> {
  return PartitionLog.open({
    folder,
    topic: 'any',
    partition: 0,
    config: new BrokerConfig().topic(new Map(Object.entries(configs))),
    recoveryPoint: 0,
    logStartOffset: 0,
    cleanShutdown,
    log: silent,
  })
}

async function filesWith(folder: string, suffix: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const name of (await readdir(folder)).sort()) {
    if (!name.endsWith(suffix)) continue
    const bytes = await readFile(join(folder, name))
    if (bytes.byteLength > 0) files.set(name, bytes)
  }
  return files
}

/** The offsets of the records that a reader of committed ones keeps, read in pieces of a few batches. */
async function committedOffsets(log: PartitionLog): Promise<number[]> {
  const offsets: number[] = []
  const end = log.transactions.firstUnstableOffset ?? log.logEndOffset
  for (let offset = log.logStartOffset; offset < end; ) {
    const read = await log.readCommitted(offset, { maxBytes: 300, minOneBatch: true, maxOffset: end })
    const aborted = 'aborted' in read ? [...read.aborted] : []
    const before = offset
    const bytes = await log.native.readBytes(read.firstBatchOffset, {
      maxBytes: read.byteLength,
      minOneBatch: false,
      maxOffset: end,
    })
    read.range?.release()
    // As clients do (KIP-98): a producer's records are left out from the first offset of its aborted transaction to
    // its next marker.
    const inAborted = new Set<number>()
    for (const header of readBatches(bytes)) {
      const last = Number(header.baseOffset) + header.lastOffsetDelta
      while (aborted.length > 0 && aborted[0]!.firstOffset <= last) inAborted.add(aborted.shift()!.producerId)
      const producerId = Number(header.producerId)
      const { records } = await decodeBatch(header.batch, 0, 1 << 20)
      if (header.isControl) inAborted.delete(producerId)
      else if (!header.isTransactional || !inAborted.has(producerId)) {
        offsets.push(...records.map((record) => record.offset).filter((each) => each >= offset))
      }
      offset = last + 1
    }
    if (offset === before) throw new Error(`nothing could be read at ${offset}`)
  }
  return offsets
}

for (const stop of ['clean', 'killed'] as const) {
  test(`${stop}: a reader of committed records gets those that Kafka gives`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { partitions, configsOf } = await kafkaListing(stop)
    for (const { topic, partition, records, logStartOffset, lastStableOffset } of partitions) {
      if (records.length === 0) continue
      const path = join(folder.path, `${topic}-${partition}`)
      const log = await open(path, stop === 'clean', configsOf(topic))
      log.raiseLogStartOffset(logStartOffset)
      t.is(log.transactions.firstUnstableOffset ?? log.logEndOffset, lastStableOffset, topic)
      const expected = records.filter(({ committed }) => committed).map(({ offset }) => offset)
      t.deepEqual(await committedOffsets(log), expected, topic)
      await log.close()
    }
  })

  test(`${stop}: producers stand where Kafka has them`, async (t) => {
    await using folder = await kafkaFolder(stop)
    const { partitions, configsOf } = await kafkaListing(stop)
    for (const { topic, partition, producers } of partitions) {
      const path = join(folder.path, `${topic}-${partition}`)
      const log = await open(path, stop === 'clean', configsOf(topic))
      const found = log.producers.summaries().map((producer) => ({
        producerId: producer.producerId,
        producerEpoch: producer.producerEpoch,
        lastSequence: producer.lastSequence,
        lastTimestamp: producer.timestampMs,
        coordinatorEpoch: producer.coordinatorEpoch,
        currentTxnStartOffset: producer.currentTxnFirstOffset,
      }))
      // Kafka forgets a producer whose last record is older than a day, here sooner or later all of them.
      const known = new Set(producers.map(({ producerId }) => producerId))
      const remembered = found.filter(({ producerId }) => known.has(producerId))
      t.deepEqual(
        remembered.sort((a, b) => a.producerId - b.producerId),
        [...producers],
        topic,
      )
      await log.close()
    }
  })

  test(`${stop}: transaction indexes made from the log are Kafka’s to the byte`, async (t) => {
    await using folder = await kafkaFolder(stop)
    for (const name of ['transactions-0', 'plain-1']) {
      const path = join(folder.path, name)
      const kafkas = await filesWith(path, '.txnindex')
      t.true(kafkas.size > 0)
      for (const suffix of ['.txnindex', '.snapshot']) {
        for (const file of (await filesWith(path, suffix)).keys()) await rm(join(path, file))
      }
      const log = await open(path, true)
      t.deepEqual(await filesWith(path, '.txnindex'), kafkas)
      await log.close()
    }
  })
}

test('a transaction index that does not check out is made anew, with those behind it', async (t) => {
  await using folder = await kafkaFolder('killed')
  const path = join(folder.path, 'transactions-0')
  const kafkas = await filesWith(path, '.txnindex')
  const [first, second] = kafkas.keys()
  await truncate(join(path, first!), 40)
  await writeFile(join(path, second!), Buffer.alloc(34, 1))
  const log = await open(path, true)
  t.deepEqual(await filesWith(path, '.txnindex'), kafkas)
  await log.close()
})

test('entries of a tail that was cut go, and its transaction is open again', async (t) => {
  await using folder = await kafkaFolder('clean')
  const path = join(folder.path, 'transactions-0')
  const before = await open(path, true)
  const { end } = await lastMarker(before)
  await before.native.truncate(end)
  await before.native.close()
  const [producerId] = await openAt(path, end)
  t.truthy(producerId)
})

async function lastMarker(log: PartitionLog): Promise<{ end: number }> {
  const aborted = await log.transactions.aborted(log.logStartOffset, log.logEndOffset)
  return { end: Math.max(...aborted.map(({ lastOffset }) => lastOffset)) }
}

async function openAt(path: string, end: number): Promise<number[]> {
  const log = await open(path, false)
  try {
    const aborted = await log.transactions.aborted(log.logStartOffset, end)
    if (aborted.some(({ lastOffset }) => lastOffset >= end)) throw new Error('an entry of the tail is left')
    return log.transactions.open.map(({ producerId }) => producerId)
  } finally {
    await log.close()
  }
}

test('compaction takes what was aborted, and leaves what was committed', async (t) => {
  await using folder = await kafkaFolder('clean')
  const { partitions } = await kafkaListing('clean')
  // Every record of it has a key of its own there.
  const { records } = partitions.find(({ topic }) => topic === 'transactions')!
  const log = await open(join(folder.path, 'transactions-0'), true, { 'cleanup.policy': 'compact' })
  await log.roll()
  const cleaner = await LogCleaner.open({
    dataDir: folder.path,
    files,
    settings: { backoffMs: 1000, dedupeBufferSize: 1 << 20, ioMaxBytesPerSecond: Number.POSITIVE_INFINITY },
    logs: () => [cleanable(log)],
    log: silent,
  })
  await cleaner.cleanOne()
  t.deepEqual(cleaner.uncleanable, [])
  t.is((await filesWith(log.folder, '.txnindex')).size, 0)
  const committed = records.filter((record) => record.committed).map(({ offset }) => offset)
  t.deepEqual(await committedOffsets(log), committed)
  const uncommitted = await log.native.readBytes(0, {
    maxBytes: 1 << 20,
    minOneBatch: true,
    maxOffset: log.logEndOffset,
  })
  const left: number[] = []
  for (const { batch, isControl } of readBatches(uncommitted)) {
    if (!isControl) left.push(...(await decodeBatch(batch, 0, 1 << 20)).records.map(({ offset }) => offset))
  }
  t.deepEqual(left, committed)
  await log.close()
})

function cleanable(log: PartitionLog): CleanableLog {
  return {
    topic: 'transactions',
    partition: 0,
    config: { ...log.config, minCleanableDirtyRatio: 0 },
    isFailed: false,
    logStartOffset: log.logStartOffset,
    highWatermark: log.logEndOffset,
    lastStableOffset: log.logEndOffset,
    native: log.native,
    activeProducers: () => log.producers.summaries(),
    abortedTransactions: (from, end) => log.transactions.aborted(from, end),
  }
}

test('Kafka’s snapshots of producers are written as Kafka wrote them', async (t) => {
  await using folder = await kafkaFolder('killed')
  let snapshots = 0
  for (const name of await readdir(folder.path)) {
    if (!/^[a-z].*-\d+$/.test(name)) continue
    for (const [file, bytes] of await filesWith(join(folder.path, name), '.snapshot')) {
      const producers = decodeProducerSnapshot(bytes)!
      // Behind Kafka's entries stands how many batches are remembered beyond them, here none; the CRC covers it.
      const written = Buffer.from(encodeProducerSnapshot(producers))
      t.deepEqual(written.subarray(6, bytes.byteLength), bytes.subarray(6), `${name}/${file}`)
      snapshots++
    }
  }
  t.true(snapshots > 20)
})
