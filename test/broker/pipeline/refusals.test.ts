/** What every API answers a client that may do nothing: the error that Kafka has for it, in the place that Kafka has. */
import test from 'ava'
import { startBroker } from '../../../lib/broker/broker.js'
import { handlers } from '../../../lib/broker/handlers/index.js'
import {
  type ApiName,
  type Encodable,
  ErrorCode,
  errorName,
  type RequestOf,
  type ResponseOf,
  ZERO_UUID,
} from '../../../lib/protocol/index.js'
import { batchOf, createTopic, produce } from '../../support/records.js'
import { StrictAuthorizer } from '../../support/strict-authorizer.js'
import { TestClient } from '../../support/test-client.js'

interface Refusal {
  readonly api: ApiName
  readonly version: number | undefined
  request(topicId: string): unknown
  /** What of the answer tells of the refusal. */
  read(response: never): unknown
  readonly expected: unknown
}

function refusal<A extends ApiName>(
  api: A,
  request: Encodable<RequestOf<A>> | ((topicId: string) => Encodable<RequestOf<A>>),
  read: (response: ResponseOf<A>) => unknown,
  expected: unknown,
  version?: number,
): Refusal {
  return {
    api,
    version,
    request: (topicId) => (typeof request === 'function' ? request(topicId) : request),
    read: read as Refusal['read'],
    expected,
  }
}

const topicRefused = 'TOPIC_AUTHORIZATION_FAILED'
const groupRefused = 'GROUP_AUTHORIZATION_FAILED'
const clusterRefused = 'CLUSTER_AUTHORIZATION_FAILED'
const idRefused = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
const topic = 2
const broker = 4
const batch = batchOf(['a'])

const partitionErrors = ({
  topics,
}: {
  topics: readonly { partitions: readonly { errorCode: number }[] }[]
}) => topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorName(errorCode)))
const whole = ({ errorCode }: { errorCode: number }) => errorName(errorCode)

