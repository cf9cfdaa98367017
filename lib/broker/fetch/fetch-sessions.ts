/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a client reads and what it told last,
 * so that requests and responses name only what changed. Bounded by `max.incremental.fetch.session.cache.slots`.
 */
import { randomInt } from 'node:crypto'
import { KafkaError } from '../../protocol/errors.js'

/** A session may be pushed out by a new one when it has not been used for so long. */
const evictableAfterMs = 120_000
const noSession = 0
const initialEpoch = 0
const finalEpoch = -1

/** What a client wants of one partition. */
export interface FetchPartition {
  topic: string
  topicId: string
  partition: number
  fetchOffset: number
  maxBytes: number
  currentLeaderEpoch: number
  /** Of the fetcher's last record; −1: not told. */
  lastFetchedEpoch: number
  /** Of a follower's log; −1: not told. */
  logStartOffset: number
}

/** A partition of a session, with what the last response said of it. */
export interface SessionPartition extends FetchPartition {
  toldHighWatermark: number
  toldLogStartOffset: number
  toldError: boolean
}

export interface FetchSession {
  readonly id: number
  /** Expected of the next request. */
  epoch: number
  readonly usesTopicIds: boolean
  readonly partitions: Map<string, SessionPartition>
  lastUsedMs: number
}

export interface FetchSessionRequest {
  sessionId: number
  sessionEpoch: number
  usesTopicIds: boolean
  partitions: readonly FetchPartition[]
  forgotten: readonly { topic: string; topicId: string; partition: number }[]
}

/** What to read for a request, and the session it belongs to, if any. */
export interface FetchScope {
  sessionId: number
  isIncremental: boolean
  session: FetchSession | undefined
  partitions: readonly FetchPartition[]
}

/** By the topic's id where the client names that: this broker may not know its name yet. */
function keyOf(
  { usesTopicIds }: { usesTopicIds: boolean },
  { topic, topicId, partition }: { topic: string; topicId: string; partition: number },
): string {
  return `${usesTopicIds ? topicId : topic}/${partition}`
}

export class FetchSessions {
  readonly #slots: () => number
  readonly #sessions = new Map<number, FetchSession>()

  /** `slots` is read at each new session. */
  constructor(slots: () => number) {
    this.#slots = slots
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Throws FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH or FETCH_SESSION_TOPIC_ID_ERROR. */
  resolve(request: FetchSessionRequest, nowMs: number): FetchScope {
    const { sessionId, sessionEpoch, partitions } = request
    if (sessionEpoch === finalEpoch || sessionEpoch === initialEpoch) {
      this.#sessions.delete(sessionId)
      const session = sessionEpoch === initialEpoch ? this.#create(request, nowMs) : undefined
      const wanted = session ? [...session.partitions.values()] : partitions
      return { sessionId: session?.id ?? noSession, isIncremental: false, session, partitions: wanted }
    }
    const session = this.#sessions.get(sessionId)
    if (!session) throw new KafkaError('FETCH_SESSION_ID_NOT_FOUND')
    if (session.epoch !== sessionEpoch) throw new KafkaError('INVALID_FETCH_SESSION_EPOCH')
    if (session.usesTopicIds !== request.usesTopicIds) throw new KafkaError('FETCH_SESSION_TOPIC_ID_ERROR')
    session.epoch = sessionEpoch === 2 ** 31 - 1 ? 1 : sessionEpoch + 1
    session.lastUsedMs = nowMs
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, session)
    for (const forgotten of request.forgotten) session.partitions.delete(keyOf(session, forgotten))
    for (const wanted of partitions) {
      const key = keyOf(session, wanted)
      const known = session.partitions.get(key)
      if (known) Object.assign(known, wanted)
      else session.partitions.set(key, untold(wanted))
    }
    return { sessionId, isIncremental: true, session, partitions: [...session.partitions.values()] }
  }

  /** Moves a partition that has just got data behind the others, so that all get their turn. */
  static rotate(session: FetchSession, partition: FetchPartition): void {
    const key = keyOf(session, partition)
    const known = session.partitions.get(key)
    if (!known) return
    session.partitions.delete(key)
    session.partitions.set(key, known)
  }

  /** Undefined for a partition of no session. */
  static told(partition: FetchPartition): SessionPartition | undefined {
    return 'toldError' in partition ? (partition as SessionPartition) : undefined
  }

  #create({ usesTopicIds, partitions }: FetchSessionRequest, nowMs: number): FetchSession | undefined {
    if (partitions.length === 0 || !this.#makeRoom(nowMs)) return undefined
    let id: number
    do id = randomInt(1, 2 ** 31 - 1)
    while (this.#sessions.has(id))
    const session: FetchSession = {
      id,
      epoch: 1,
      usesTopicIds,
      partitions: new Map(partitions.map((wanted) => [keyOf({ usesTopicIds }, wanted), untold(wanted)])),
      lastUsedMs: nowMs,
    }
    this.#sessions.set(id, session)
    return session
  }

  /** The map is in order of last use. */
  #makeRoom(nowMs: number): boolean {
    if (this.#sessions.size < this.#slots()) return true
    const [oldest] = this.#sessions.values()
    if (!oldest || nowMs - oldest.lastUsedMs < evictableAfterMs) return false
    return this.#sessions.delete(oldest.id)
  }
}

function untold(partition: FetchPartition): SessionPartition {
  return { ...partition, toldHighWatermark: -1, toldLogStartOffset: -1, toldError: false }
}
