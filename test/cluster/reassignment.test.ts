/** Replicas of partitions become others: what the key holds on the way, and brokers that carry it out. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { settle } from '../../lib/cluster/controller/partition-settlement.js'
import type { MemberState } from '../../lib/cluster/image/partition-election.js'
import {
  assignmentOf,
  originalReplicas,
  reassignTo,
  targetReplicas,
} from '../../lib/cluster/image/reassignment.js'
import type { PartitionValue } from '../../lib/cluster/store/metadata-keys.js'
import { ErrorCode } from '../../lib/protocol/index.js'
import { Brokers, until } from '../support/brokers.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'
import { ClusterWriter } from './cluster-writer.js'

const allLive = (_: number): MemberState => 'live'
const partition = (replicas: number[], isr = replicas, leader = isr[0]!) => ({
  ...{ leader, leaderEpoch: 4, partitionEpoch: 9, brokerEpoch: 1, replicas, isr },
})

/** The partition as the controller would write it, but for its epochs. */
function settled(value: PartitionValue, stateOf = allLive, unclean = false) {
  const settlement = settle(value, stateOf, unclean)
  if (!settlement) return undefined
  const { election, beginsEpoch } = settlement
  return { value: { ...settlement.value, ...election }, beginsEpoch }
}

test('on the way a partition has the replicas of before and of after', (t) => {
  const moving = reassignTo(partition([1, 2, 3]), [3, 4, 5])
  t.deepEqual(moving, {
    replicas: [3, 4, 5, 1, 2],
    addingReplicas: [4, 5],
    removingReplicas: [1, 2],
  })
  t.deepEqual(originalReplicas(moving), [3, 1, 2])
  t.deepEqual(targetReplicas(moving), [3, 4, 5])
})

test('another order of the same replicas is there at once', (t) => {
  t.deepEqual(reassignTo(partition([1, 2, 3]), [3, 1, 2]), {
    replicas: [3, 1, 2],
    addingReplicas: [],
    removingReplicas: [],
  })
})

test('a new target in the middle of the way keeps what was before the first', (t) => {
  const moving = reassignTo(reassignTo(partition([1, 2]), [3, 4]), [3, 5])
  t.deepEqual(targetReplicas(moving), [3, 5])
  t.deepEqual([...originalReplicas(moving)].sort(), [1, 2])
  t.true(moving.addingReplicas.includes(4) && moving.removingReplicas.includes(4), 'added no more, and to go')
})

test('the old replicas go when all new ones are in sync, and the leader’s epoch ends', (t) => {
  const moving = { ...partition([1, 2]), ...reassignTo(partition([1, 2]), [3, 4]) }
  t.is(settled({ ...moving, isr: [1, 2, 3] }), undefined)
  t.deepEqual(settled({ ...moving, isr: [1, 2, 3, 4] }), {
    value: { ...partition([3, 4]), leader: 3 },
    beginsEpoch: true,
  })
})

test('a leader that stays leads on, in a new epoch where a replica has gone', (t) => {
  const fewer = { ...partition([1, 2, 3]), ...reassignTo(partition([1, 2, 3]), [1, 2]) }
  t.deepEqual(settled(fewer), { value: partition([1, 2]), beginsEpoch: true })
  const more = { ...partition([1, 2, 3], [1, 2, 3]), ...reassignTo(partition([1, 2]), [1, 2, 3]) }
  t.deepEqual(settled(more), { value: partition([1, 2, 3]), beginsEpoch: false })
})

test('nothing goes while nobody who lives could lead', (t) => {
  const moving = { ...partition([1]), ...reassignTo(partition([1]), [2]) }
  const only1 = (id: number): MemberState => (id === 1 ? 'live' : 'fenced')
  const { value } = settled({ ...moving, isr: [1, 2] }, only1)!
  t.deepEqual(assignmentOf(value), assignmentOf(moving), 'only the dead one leaves the ISR')
  t.deepEqual([value.leader, value.isr], [1, [1]])
})

test('a cancelled one goes back at once, even while one of before is away', (t) => {
  const moving = reassignTo(partition([1, 2]), [3, 4])
  const cancelled = { ...partition([1, 2]), ...reassignTo(moving, originalReplicas(moving)) }
  t.deepEqual(settled({ ...cancelled, leader: 3, isr: [3, 1] }), {
    value: { ...partition([1, 2], [1]), leader: 1 },
    beginsEpoch: true,
  })
})

test('an unclean election prefers those that were there before', (t) => {
  const moving = { ...partition([1, 2]), ...reassignTo(partition([1, 2]), [3, 4]) }
  const without1 = (id: number): MemberState => (id === 1 ? 'fenced' : 'live')
  t.deepEqual(settled({ ...moving, isr: [1] }, without1, true)!.value.leader, 2)
})

