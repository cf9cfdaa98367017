import test from 'ava'
import { createBroker } from '../../lib/index.js'
import { ErrorCode, randomUuid } from '../../lib/protocol/index.js'
import { createTopic } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const groupId = 'readers'
const { NONE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode

const committed = (partitionIndex: number) => ({ partitionIndex, committedOffset: 7, committedMetadata: '' })

function outcomes(
  topics: readonly { partitions: readonly { partitionIndex: number; errorCode: number }[] }[],
) {
  return topics.map(({ partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode]),
  )
}

test('a topic that a request names twice is answered once, each partition with its own error', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders', 2)
  await client.send('FindCoordinator', { coordinatorKeys: [groupId] })
  const expected = [
    [
      [0, NONE],
      [1, NONE],
      [8, UNKNOWN_TOPIC_OR_PARTITION],
      [9, UNKNOWN_TOPIC_OR_PARTITION],
    ],
  ]
  for (const [name, version] of [
    ['orders', 9],
    ['', 10],
  ] as const) {
    const topics = [
      { name, topicId, partitions: [committed(0), committed(8)] },
      { name, topicId, partitions: [committed(1), committed(9)] },
    ]
    const answer = await client.send(
      'OffsetCommit',
      { groupId, generationIdOrMemberEpoch: -1, topics },
      version,
    )
    t.deepEqual(outcomes(answer.topics), expected)
  }
  const topics = [
    { name: 'orders', partitions: [{ partitionIndex: 0 }, { partitionIndex: 8 }] },
    { name: 'orders', partitions: [{ partitionIndex: 1 }, { partitionIndex: 9 }] },
  ]
  t.deepEqual(outcomes((await client.send('OffsetDelete', { groupId, topics })).topics), expected)
})

test('topics whose ids nobody knows are told apart', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await client.send('FindCoordinator', { coordinatorKeys: [groupId] })
  const topics = [randomUuid(), randomUuid()].map((topicId, i) => ({ topicId, partitions: [committed(i)] }))
  const answer = await client.send('OffsetCommit', { groupId, generationIdOrMemberEpoch: -1, topics }, 10)
  t.deepEqual(
    answer.topics.map(({ topicId }) => topicId),
    topics.map(({ topicId }) => topicId),
  )
  t.deepEqual(outcomes(answer.topics), [[[0, UNKNOWN_TOPIC_ID]], [[1, UNKNOWN_TOPIC_ID]]])
})

test('a group that a request names twice is answered what was asked each time', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  const topicId = await createTopic(client, 'orders')
  await client.send('FindCoordinator', { coordinatorKeys: [groupId] })
  const groups = [randomUuid(), topicId].map((id) => ({
    groupId,
    memberId: null,
    topics: [{ topicId: id, partitionIndexes: [0] }],
  }))
  const answer = await client.send('OffsetFetch', { groups }, 10)
  t.deepEqual(
    answer.groups.map(({ topics }) => outcomes(topics)),
    [[[[0, UNKNOWN_TOPIC_ID]]], [[[0, NONE]]]],
  )
})

test('operations are told of groups that there are', async (t) => {
  await using broker = await createBroker({ port: 0 })
  using client = await TestClient.connect(broker.bootstrap)
  await client.send('FindCoordinator', { coordinatorKeys: [groupId] })
  const request = { groups: [groupId], includeAuthorizedOperations: true }
  const absent = (await client.send('DescribeGroups', request)).groups[0]!
  t.like(absent, { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, authorizedOperations: -(2 ** 31) })
})
