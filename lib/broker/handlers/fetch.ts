/**
 * Fetch. Version 7 brings sessions, 9 leader epochs, 11 racks, 12 flexible encoding and diverging epochs, 13 topic
 * ids instead of names, 15 replica state as a tagged field.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { defineHandler, type RequestContext } from '../api-handler.js'
import { Fetch, type PartitionFetch } from '../fetch.js'
import { type FetchPartition, type FetchScope, FetchSessions } from '../fetch-sessions.js'

const consumer = -1
/** A tool that reads past the high watermark. */
const debuggingConsumer = -2
const readCommitted = 1
const noRecords = new Uint8Array(0)

export const fetch = defineHandler({
  api: 'Fetch',
  versions: [4, 18],
  async handle(request, context) {
    const { broker, version, connection } = context
    const replicaId = version >= 15 ? request.replicaState.replicaId : request.replicaId
    let scope: FetchScope
    try {
      if (replicaId !== consumer && replicaId !== debuggingConsumer) {
        throw new KafkaError('NOT_LEADER_OR_FOLLOWER', 'This cluster has no followers.')
      }
      scope = broker.fetchSessions.resolve(sessionRequest(request, context), Date.now())
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      return { errorCode: error.code, sessionId: 0, responses: [] }
    }
    const fetched = await new Fetch(broker.replicas, scope.partitions, {
      maxBytes: Math.min(request.maxBytes, broker.config.get('fetch.max.bytes')),
      minBytes: Math.min(request.minBytes, broker.config.get('fetch.max.bytes')),
      maxWaitMs: request.maxWaitMs,
      isolation:
        replicaId === debuggingConsumer
          ? 'logEnd'
          : request.isolationLevel === readCommitted
            ? 'stable'
            : 'committed',
    }).run((callback) => connection.onClose(callback))
    return {
      errorCode: ErrorCode.NONE,
      sessionId: scope.sessionId,
      responses: byTopic(tell(scope, fetched), version >= 13, request.isolationLevel === readCommitted),
    }
  },
})

function sessionRequest(request: RequestOf<'Fetch'>, { version, broker }: RequestContext) {
  const usesTopicIds = version >= 13
  const nameOf = (topicId: string, topic: string) =>
    usesTopicIds ? (broker.cluster.image.topicById(topicId)?.name ?? '') : topic
  const partitions: FetchPartition[] = []
  for (const { topicId, topic, partitions: wanted } of request.topics) {
    const name = nameOf(topicId, topic)
    for (const { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch } of wanted) {
      const offset = safeOffset(fetchOffset)
      partitions.push({
        topic: name,
        topicId,
        partition,
        fetchOffset: offset,
        maxBytes: partitionMaxBytes,
        currentLeaderEpoch,
      })
    }
  }
  return {
    sessionId: version >= 7 ? request.sessionId : 0,
    sessionEpoch: version >= 7 ? request.sessionEpoch : -1,
    usesTopicIds,
    partitions,
    forgotten: request.forgottenTopicsData.flatMap(({ topicId, topic, partitions: gone }) =>
      gone.map((partition) => ({ topic: nameOf(topicId, topic), topicId, partition })),
    ),
  }
}

/** An offset that no log can hold is out of range, not an error of the frame. */
function safeOffset(offset: number | bigint): number {
  return typeof offset === 'number' ? offset : Number.MAX_SAFE_INTEGER
}

/** Leaves out, in a session, the partitions of which there is nothing new to say. */
function tell({ session, isIncremental }: FetchScope, fetched: PartitionFetch[]): PartitionFetch[] {
  if (!session) return fetched
  return fetched.filter((each) => {
    const known = FetchSessions.told(session, each.wanted)
    if (!known) return true
    const isNew =
      !isIncremental ||
      each.range !== null ||
      each.errorCode !== ErrorCode.NONE ||
      known.toldError ||
      each.highWatermark !== known.toldHighWatermark ||
      each.logStartOffset !== known.toldLogStartOffset
    known.toldHighWatermark = each.highWatermark
    known.toldLogStartOffset = each.logStartOffset
    known.toldError = each.errorCode !== ErrorCode.NONE
    if (each.range) FetchSessions.rotate(session, each.wanted)
    return isNew
  })
}

function byTopic(fetched: readonly PartitionFetch[], usesTopicIds: boolean, isCommitted: boolean) {
  const topics = new Map<
    string,
    { topic: string; topicId: string; partitions: ReturnType<typeof partitionData>[] }
  >()
  for (const each of fetched) {
    const { topic, topicId } = each.wanted
    const key = usesTopicIds ? topicId : topic
    let entry = topics.get(key)
    if (!entry) topics.set(key, (entry = { topic, topicId, partitions: [] }))
    entry.partitions.push(partitionData(each, isCommitted))
  }
  return [...topics.values()]
}

function partitionData(fetched: PartitionFetch, isCommitted: boolean) {
  return {
    partitionIndex: fetched.wanted.partition,
    errorCode: fetched.errorCode,
    highWatermark: fetched.highWatermark,
    lastStableOffset: fetched.lastStableOffset,
    logStartOffset: fetched.logStartOffset,
    abortedTransactions: isCommitted
      ? fetched.aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
      : null,
    preferredReadReplica: -1,
    records: fetched.range ?? noRecords,
  }
}