const properties = { 'replica.fetch.wait.max.ms': '100' }
const start = (ids: number[]) => Brokers.start({ ids, properties, hasController: true })

async function alter(
  brokers: Brokers,
  topic: string,
  partitions: Record<number, number[] | null>,
  fields = {},
) {
  const { responses } = await brokers.client(brokers.ids[0]!).send('AlterPartitionReassignments', {
    timeoutMs: 30_000,
    topics: [
      {
        name: topic,
        partitions: Object.entries(partitions).map(([index, replicas]) => ({
          partitionIndex: Number(index),
          replicas,
        })),
      },
    ],
    ...fields,
  })
  return responses.flatMap(({ partitions }) => partitions)
}

const list = async (brokers: Brokers, topics: { name: string; partitionIndexes: number[] }[] | null = null) =>
  (await brokers.client(brokers.ids[0]!).send('ListPartitionReassignments', { topics })).topics

async function untilDone(brokers: Brokers): Promise<void> {
  await until(async () => (await list(brokers)).length === 0)
}

async function readAll(brokers: Brokers, topic: string, index = 0): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const { leader } = await brokers.partition(topic, index)
    const answer = await fetch(brokers.client(leader), topic, values.length, { partition: index })
    if (answer.errorCode !== 0) continue
    values.push(...(await valuesIn(answer.records)))
    if (values.length >= Number(answer.highWatermark)) return values
  }
}

test('partitions move to other brokers while they are written to, and nothing is lost', async (t) => {
  await using brokers = await start([1, 2, 3, 4])
  await brokers.createTopic(
    'orders',
    [
      [1, 2],
      [2, 1],
    ],
    { 'min.insync.replicas': '2' },
  )
  const writers = [0, 1].map((index) => new ClusterWriter(brokers, 'orders', index, 100 + index))
  let isOver = false
  const writing = writers.map((writer) => writer.write(() => isOver))
  const more = async () => {
    const counts = writers.map(({ acknowledged }) => acknowledged.length)
    await until(() => writers.every(({ acknowledged }, index) => acknowledged.length > counts[index]! + 20))
  }
  const rounds = [
    [
      [3, 4],
      [4, 3],
    ],
    [
      [4, 1, 2],
      [2, 3],
    ],
    [
      [2, 3],
      [1, 4],
    ],
  ]
  for (const targets of rounds) {
    await more()
    const answers = await alter(brokers, 'orders', { ...targets })
    t.deepEqual(
      answers.map(({ errorCode }) => errorCode),
      [0, 0],
    )
    await untilDone(brokers)
    const states = [await brokers.partition('orders', 0), await brokers.partition('orders', 1)]
    t.deepEqual(
      states.map(({ replicas }) => replicas),
      targets,
    )
  }
  await more()
  isOver = true
  await Promise.all(writing)
  for (const [index, { acknowledged }] of writers.entries()) {
    const values = await readAll(brokers, 'orders', index)
    t.deepEqual(
      values,
      acknowledged.map(({ value }) => value),
    )
  }
})

test('a broker removes the logs of partitions that are others’ now, and sets aside those that left while it was away', async (t) => {
  await using brokers = await start([1, 2, 3])
  await brokers.createTopic('orders', [
    [1, 2],
    [1, 2],
  ])
  const folders = (id: number) =>
    [0, 1].map((index) => existsSync(join(brokers.folder(id), `orders-${index}`)))
  await produce(brokers.client(1), 'orders', batchOf(['a', 'b']))
  t.deepEqual(folders(2), [true, true])
  await alter(brokers, 'orders', { 0: [1, 3] })
  await untilDone(brokers)
  await until(() => !folders(2)[0])
  t.deepEqual(folders(2), [false, true])

  await brokers.stop(2)
  await alter(brokers, 'orders', { 1: [1, 3] })
  await untilDone(brokers)
  t.deepEqual(folders(2), [false, true])
  await brokers.start(2)
  t.deepEqual(folders(2), [false, false])
  const strays = (await readdir(brokers.folder(2))).filter((name) => name.endsWith('-stray'))
  t.is(strays.length, 1)
  t.regex(strays[0]!, /^orders-1\.[0-9a-f]{32}-stray$/)

  await alter(brokers, 'orders', { 0: [2] })
  await untilDone(brokers)
  t.deepEqual(await readAll(brokers, 'orders'), ['a', 'b'])
})

