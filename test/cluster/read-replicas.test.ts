/** Consumers that read from the replica in their rack (KIP-392): what brokers answer, and what clients make of it. */
import test from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Brokers, type BrokersOptions, until } from '../support/brokers.js'
import { batchOf, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const topic = 'orders'
const everywhere = [[1, 2, 3]]
const noEpoch = -1
/** Of a consumer that was sent to a follower. */
const sent = { rackId: 'any' }

const properties = {
  'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
  'replica.fetch.wait.max.ms': '100',
}
const options: BrokersOptions = {
  properties,
  propertiesOf: (id) => ({ 'broker.rack': `rack-${id}` }),
}

interface Wanted {
  rackId?: string
  fetchOffset?: number
  currentLeaderEpoch?: number
  lastFetchedEpoch?: number
  isolationLevel?: number
  maxWaitMs?: number
  version?: number
}

async function fetchFrom(client: TestClient, wanted: Wanted = {}) {
  const { rackId = '', fetchOffset = 0, currentLeaderEpoch = noEpoch, lastFetchedEpoch = -1 } = wanted
  const { isolationLevel = 0, maxWaitMs = 0, version = 12 } = wanted
  const partitions = [
    { partition: 0, fetchOffset, partitionMaxBytes: 1 << 20, currentLeaderEpoch, lastFetchedEpoch },
  ]
  const { responses } = await client.send(
    'Fetch',
    {
      maxWaitMs,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel,
      sessionEpoch: -1,
      rackId,
      topics: [{ topic, partitions }],
    },
    version,
  )
  return responses[0]!.partitions[0]!
}

/** Three brokers, each in a rack of its own; the first leads, and all have the records. */
async function start(values: readonly string[], others: BrokersOptions = {}): Promise<Brokers> {
  const brokers = await Brokers.start({ ...options, ...others })
  await brokers.createTopic(topic, everywhere)
  if (values.length > 0) await produce(brokers.client(1), topic, batchOf(values))
  return brokers
}

const untilCommittedAt = (brokers: Brokers, id: number, offset: number) =>
  until(async () => (await fetchFrom(brokers.client(id), sent)).highWatermark === offset)

/** Sends the consumer to another replica; it has no records then. */
const preferred = async (brokers: Brokers, wanted: Wanted) => {
  const { errorCode, preferredReadReplica, records } = await fetchFrom(brokers.client(1), wanted)
  if (errorCode !== 0) throw new Error(`error ${errorCode}`)
  return { preferredReadReplica, hasRecords: (records?.byteLength ?? 0) > 0 }
}

test.serial('the leader sends a consumer to the replica in its rack', async (t) => {
  await using brokers = await start(['a'])
  const here = { preferredReadReplica: -1, hasRecords: true }
  t.deepEqual(await preferred(brokers, { rackId: 'rack-2' }), { preferredReadReplica: 2, hasRecords: false })
  t.deepEqual(await preferred(brokers, { rackId: 'rack-3' }), { preferredReadReplica: 3, hasRecords: false })
  t.deepEqual(await preferred(brokers, { rackId: 'rack-1' }), here)
  t.deepEqual(await preferred(brokers, { rackId: 'elsewhere' }), here)
  t.deepEqual(await preferred(brokers, {}), here)
  // A consumer that knows nothing of racks cannot be sent anywhere.
  t.deepEqual(await preferred(brokers, { version: 10 }), here)
})

test.serial('a replica that does not have the offset, or is not in sync, is not preferred', async (t) => {
  await using brokers = await start(['a'], {
    properties: { ...properties, 'replica.lag.time.max.ms': '400' },
  })
  await brokers.stop(3)
  await produce(brokers.client(1), topic, batchOf(['b']))
  await brokers.untilInSync(topic, [1, 2])
  t.deepEqual(await preferred(brokers, { rackId: 'rack-3' }), { preferredReadReplica: -1, hasRecords: true })
  // On a machine that stands still one in sync is not for a moment.
  const untilPreferred = (id: number) =>
    until(async () => (await preferred(brokers, { rackId: `rack-${id}` })).preferredReadReplica === id)
  await untilPreferred(2)
  await brokers.start(3)
  await untilPreferred(3)
  t.pass()
})

test.serial('without the selector nobody is sent anywhere, and followers serve all the same', async (t) => {
  await using brokers = await start(['a'], {
    properties: {
      ...properties,
      'replica.selector.class': 'org.apache.kafka.common.replica.LeaderSelector',
    },
  })
  t.deepEqual(await preferred(brokers, { rackId: 'rack-2' }), { preferredReadReplica: -1, hasRecords: true })
  await untilCommittedAt(brokers, 2, 1)
  t.deepEqual(await valuesIn((await fetchFrom(brokers.client(2), sent)).records), ['a'])
})

test.serial('a follower serves what it knows to be committed, and wakes who waits for more', async (t) => {
  await using brokers = await start(['a', 'b'])
  for (const id of [2, 3]) {
    await untilCommittedAt(brokers, id, 2)
    for (const isolationLevel of [0, 1]) {
      const answer = await fetchFrom(brokers.client(id), { rackId: `rack-${id}`, isolationLevel })
      t.deepEqual(await valuesIn(answer.records), ['a', 'b'])
      t.like(answer, {
        preferredReadReplica: -1,
        highWatermark: 2,
        lastStableOffset: 2,
        logStartOffset: 0,
        abortedTransactions: isolationLevel === 1 ? [] : null,
      })
    }
  }
  using consumer = await TestClient.connect(brokers.bootstrap(2))
  const waiting = fetchFrom(consumer, { ...sent, fetchOffset: 2, maxWaitMs: 600_000 })
  await produce(brokers.client(1), topic, batchOf(['c']))
  t.deepEqual(await valuesIn((await waiting).records), ['c'])
})

test.serial('what only the leader can answer is refused by followers', async (t) => {
  await using brokers = await start(['a'])
  await untilCommittedAt(brokers, 2, 1)
  const follower = brokers.client(2)
  const { leaderEpoch } = await brokers.partition(topic)
  const codeOf = async (wanted: Wanted) => (await fetchFrom(follower, wanted)).errorCode
  t.is(await codeOf({ currentLeaderEpoch: leaderEpoch }), ErrorCode.NONE)
  t.is(await codeOf({ currentLeaderEpoch: leaderEpoch + 1 }), ErrorCode.UNKNOWN_LEADER_EPOCH)
  t.is(await codeOf(sent), ErrorCode.NONE)
  t.is(await codeOf({}), ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.is(await codeOf({ version: 10 }), ErrorCode.NOT_LEADER_OR_FOLLOWER)
  // Beyond its log: who was sent here asks the leader, who came by mistake is told so.
  const beyond = { fetchOffset: 5 }
  t.is(await codeOf({ ...beyond, currentLeaderEpoch: leaderEpoch }), ErrorCode.OFFSET_OUT_OF_RANGE)
  t.is(await codeOf({ ...sent, ...beyond }), ErrorCode.NOT_LEADER_OR_FOLLOWER)
  const { topics } = await follower.send('ListOffsets', {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
  })
  t.is(topics[0]!.partitions[0]!.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
})

test.serial('a consumer that waits at a follower is told of a new leader', async (t) => {
  await using brokers = await start(['a'])
  await untilCommittedAt(brokers, 2, 1)
  const { leaderEpoch } = await brokers.partition(topic)
  using consumer = await TestClient.connect(brokers.bootstrap(2))
  await consumer.send('ApiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1.0' }, 3)
  const waiting = fetchFrom(consumer, { fetchOffset: 1, currentLeaderEpoch: leaderEpoch, maxWaitMs: 600_000 })
  await brokers.elect(topic, 3, undefined)
  const { errorCode, currentLeader } = await waiting
  t.is(errorCode, ErrorCode.FENCED_LEADER_EPOCH)
  t.like(currentLeader, { leaderId: 3 })
})

test.serial('a follower begins where its leader does', async (t) => {
  await using brokers = await start(['a', 'b', 'c'])
  const deleted = await brokers.client(1).send('DeleteRecords', {
    timeoutMs: 60_000,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: 2 }] }],
  })
  t.is(deleted.topics[0]!.partitions[0]!.errorCode, 0)
  const answer = await fetchFrom(brokers.client(2), { ...sent, fetchOffset: 0 })
  t.is(answer.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  await until(
    async () => (await fetchFrom(brokers.client(2), { ...sent, fetchOffset: 2 })).logStartOffset === 2,
  )
})

test.serial('a session tells of a preferred replica each time', async (t) => {
  await using brokers = await start(['a'])
  const client = brokers.client(1)
  const request = { maxWaitMs: 600_000, minBytes: 1, maxBytes: 1 << 20, rackId: 'rack-2' }
  const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1 << 20, currentLeaderEpoch: -1 }]
  const first = await client.send(
    'Fetch',
    { ...request, sessionEpoch: 0, topics: [{ topic, partitions }] },
    12,
  )
  t.is(first.responses[0]!.partitions[0]!.preferredReadReplica, 2)
  const again = await client.send('Fetch', { ...request, sessionId: first.sessionId, sessionEpoch: 1 }, 12)
  t.is(again.responses[0]!.partitions[0]!.preferredReadReplica, 2)
})
