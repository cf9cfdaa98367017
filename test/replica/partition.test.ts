/** A partition as its leader, on a real log, with a lease that the test ends. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { pino } from 'pino'
import { BrokerConfig } from '../../lib/config/index.js'
import { encodeBatch } from '../../lib/protocol/index.js'
import type { LeaderEnvironment } from '../../lib/replica/leadership.js'
import { Partition } from '../../lib/replica/partition.js'
import { PartitionLog } from '../../lib/storage/index.js'
import { batchOf } from '../support/records.js'

const request = { acks: -1, allowsZstd: true, allowsInternalTopics: false }
const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'

/** The only replica, or with a follower in the ISR that has not fetched yet. */
async function lead(t: ExecutionContext, { isInternal = false, hasFollower = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'odradek-partition-'))
  const config = new BrokerConfig().topic(new Map())
  const log = await PartitionLog.open({
    folder: join(folder, 'orders-0'),
    topic: 'orders',
    partition: 0,
    config,
    recoveryPoint: 0,
    logStartOffset: 0,
    cleanShutdown: true,
    log: pino({ level: 'silent' }),
  })
  t.teardown(async () => {
    await log.close()
    await rm(folder, { recursive: true })
  })
  const lease = { hasEnded: false }
  const environment: LeaderEnvironment = {
    nodeId: 1,
    isFenced: () => lease.hasEnded,
    lagTimeMaxMs: 30_000,
    now: () => 0,
    schedule: () => {},
    isRegistered: () => true,
    isrWriter: { write: async () => 'written' },
  }
  const options = { topic: 'orders', topicId, isInternal, log, config, highWatermark: 0, environment }
  const partition = new Partition(options)
  const replicas = hasFollower ? [1, 2] : [1]
  partition.lead({ leader: 1, leaderEpoch: 1, partitionEpoch: 1, replicas, isr: replicas })
  return { partition, lease }
}

const notLeader = { message: /lease of this broker has ended/ }

test('a broker whose lease has ended appends nothing, for clients or for its coordinators', async (t) => {
  const { partition, lease } = await lead(t)
  await partition.produce(batchOf(['a']), request)
  lease.hasEnded = true
  t.throws(() => partition.requireProducible(request), notLeader)
  await t.throwsAsync(partition.produce(batchOf(['b']), request), notLeader)
  await t.throwsAsync(partition.appendInternal(batchOf(['c'])), notLeader)
  t.is(partition.logEndOffset, 1)
  lease.hasEnded = false
  t.like(await partition.appendInternal(batchOf(['d'])), { baseOffset: 1 })
})

test('a broker whose lease has ended deletes no records', async (t) => {
  const { partition, lease } = await lead(t)
  await partition.produce(batchOf(['a', 'b']), request)
  lease.hasEnded = true
  await t.throwsAsync(partition.deleteRecords(1), notLeader)
  t.is(partition.logStartOffset, 0)
  lease.hasEnded = false
  t.is(await partition.deleteRecords(1), 1)
})

test('nothing is acknowledged that came to its end after the lease did', async (t) => {
  const { partition, lease } = await lead(t, { hasFollower: true })
  const follower = { id: 2, brokerEpoch: 1 }
  const produced = partition.produce(batchOf(['a', 'b']), request)
  const written = partition.appendInternal(batchOf(['c']))
  await partition.log.settled()
  await partition.log.native.flush()
  lease.hasEnded = true
  partition.recordFlush(follower, 1, 3)
  partition.recordFetch(follower, 3, 0)
  await t.throwsAsync(produced, notLeader)
  await t.throwsAsync(written, notLeader)

  lease.hasEnded = false
  const deleted = partition.deleteRecords(2)
  await partition.log.deleteOldSegments()
  lease.hasEnded = true
  partition.recordFetch(follower, 3, 2)
  await t.throwsAsync(deleted, notLeader)
})

test('only brokers, and clients that are allowed to, write to an internal topic', async (t) => {
  const { partition } = await lead(t, { isInternal: true })
  const refused = { message: 'orders is written by brokers alone.' }
  t.throws(() => partition.requireProducible(request), refused)
  await t.throwsAsync(partition.produce(batchOf(['a']), request), refused)
  await partition.appendInternal(batchOf(['b']))
  await partition.produce(batchOf(['c']), { ...request, allowsInternalTopics: true })
  t.is(partition.logEndOffset, 2)
})

test('zstd is refused where the request is too old for it', async (t) => {
  const { partition } = await lead(t)
  const records = encodeBatch({ records: [{ timestamp: 0, key: null, value: null }] })
  // The attributes alone decide: they say zstd.
  records[22]! |= 4
  await t.throwsAsync(partition.produce(records, { ...request, allowsZstd: false }), {
    message: 'zstd needs Produce version 7 or newer.',
  })
  t.is(partition.logEndOffset, 0)
})

test('deleting records within an open transaction moves the last stable offset to the log start', async (t) => {
  const { partition } = await lead(t)
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 }
  const records = ['a', 'b', 'c'].map((value) => ({ timestamp: 0, value: Buffer.from(value) }))
  await partition.log.appendAsFollower(encodeBatch({ ...producer, records, isTransactional: true }), false)
  t.is(partition.lastStableOffset, 0)
  await partition.deleteRecords(2)
  t.is(partition.lastStableOffset, 2)
  t.is(partition.readableEnd('stable'), 2)
})