const refusals: readonly Refusal[] = [
  refusal(
    'Produce',
    { acks: -1, topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batch }] }] },
    ({ responses }) => errorName(responses[0]!.partitionResponses[0]!.errorCode),
    topicRefused,
    12,
  ),
  refusal(
    'Produce',
    (topicId) => ({ acks: -1, topicData: [{ topicId, partitionData: [{ index: 0, records: batch }] }] }),
    ({ responses }) => [
      responses[0]!.topicId !== ZERO_UUID,
      errorName(responses[0]!.partitionResponses[0]!.errorCode),
    ],
    [true, topicRefused],
  ),
  refusal(
    'Fetch',
    { sessionEpoch: -1, topics: [{ topic: 'orders', partitions: [{ partition: 0, partitionMaxBytes: 1 }] }] },
    ({ responses }) => errorName(responses[0]!.partitions[0]!.errorCode),
    topicRefused,
    12,
  ),
  refusal(
    'Fetch',
    (topicId) => ({
      sessionEpoch: -1,
      replicaState: { replicaId: 9, replicaEpoch: 1 },
      topics: [{ topicId, partitions: [{ partition: 0, partitionMaxBytes: 1 }] }],
    }),
    ({ responses }) => errorName(responses[0]!.partitions[0]!.errorCode),
    topicRefused,
  ),
  refusal(
    'ListOffsets',
    { replicaId: -1, topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
    partitionErrors,
    [topicRefused],
  ),
  refusal(
    'Metadata',
    { topics: [{ name: 'orders' }, { name: 'absent' }], allowAutoTopicCreation: true },
    ({ topics, brokers }) => [
      brokers.length,
      topics.map(({ name, topicId, errorCode }) => [name, topicId, errorName(errorCode)]),
    ],
    [
      1,
      [
        ['orders', ZERO_UUID, topicRefused],
        ['absent', ZERO_UUID, topicRefused],
      ],
    ],
  ),
  refusal(
    'Metadata',
    (topicId) => ({ topics: [{ name: null, topicId }] }),
    ({ topics }) => topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [[null, topicRefused]],
  ),
  refusal('Metadata', { topics: null }, ({ topics }) => topics, []),
  refusal('Metadata', { topics: [] }, ({ topics }) => topics, [], 0),
  refusal(
    'Metadata',
    { topics: [{ name: 'orders' }] },
    ({ topics }) => topics.map(({ errorCode }) => errorName(errorCode)),
    [topicRefused],
    0,
  ),
  refusal(
    'OffsetCommit',
    { groupId: 'g', topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 1 }] }] },
    partitionErrors,
    [groupRefused],
    9,
  ),
  refusal(
    'OffsetFetch',
    { groups: [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] }] },
    ({ groups }) => groups.map(({ groupId, errorCode, topics }) => [groupId, errorName(errorCode), topics]),
    [['g', groupRefused, []]],
    9,
  ),
  refusal(
    'OffsetFetch',
    { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] },
    whole,
    groupRefused,
    7,
  ),
  refusal(
    'OffsetFetch',
    { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] },
    partitionErrors,
    [groupRefused],
    1,
  ),
  ...(
    [
      [0, groupRefused],
      [1, idRefused],
      [2, clusterRefused],
    ] as const
  ).flatMap(([keyType, expected]) => [
    refusal(
      'FindCoordinator',
      { keyType, coordinatorKeys: ['a', 'b'] },
      ({ coordinators }) => coordinators.map(({ key, errorCode }) => [key, errorName(errorCode)]),
      [
        ['a', expected],
        ['b', expected],
      ],
    ),
    refusal('FindCoordinator', { keyType, key: 'a' }, whole, expected, 3),
  ]),
  refusal(
    'JoinGroup',
    { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer' },
    whole,
    groupRefused,
  ),
  refusal(
    'JoinGroup',
    { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer' },
    whole,
    groupRefused,
    6,
  ),
  refusal('SyncGroup', { groupId: 'g', memberId: 'm' }, whole, groupRefused),
  refusal('Heartbeat', { groupId: 'g', memberId: 'm' }, whole, groupRefused),
  refusal('LeaveGroup', { groupId: 'g' }, whole, groupRefused),
  refusal(
    'DescribeGroups',
    { groups: ['g', 'h'] },
    ({ groups }) => groups.map(({ groupId, errorCode }) => [groupId, errorName(errorCode)]),
    [
      ['g', groupRefused],
      ['h', groupRefused],
    ],
  ),
  refusal('ListGroups', {}, ({ errorCode, groups }) => [errorName(errorCode), groups], ['NONE', []]),
  refusal(
    'DeleteGroups',
    { groupsNames: ['g'] },
    ({ results }) => results.map(({ groupId, errorCode }) => [groupId, errorName(errorCode)]),
    [['g', groupRefused]],
  ),
  refusal('ApiVersions', {}, whole, 'NONE', 0),
  refusal(
    'CreateTopics',
    { topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1 }] },
    ({ topics }) => topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [['new', topicRefused]],
  ),
  refusal(
    'DeleteTopics',
    (topicId) => ({ topics: [{ name: 'orders' }, { name: null, topicId }] }),
    ({ responses }) => responses.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [
      ['orders', topicRefused],
      [null, topicRefused],
    ],
  ),
  refusal(
    'DeleteTopics',
    { topicNames: ['orders'] },
    ({ responses }) => responses.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [['orders', topicRefused]],
    5,
  ),
  refusal(
    'DeleteRecords',
    { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 1 }] }] },
    partitionErrors,
    [topicRefused],
  ),
  refusal(
    'InitProducerId',
    { transactionalId: null, producerId: -1, producerEpoch: -1 },
    whole,
    clusterRefused,
  ),
  refusal('InitProducerId', { transactionalId: 't' }, whole, idRefused),
  refusal(
    'OffsetForLeaderEpoch',
    { replicaId: -1, topics: [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    partitionErrors,
    [topicRefused],
  ),
  ...(['DescribeConfigs', 'AlterConfigs', 'IncrementalAlterConfigs'] as const).map((api) =>
    refusal(
      api,
      {
        resources: [
          { resourceType: topic, resourceName: 'orders' },
          { resourceType: broker, resourceName: '1' },
          { resourceType: 32, resourceName: 'g' },
        ],
      },
      (response) => {
        const answers = 'results' in response ? response.results : response.responses
        return answers.map(({ resourceName, errorCode }) => [resourceName, errorName(errorCode)])
      },
      [
        ['orders', topicRefused],
        ['1', clusterRefused],
        ['g', groupRefused],
      ],
    ),
  ),
  refusal('DescribeLogDirs', { topics: null }, ({ errorCode, results }) => [errorName(errorCode), results], [
    clusterRefused,
    [],
  ]),
  refusal(
    'CreatePartitions',
    { topics: [{ name: 'orders', count: 2, assignments: null }] },
    ({ results }) => results.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [['orders', topicRefused]],
  ),
  refusal(
    'ElectLeaders',
    { topicPartitions: [{ topic: 'orders', partitions: [0] }] },
    ({ errorCode, replicaElectionResults: [result] }) => [
      errorName(errorCode),
      errorName(result!.partitionResult[0]!.errorCode),
    ],
    [clusterRefused, clusterRefused],
  ),
  refusal(
    'AlterPartitionReassignments',
    { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, replicas: [1] }] }] },
    ({ errorCode, responses: [result] }) => [
      errorName(errorCode),
      errorName(result!.partitions[0]!.errorCode),
    ],
    [clusterRefused, clusterRefused],
  ),
  refusal('ListPartitionReassignments', { topics: null }, whole, clusterRefused),
  refusal(
    'OffsetDelete',
    { groupId: 'g', topics: [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }] },
    ({ errorCode, topics }) => [errorName(errorCode), topics],
    [groupRefused, []],
  ),
  refusal(
    'DescribeCluster',
    { includeClusterAuthorizedOperations: true, endpointType: 1 },
    ({ errorCode, brokers, clusterAuthorizedOperations }) => [
      errorName(errorCode),
      brokers.length,
      clusterAuthorizedOperations,
    ],
    ['NONE', 1, 0],
  ),
  refusal('ListConfigResources', {}, whole, clusterRefused),
  refusal(
    'DescribeTopicPartitions',
    { topics: [{ name: 'orders' }], responsePartitionLimit: 10, cursor: null },
    ({ topics, nextCursor }) => [
      topics.map(({ name, topicId, errorCode }) => [name, topicId, errorName(errorCode)]),
      nextCursor,
    ],
    [[['orders', ZERO_UUID, topicRefused]], null],
  ),
  refusal(
    'DescribeTopicPartitions',
    { topics: [], responsePartitionLimit: 10, cursor: null },
    ({ topics }) => topics,
    [],
  ),
  refusal('UnregisterBroker', { brokerId: 9 }, whole, clusterRefused),
]

