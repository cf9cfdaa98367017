import test from 'ava'
import { type FetchPartition, FetchSessions } from '../../../lib/broker/fetch/fetch-sessions.js'
import { ErrorCode, type KafkaError, ZERO_UUID } from '../../../lib/protocol/index.js'

const wanted = (partition: number, fetchOffset = 0): FetchPartition => ({
  topic: 'orders',
  topicId: ZERO_UUID,
  partition,
  fetchOffset,
  maxBytes: 1_000,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
  logStartOffset: -1,
})

const request = (sessionId: number, sessionEpoch: number, partitions: FetchPartition[] = []) => ({
  sessionId,
  sessionEpoch,
  usesTopicIds: false,
  partitions,
  forgotten: [],
})

const errorOf = (run: () => unknown): number | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as KafkaError).code
  }
}

test('a first request of epoch 0 opens a session; later ones name only what changed', (t) => {
  const sessions = new FetchSessions(() => 10)
  const first = sessions.resolve(request(0, 0, [wanted(0), wanted(1)]), 0)
  t.true(first.sessionId > 0)
  t.false(first.isIncremental)
  const second = sessions.resolve(request(first.sessionId, 1, [wanted(1, 5)]), 0)
  t.true(second.isIncremental)
  t.deepEqual(
    second.partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]),
    [
      [0, 0],
      [1, 5],
    ],
  )
})

test('forgotten partitions are no longer read', (t) => {
  const sessions = new FetchSessions(() => 10)
  const { sessionId } = sessions.resolve(request(0, 0, [wanted(0), wanted(1)]), 0)
  const forgotten = [{ topic: 'orders', topicId: ZERO_UUID, partition: 0 }]
  const { partitions } = sessions.resolve({ ...request(sessionId, 1), forgotten }, 0)
  t.deepEqual(
    partitions.map(({ partition }) => partition),
    [1],
  )
})

test('an unknown session and a wrong epoch are told apart', (t) => {
  const sessions = new FetchSessions(() => 10)
  const { sessionId } = sessions.resolve(request(0, 0, [wanted(0)]), 0)
  t.is(
    errorOf(() => sessions.resolve(request(sessionId + 1, 1), 0)),
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
  )
  t.is(
    errorOf(() => sessions.resolve(request(sessionId, 2), 0)),
    ErrorCode.INVALID_FETCH_SESSION_EPOCH,
  )
})

test('a session that began with names does not go on with ids', (t) => {
  const sessions = new FetchSessions(() => 10)
  const { sessionId } = sessions.resolve(request(0, 0, [wanted(0)]), 0)
  t.is(
    errorOf(() => sessions.resolve({ ...request(sessionId, 1), usesTopicIds: true }, 0)),
    ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
  )
})

test('epoch −1 reads without a session and ends the one it names', (t) => {
  const sessions = new FetchSessions(() => 10)
  const { sessionId } = sessions.resolve(request(0, 0, [wanted(0)]), 0)
  t.is(sessions.resolve(request(sessionId, -1, [wanted(0)]), 0).sessionId, 0)
  t.is(sessions.size, 0)
})

test('a full cache gives no session, until one has been idle for two minutes', (t) => {
  const sessions = new FetchSessions(() => 1)
  sessions.resolve(request(0, 0, [wanted(0)]), 0)
  t.is(sessions.resolve(request(0, 0, [wanted(0)]), 1_000).sessionId, 0)
  t.not(sessions.resolve(request(0, 0, [wanted(0)]), 120_000).sessionId, 0)
  t.is(sessions.size, 1)
})

test('a partition that is named by its topic’s id is one, whether its name is known by then or not', (t) => {
  const sessions = new FetchSessions(() => 10)
  const withId = (partition: FetchPartition, topic: string) => ({ ...partition, topic, topicId: 'an id' })
  const byId = (request_: ReturnType<typeof request>) => ({ ...request_, usesTopicIds: true })
  const { sessionId } = sessions.resolve(byId(request(0, 0, [withId(wanted(0), '')])), 0)
  const { partitions } = sessions.resolve(byId(request(sessionId, 1, [withId(wanted(0, 7), 'orders')])), 0)
  t.deepEqual(
    partitions.map(({ topic, fetchOffset }) => [topic, fetchOffset]),
    [['orders', 7]],
  )
})
