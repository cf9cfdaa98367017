/**
 * Fetch. Version 7 brings sessions, 9 leader epochs, 11 racks, 12 flexible encoding, diverging epochs and the current
 * leader, 13 topic ids instead of names, 15 replica state as a tagged field, 16 the leaders' addresses.
 */
import { ErrorCode } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { Fetch, type PartitionFetch } from '../fetch/fetch.js'
import { type FetchPartition, type FetchScope, FetchSessions } from '../fetch/fetch-sessions.js'
import { eachName } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { SessionSlot } from '../pipeline/session.js'
import { CurrentLeaders } from '../topics/current-leader.js'

/** Others are followers, or a tool that reads past the high watermark (−2). */
const consumer = -1
const readCommitted = 1
/** Consumers of this version know that a follower may answer them. */
const racksFrom = 11
const noRecords = new Uint8Array(0)

/** The fetch of a follower that waits on its connection. */
export const waitingFetch = new SessionSlot<Fetch | undefined>(() => undefined)

type Request = RequestOf<'Fetch'>

/** The field moved in version 15; its place before and after says −1. */
const replicaOf = ({ replicaId, replicaState }: Request) =>
  replicaState.replicaId === consumer ? replicaId : replicaState.replicaId

/** Asked of each partition that is read: a session holds partitions that the request does not name. */
const access = eachName<'Fetch'>(
  'READ on each topic; CLUSTER_ACTION on the cluster for followers',
  (rights, request) => {
    if (replicaOf(request) < 0) return (topic) => rights.has('READ', 'TOPIC', topic)
    const isBroker = rights.hasOnCluster('CLUSTER_ACTION')
    return () => isBroker
  },
)

export const fetch = defineHandler({
  api: 'Fetch',
  versions: [4, 18],
  access,
  charge: (request) => (replicaOf(request) < 0 ? 'fetch' : 'none'),
  refuse: ({ code }) => ({ errorCode: code, sessionId: 0, responses: [] }),
  async handle(request, context) {
    const { broker, version, session } = context
    const replicaId = replicaOf(request)
    const { replicaEpoch } = request.replicaState
    const scope = broker.fetchSessions.resolve(sessionRequest(request, context), Date.now())
    if (scope.isIncremental && version >= 13) nameTopics(scope.partitions, context)
    const isCommitted = request.isolationLevel === readCommitted
    const fetch = new Fetch(broker.replicas, scope.partitions, {
      maxBytes: Math.min(request.maxBytes, broker.config.get('fetch.max.bytes')),
      minBytes: Math.min(request.minBytes, broker.config.get('fetch.max.bytes')),
      maxWaitMs: request.maxWaitMs,
      permits: context.permits(request),
      isolation: replicaId !== consumer ? 'logEnd' : isCommitted ? 'stable' : 'committed',
      follower: replicaId >= 0 ? { id: replicaId, brokerEpoch: Number(replicaEpoch) } : undefined,
      followerReads: followerReads(replicaId, request.rackId, version),
      preferredReplica:
        replicaId === consumer && version >= racksFrom
          ? broker.readReplicas.selector(request.rackId, session.listenerName)
          : undefined,
    })
    if (replicaId >= 0) session.set(waitingFetch, fetch)
    broker.fetches.add(fetch)
    const fetched = await fetch
      .run((callback) => session.onClose(callback))
      .finally(() => broker.fetches.delete(fetch))
    count(context, fetched, replicaId >= 0)
    const leaders = new CurrentLeaders(context)
    return {
      errorCode: ErrorCode.NONE,
      sessionId: scope.sessionId,
      responses: byTopic(tell(scope, fetched), version >= 13, isCommitted, leaders),
      nodeEndpoints: leaders.endpoints(),
    }
  },
})

function count(context: RequestContext, fetched: readonly PartitionFetch[], isFollower: boolean): void {
  for (const { wanted, range } of fetched) {
    if (!range) continue
    if (isFollower) context.replicated(range.byteLength)
    else context.served(wanted.topic, range.byteLength)
  }
}

/** A consumer that tells neither a rack nor an epoch was sent to no follower: it takes one for the leader. */
function followerReads(replicaId: number, rackId: string, version: number) {
  if (replicaId >= 0 || version < racksFrom) return 'none'
  return rackId !== '' || replicaId !== consumer ? 'all' : 'with-epoch'
}

function sessionRequest(request: RequestOf<'Fetch'>, { version, broker }: RequestContext) {
  const usesTopicIds = version >= 13
  const nameOf = (topicId: string, topic: string) =>
    usesTopicIds ? (broker.cluster.image.topicById(topicId)?.name ?? '') : topic
  const partitions: FetchPartition[] = []
  for (const { topicId, topic, partitions: wanted } of request.topics) {
    const name = nameOf(topicId, topic)
    for (const each of wanted) {
      const { partition, currentLeaderEpoch, lastFetchedEpoch } = each
      partitions.push({
        topic: name,
        topicId,
        partition,
        fetchOffset: safeOffset(each.fetchOffset),
        maxBytes: each.partitionMaxBytes,
        currentLeaderEpoch,
        lastFetchedEpoch,
        logStartOffset: safeOffset(each.logStartOffset),
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

/** A session outlasts topics: what an id stood for when it began may be another name by now, or none. */
function nameTopics(partitions: readonly FetchPartition[], { broker }: RequestContext): void {
  for (const each of partitions) each.topic = broker.cluster.image.topicById(each.topicId)?.name ?? ''
}

/** An offset that no log can hold is out of range, not an error of the frame. */
function safeOffset(offset: number | bigint): number {
  return typeof offset === 'number' ? offset : Number.MAX_SAFE_INTEGER
}

/** Leaves out, in a session, the partitions of which there is nothing new to say. */
function tell({ session, isIncremental }: FetchScope, fetched: PartitionFetch[]): PartitionFetch[] {
  if (!session) return fetched
  return fetched.filter((each) => {
    const known = FetchSessions.told(each.wanted)
    if (!known) return true
    const isNew =
      !isIncremental ||
      each.range !== null ||
      each.errorCode !== ErrorCode.NONE ||
      each.divergingEpoch !== undefined ||
      each.preferredReplica >= 0 ||
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

function byTopic(
  fetched: readonly PartitionFetch[],
  usesTopicIds: boolean,
  isCommitted: boolean,
  leaders: CurrentLeaders,
) {
  const topics = new Map<
    string,
    { topic: string; topicId: string; partitions: ReturnType<typeof partitionData>[] }
  >()
  for (const each of fetched) {
    const { topic, topicId } = each.wanted
    const key = usesTopicIds ? topicId : topic
    let entry = topics.get(key)
    if (!entry) topics.set(key, (entry = { topic, topicId, partitions: [] }))
    entry.partitions.push(partitionData(each, isCommitted, leaders))
  }
  return [...topics.values()]
}

function partitionData(fetched: PartitionFetch, isCommitted: boolean, leaders: CurrentLeaders) {
  const { topic, partition } = fetched.wanted
  return {
    partitionIndex: fetched.wanted.partition,
    errorCode: fetched.errorCode,
    highWatermark: fetched.highWatermark,
    lastStableOffset: fetched.lastStableOffset,
    logStartOffset: fetched.logStartOffset,
    abortedTransactions: isCommitted
      ? fetched.aborted.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
      : null,
    preferredReadReplica: fetched.preferredReplica,
    divergingEpoch: fetched.divergingEpoch,
    currentLeader: leaders.of(fetched.errorCode, topic, partition),
    records: fetched.range ?? noRecords,
  }
}