test('every API that clients can call is in the table below', (t) => {
  const tested = new Set(refusals.map(({ api }) => api))
  t.deepEqual(
    handlers.filter(({ betweenBrokers, api }) => !betweenBrokers && !tested.has(api)).map(({ api }) => api),
    [],
  )
})

test('every handler says who may call it and whose quota pays', (t) => {
  for (const { api, access, charge } of handlers) {
    t.truthy(access?.rule, api)
    t.is(typeof access.authorize, 'function', api)
    t.truthy(charge, api)
  }
})

test('a client that may do nothing is refused everything, in the place that each answer has for it', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  const topicId = await createTopic(client, 'orders')
  authorizer.allowed = new Set()
  for (const { api, version, request, read, expected } of refusals) {
    const asked = authorizer.asked.length
    const response = await client.send(api, request(topicId) as never, version)
    t.deepEqual(read(response as never), expected, `${api} ${version ?? ''}`)
    if (api !== 'ApiVersions') t.true(authorizer.asked.length > asked, `${api} asks`)
  }
  authorizer.allowed = undefined
  t.is((await client.send('Metadata', { topics: null })).topics.length, 1, 'nothing was changed')
  t.is((await produce(client, 'orders', batch)).baseOffset, 0, 'nothing was appended')
})

test('a refused request without an answer ends its connection', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using producer = await TestClient.connect(running.bootstrap)
  await createTopic(producer, 'orders')
  authorizer.allowed = new Set()
  const topicData = [{ name: 'orders', partitionData: [{ index: 0, records: batch }] }]
  await t.throwsAsync(producer.send('Produce', { acks: 0, topicData }, 12), { message: /closed/ })
  using follower = await TestClient.connect(running.bootstrap)
  await t.throwsAsync(follower.send('ReplicaProgress', { replicaId: 2, topics: [] }, 0), {
    message: /closed/,
  })
})

test('what is refused stands among what is allowed, where the request has it', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  for (const name of ['a', 'b', 'c']) await createTopic(client, name)
  authorizer.allowed = new Set(['WRITE TOPIC a', 'WRITE TOPIC c', 'DESCRIBE TOPIC b', 'CREATE TOPIC e'])
  const topicData = ['a', 'b', 'c'].map((name) => ({ name, partitionData: [{ index: 0, records: batch }] }))
  const { responses } = await client.send('Produce', { acks: -1, topicData }, 12)
  t.deepEqual(
    responses.map(({ name, partitionResponses: [answer] }) => [name, errorName(answer!.errorCode)]),
    [
      ['a', 'NONE'],
      ['b', topicRefused],
      ['c', 'NONE'],
    ],
  )
  const { topics } = await client.send('Metadata', { topics: null, includeTopicAuthorizedOperations: true })
  t.deepEqual(
    topics.map(({ name, topicAuthorizedOperations }) => [name, topicAuthorizedOperations]),
    [['b', 1 << 8]],
    'of all topics those are told that may be described, with what may be done to them',
  )
  const created = await client.send('CreateTopics', {
    topics: ['d', 'e'].map((name) => ({ name, numPartitions: 1, replicationFactor: 1 })),
  })
  t.deepEqual(
    created.topics.map(({ name, errorCode, topicConfigErrorCode, configs }) => [
      name,
      errorName(errorCode),
      errorName(topicConfigErrorCode),
      configs,
    ]),
    [
      ['d', topicRefused, 'NONE', []],
      ['e', 'NONE', topicRefused, []],
    ],
  )
})