test('a broker that does not live can be waited for, given up, or done without', async (t) => {
  await using brokers = await start([1, 2, 3])
  await brokers.createTopic('orders', [
    [1, 2],
    [1, 2],
  ])
  await produce(brokers.client(1), 'orders', batchOf(['a', 'b']))
  await brokers.stop(3)
  await alter(brokers, 'orders', { 0: [3, 2], 1: [3] })
  const moving = { replicas: [3, 2, 1], addingReplicas: [3], removingReplicas: [1] }
  t.deepEqual(await list(brokers), [
    {
      name: 'orders',
      partitions: [
        { partitionIndex: 0, ...moving },
        { partitionIndex: 1, replicas: [3, 1, 2], addingReplicas: [3], removingReplicas: [1, 2] },
      ],
    },
  ])
  t.deepEqual(await list(brokers, [{ name: 'orders', partitionIndexes: [0, 7] }]), [
    { name: 'orders', partitions: [{ partitionIndex: 0, ...moving }] },
  ])
  t.deepEqual(await list(brokers, [{ name: 'nothing', partitionIndexes: [0] }]), [])
  const { topics } = await brokers.client(1).send('Metadata', { topics: [{ name: 'orders' }] })
  t.deepEqual(
    topics[0]!.partitions.map(({ replicaNodes }) => replicaNodes),
    [
      [3, 2, 1],
      [3, 1, 2],
    ],
  )
  await produce(brokers.client(1), 'orders', batchOf(['c']))

  const [cancelled] = await alter(brokers, 'orders', { 1: null })
  t.is(cancelled!.errorCode, ErrorCode.NONE)
  t.deepEqual((await brokers.partition('orders', 1)).replicas, [1, 2])
  const [again] = await alter(brokers, 'orders', { 1: null })
  t.is(again!.errorCode, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)

  await alter(brokers, 'orders', { 0: [2] })
  await untilDone(brokers)
  const { replicas, isr, leader } = await brokers.partition('orders')
  t.deepEqual({ replicas, isr, leader }, { replicas: [2], isr: [2], leader: 2 })
  t.deepEqual(await readAll(brokers, 'orders'), ['a', 'b', 'c'])

  await alter(brokers, 'orders', { 0: [3] })
  await brokers.start(3)
  await untilDone(brokers)
  t.deepEqual(await readAll(brokers, 'orders'), ['a', 'b', 'c'])
})

test('what cannot be is refused for each partition by itself', async (t) => {
  await using brokers = await start([1, 2])
  await brokers.createTopic('orders', [[1], [1], [1], [1], [1]])
  const answers = await alter(
    brokers,
    'orders',
    { 0: [2], 1: [9], 2: [1, 1], 3: [], 4: [1, 2], 5: [1] },
    { allowReplicationFactorChange: false },
  )
  t.deepEqual(
    answers.map(({ errorCode }) => errorCode),
    [
      ErrorCode.NONE,
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      ErrorCode.INVALID_REPLICATION_FACTOR,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ],
  )
  const { responses } = await brokers.client(1).send('AlterPartitionReassignments', {
    timeoutMs: 30_000,
    topics: [1, 2].map((id) => ({ name: 'orders', partitions: [{ partitionIndex: 3, replicas: [id] }] })),
  })
  t.deepEqual(
    responses.map(({ partitions: [answer] }) => answer!.errorCode),
    [ErrorCode.NONE, ErrorCode.INVALID_REQUEST],
  )
  const [missing] = await alter(brokers, 'nothing', { 0: [1] })
  t.is(missing!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  await untilDone(brokers)
  t.deepEqual((await brokers.partition('orders')).replicas, [2])
})

test('partitions are added to a topic, and it is deleted, while it is reassigned', async (t) => {
  await using brokers = await start([1, 2, 3])
  await brokers.createTopic('orders', [[1, 2]])
  await brokers.stop(3)
  await alter(brokers, 'orders', { 0: [1, 3] })
  const client = brokers.client(1)
  const { results } = await client.send('CreatePartitions', {
    topics: [{ name: 'orders', count: 2, assignments: null }],
  })
  t.is(results[0]!.errorCode, 0)
  t.is((await brokers.partition('orders', 1)).replicas.length, 2)
  await client.send('DeleteTopics', { topics: [{ name: 'orders' }], timeoutMs: 30_000 }, 6)
  t.deepEqual(await list(brokers), [])
})

test('a broker alone can be asked for what is so already', async (t) => {
  await using brokers = await Brokers.start({ ids: [1] })
  await brokers.createTopic('orders', [[1]])
  t.is((await alter(brokers, 'orders', { 0: [1] }))[0]!.errorCode, ErrorCode.NONE)
  t.is((await alter(brokers, 'orders', { 0: [1, 2] }))[0]!.errorCode, ErrorCode.INVALID_REPLICA_ASSIGNMENT)
  t.is((await alter(brokers, 'orders', { 0: null }))[0]!.errorCode, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)
  t.deepEqual(await list(brokers), [])
})
