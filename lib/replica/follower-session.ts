/** The follower's side of an incremental fetch session (KIP-227): a request names only what changed since the last. */
import type { FetchRequest } from '../protocol/index.js'
import type { FetchedPartition } from './fetched-partition.js'

type WantedTopic = FetchRequest['topics'][number]
type Wanted = WantedTopic['partitions'][number]
type ForgottenTopic = FetchRequest['forgottenTopicsData'][number]

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: Pick<WantedTopic, 'topicId' | 'partitions'>[]
  readonly forgottenTopicsData: Pick<ForgottenTopic, 'topicId' | 'partitions'>[]
}

interface Told {
  readonly fetched: FetchedPartition
  readonly fetchOffset: number
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
  readonly maxBytes: number
}

export class FollowerSession {
  #id = 0
  #epoch = 0
  #told = new Map<string, Told>()

  /** The leader knows nothing of the session any more: the next request names everything. */
  reset(): void {
    this.#id = 0
    this.#epoch = 0
    this.#told.clear()
  }

  next(wanted: ReadonlyMap<string, FetchedPartition>, maxBytes: number): SessionRequest {
    const topics = new Map<string, Wanted[]>()
    const forgotten = new Map<string, number[]>()
    for (const [key, { fetched }] of this.#told) {
      // One that is followed anew is told of as if it had not been there: the answer must name it.
      if (wanted.get(key) === fetched) continue
      this.#told.delete(key)
      entryOf(forgotten, fetched.partition.topicId).push(fetched.partition.partition)
    }
    for (const [key, fetched] of wanted) {
      const known = this.#told.get(key)
      if (!fetched.isMoved && known?.fetched === fetched && known.maxBytes === maxBytes) continue
      fetched.isMoved = false
      const { partition, leaderEpoch } = fetched
      const { logEndOffset: fetchOffset, logStartOffset, epochs } = partition.log
      const lastFetchedEpoch = epochs.latestEpoch
      if (
        known?.fetchOffset === fetchOffset &&
        known.lastFetchedEpoch === lastFetchedEpoch &&
        known.logStartOffset === logStartOffset &&
        known.maxBytes === maxBytes
      ) {
        continue
      }
      this.#told.set(key, { fetched, fetchOffset, lastFetchedEpoch, logStartOffset, maxBytes })
      entryOf(topics, partition.topicId).push({
        partition: partition.partition,
        currentLeaderEpoch: leaderEpoch,
        fetchOffset,
        lastFetchedEpoch,
        logStartOffset,
        partitionMaxBytes: maxBytes,
      } as Wanted)
    }
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
      forgottenTopicsData:
        this.#epoch === 0 ? [] : [...forgotten].map(([topicId, partitions]) => ({ topicId, partitions })),
    }
  }

  /** The leader has answered; 0: it keeps no session. */
  accept(sessionId: number): void {
    if (sessionId === 0) {
      this.reset()
      return
    }
    this.#id = sessionId
    this.#epoch = this.#epoch === 2 ** 31 - 1 ? 1 : this.#epoch + 1
  }
}

function entryOf<T>(map: Map<string, T[]>, key: string): T[] {
  let entry = map.get(key)
  if (!entry) map.set(key, (entry = []))
  return entry
}