test('a client that may have a group’s offsets is refused those of topics that it may not see', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  const topicIds = [await createTopic(client, 'orders'), await createTopic(client, 'bills')]
  authorizer.allowed = new Set([
    ...['READ', 'DESCRIBE', 'DELETE'].map((operation) => `${operation} GROUP g`),
    ...['READ', 'DESCRIBE'].map((operation) => `${operation} TOPIC orders`),
  ])
  const committing = {
    groupId: 'g',
    generationIdOrMemberEpoch: -1,
    topics: topicIds.map((topicId) => ({
      topicId,
      partitions: [{ partitionIndex: 0, committedOffset: 5 }],
    })),
  }
  const isCoordinated = async () => {
    const { coordinators } = await client.send('FindCoordinator', { keyType: 0, coordinatorKeys: ['g'] })
    return coordinators[0]!.errorCode === 0
  }
  while (!(await isCoordinated())) await new Promise(setImmediate)
  const errors = partitionErrors(await client.send('OffsetCommit', committing))
  t.deepEqual(errors, ['NONE', topicRefused])
  const wanted = topicIds.map((topicId) => ({ topicId, partitionIndexes: [0] }))
  const groupOf = async (topics: typeof wanted | null) =>
    (await client.send('OffsetFetch', { groups: [{ groupId: 'g', topics }] })).groups[0]!
  const offsetsOf = ({ topics }: Awaited<ReturnType<typeof groupOf>>) =>
    topics.map(({ topicId, partitions: [each] }) => [
      topicIds.indexOf(topicId),
      each!.committedOffset,
      errorName(each!.errorCode),
    ])
  t.deepEqual(offsetsOf(await groupOf(wanted)), [
    [0, 5, 'NONE'],
    [1, -1, topicRefused],
  ])
  t.deepEqual(offsetsOf(await groupOf(null)), [[0, 5, 'NONE']], 'of all offsets those are told')
  const topics = ['orders', 'bills'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }))
  t.deepEqual(partitionErrors(await client.send('OffsetDelete', { groupId: 'g', topics })), [
    'NONE',
    topicRefused,
  ])
})

test('a topic that may be described and not deleted is refused by its name', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  const topicId = await createTopic(client, 'orders')
  authorizer.allowed = new Set(['DESCRIBE TOPIC orders'])
  const { responses } = await client.send('DeleteTopics', { topics: [{ name: null, topicId }] })
  t.deepEqual(
    responses.map((answer) => [answer.name, answer.topicId, errorName(answer.errorCode)]),
    [['orders', topicId, topicRefused]],
  )
})

test('Metadata creates a topic only for a client that may create it', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  authorizer.allowed = new Set(['DESCRIBE TOPIC a', 'CREATE TOPIC a', 'DESCRIBE TOPIC b'])
  const { topics } = await client.send('Metadata', {
    topics: [{ name: 'a' }, { name: 'b' }],
    allowAutoTopicCreation: true,
  })
  t.deepEqual(
    topics.map(({ name, errorCode }) => [name, errorName(errorCode)]),
    [
      ['a', 'NONE'],
      ['b', topicRefused],
    ],
  )
})

test('a fetch session serves a topic only for as long as its client may read it', async (t) => {
  const authorizer = new StrictAuthorizer()
  await using running = await startBroker({ port: 0 }, { authorizer })
  using client = await TestClient.connect(running.bootstrap)
  await createTopic(client, 'orders')
  await produce(client, 'orders', batch)
  const topics = [{ topic: 'orders', partitions: [{ partition: 0, partitionMaxBytes: 1 << 20 }] }]
  const first = await client.send('Fetch', { sessionId: 0, sessionEpoch: 0, maxBytes: 1 << 20, topics }, 12)
  t.is(first.responses[0]!.partitions[0]!.records!.byteLength, batch.byteLength)
  authorizer.allowed = new Set()
  const { sessionId } = first
  const second = await client.send('Fetch', { sessionId, sessionEpoch: 1, maxBytes: 1 << 20, topics: [] }, 12)
  t.is(second.responses[0]!.partitions[0]!.errorCode, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  authorizer.allowed = new Set(['READ TOPIC orders'])
  const third = await client.send('Fetch', { sessionId, sessionEpoch: 2, maxBytes: 1 << 20, topics: [] }, 12)
  t.is(third.responses[0]!.partitions[0]!.records!.byteLength, batch.byteLength)
})
