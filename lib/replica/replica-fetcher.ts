/**
 * Fetches partitions from one leader over one connection: one request for all of them, its answer appended, then the
 * next. Requests do not overlap, because a fetch acknowledges what lies below its offsets: an earlier one would
 * speak of records that are not appended yet. More than one fetcher for a leader (`num.replica.fetchers`) overlap.
 *
 * Memory: one answer at a time, bounded by `replica.fetch.response.max.bytes` and one batch more.
 */
import type { Logger } from 'pino'
import { ErrorCode, errorName, type FetchResponse } from '../protocol/index.js'
import { clearTimeout, setTimeout } from '../time/index.js'
import type { FetchedPartition } from './fetched-partition.js'
import { FollowerSession } from './follower-session.js'
import type { LeaderAddress, LeaderConnection, LeaderDialler } from './leader-connection.js'
import type { ReplicationQuota } from './replication-quota.js'

/** Settings as of now. */
export interface FetcherSettings {
  readonly maxBytes: number
  readonly responseMaxBytes: number
  readonly minBytes: number
  readonly maxWaitMs: number
  readonly backoffMs: number
  readonly requestTimeoutMs: number
  /** The largest batch there may be, on top of `responseMaxBytes`. */
  readonly largestBatchBytes: number
}

export interface FetcherOptions {
  readonly nodeId: number
  readonly leaderId: number
  readonly settings: FetcherSettings
  readonly log: Logger
  readonly quota: ReplicationQuota
  readonly dialLeader: LeaderDialler
  /** Of this broker. */
  brokerEpoch(): number
  /** Where the leader listens for brokers, as far as it is known. */
  address(): LeaderAddress | undefined
}

/** How often a quota that holds something back is looked at, at least. */
const quotaLookMs = 1_000

/**
 * What decides who is fetched and how long the others rest. Read once for both: one whose rest ended in between would
 * be neither fetched nor waited for.
 */
interface Moment {
  readonly now: number
  readonly mayFetchAll: boolean
}

export class ReplicaFetcher {
  readonly #options: FetcherOptions
  readonly #partitions = new Map<string, FetchedPartition>()
  readonly #session = new FollowerSession()
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #connection: LeaderConnection | undefined
  /** A fetch waits at the leader. */
  #isParked = false
  #isProgressDue = false
  /** Whose flush positions may have risen since they were told: a few of thousands. */
  readonly #untold = new Set<FetchedPartition>()
  /** This broker's epoch when flush positions were told last. */
  #toldEpoch = -1
  #mustEndFetch = false
  #wake: (() => void) | undefined

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0
  }

  /** REQUIRES: the partition is not fetched by anybody else. */
  add(fetched: FetchedPartition): void {
    this.#partitions.set(fetched.key, fetched)
    fetched.partition.onFollowerFlushed = () => {
      this.#untold.add(fetched)
      this.#progress()
    }
    this.#wake?.()
    // The fetch that waits at the leader does not know of it.
    if (this.#isParked) {
      this.#mustEndFetch = true
      this.#progress()
    }
  }

  /** Resolves when nothing of the partition is under way. */
  async remove(key: string): Promise<void> {
    const fetched = this.#partitions.get(key)
    if (!fetched) return
    this.#partitions.delete(key)
    fetched.partition.onFollowerFlushed = undefined
    await fetched.stop()
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#connection?.close()
    this.#wake?.()
    await this.#running
    await Promise.all([...this.#partitions.keys()].map((key) => this.remove(key)))
  }

  async #run(): Promise<void> {
    const { log, leaderId, settings } = this.#options
    let failures = 0
    while (!this.#abort.signal.aborted) {
      const moment = this.#moment()
      if (!this.#isAnyReady(moment)) {
        await this.#rest(this.#untilRetryMs(moment))
        continue
      }
      try {
        const connection = await this.#connect()
        // Only now: what came in while it was dialled would else wait for as long as the first fetch does.
        await this.#round(connection, this.#moment())
        if (this.#toldEpoch !== this.#options.brokerEpoch()) this.#progress()
        failures = 0
      } catch (error) {
        this.#connection?.close()
        this.#connection = undefined
        if (this.#abort.signal.aborted) return
        failures++
        log[failures === 1 ? 'warn' : 'debug']({ err: error, leader: leaderId }, 'cannot fetch from a leader')
        await this.#rest(Math.min(settings.backoffMs, 20 * 2 ** Math.min(failures, 20)))
      }
    }
  }

  #moment(): Moment {
    return { now: performance.now(), mayFetchAll: this.#options.quota.allows() }
  }

  #isAnyReady(moment: Moment): boolean {
    for (const _ of this.#ready(moment)) return true
    return false
  }

  /** What is to be fetched now: neither at rest after a failure nor held back by the quota. */
  *#ready({ now, mayFetchAll }: Moment): Iterable<[string, FetchedPartition]> {
    for (const entry of this.#partitions) {
      const [, { retryAtMs, partition }] = entry
      if (retryAtMs <= now && (mayFetchAll || !partition.isThrottledAsFollower)) yield entry
    }
  }

  /** Until the first of those that rest, or that the quota holds back, may be fetched again. */
  #untilRetryMs({ now, mayFetchAll }: Moment): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { retryAtMs } of this.#partitions.values()) {
      if (retryAtMs > now && retryAtMs < earliest) earliest = retryAtMs
    }
    if (mayFetchAll) return earliest - now
    // A quota that is raised or lifted must not be heard of too late.
    return Math.min(earliest - now, this.#options.quota.untilAllowedMs(), quotaLookMs)
  }

  /** Until time is over, or a partition comes in, or the fetcher is closed. */
  #rest(ms: number): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.max(ms, 1)) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    }).then(() => {
      this.#wake = undefined
    })
  }

  async #connect(): Promise<LeaderConnection> {
    if (this.#connection && !this.#connection.closed) return this.#connection
    const { nodeId, leaderId, settings, dialLeader } = this.#options
    const address = this.#options.address()
    if (!address) throw new Error(`broker ${leaderId} has no listener that this one could reach`)
    this.#connection = await dialLeader(address, {
      nodeId,
      timeoutMs: settings.requestTimeoutMs,
      maxResponseBytes: settings.responseMaxBytes + settings.largestBatchBytes,
      signal: this.#abort.signal,
    })
    this.#session.reset()
    // What the connection before had been told may not have got through.
    for (const fetched of this.#partitions.values()) {
      fetched.isValidated = false
      fetched.toldFlushedOffset = -1
    }
    this.#untold.clear()
    return this.#connection
  }

  async #round(connection: LeaderConnection, moment: Moment): Promise<void> {
    const { nodeId, settings } = this.#options
    const ready = new Map(this.#ready(moment))
    const request = {
      ...this.#session.next(ready, settings.maxBytes),
      maxWaitMs: Math.ceil(Math.min(settings.maxWaitMs, this.#untilRetryMs(moment))),
      minBytes: settings.minBytes,
      maxBytes: settings.responseMaxBytes,
      isolationLevel: 0,
      replicaState: { replicaId: nodeId, replicaEpoch: this.#options.brokerEpoch() },
    }
    this.#isParked = true
    const body = await connection.fetch(request).finally(() => {
      this.#isParked = false
    })
    if (
      body.errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ||
      body.errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH
    ) {
      this.#session.reset()
      return
    }
    if (body.errorCode !== ErrorCode.NONE) throw new Error(`the leader answered ${errorName(body.errorCode)}`)
    this.#session.accept(body.sessionId)
    await this.#take(body, ready)
  }

  async #take(body: FetchResponse, asked: ReadonlyMap<string, FetchedPartition>): Promise<void> {
    const now = performance.now()
    const { quota } = this.#options
    const work: Promise<void>[] = []
    for (const { topicId, partitions } of body.responses) {
      for (const data of partitions) {
        const fetched = asked.get(`${topicId}/${data.partitionIndex}`)
        if (!fetched || this.#partitions.get(fetched.key) !== fetched) continue
        if (fetched.partition.isThrottledAsFollower) quota.record(data.records?.byteLength ?? 0)
        const taken = fetched.take(data, now, this.#options.settings.backoffMs)
        // Not before: what is not validated yet is told of no flush position, and forgotten.
        work.push(taken.then(() => void this.#untold.add(fetched)))
      }
    }
    if (work.length === 0) return
    await Promise.all(work)
    this.#progress()
  }

  /** Tells the leader soon how far the logs are on disk: once for all that a turn of the event loop brings. */
  #progress(): void {
    if (this.#isProgressDue) return
    this.#isProgressDue = true
    setImmediate(() => {
      this.#isProgressDue = false
      this.#tellProgress()
    })
  }

  #tellProgress(): void {
    const connection = this.#connection
    const endFetch = this.#mustEndFetch && this.#isParked
    this.#mustEndFetch = false
    if (!connection || connection.closed) return
    const brokerEpoch = this.#options.brokerEpoch()
    if (brokerEpoch !== this.#toldEpoch) {
      // A leader forgets what it was told under another epoch.
      this.#toldEpoch = brokerEpoch
      for (const fetched of this.#partitions.values()) {
        fetched.toldFlushedOffset = -1
        this.#untold.add(fetched)
      }
    }
    const topics = new Map<string, { partition: number; leaderEpoch: number; flushedOffset: number }[]>()
    for (const fetched of this.#untold) {
      const { topicId, partition, log } = fetched.partition
      // One that is not validated is told of after the answer that makes it so.
      if (this.#partitions.get(fetched.key) !== fetched || !fetched.isValidated) continue
      const { flushedOffset } = log
      if (fetched.toldFlushedOffset === flushedOffset) continue
      fetched.toldFlushedOffset = flushedOffset
      const partitions = topics.get(topicId) ?? []
      partitions.push({ partition, leaderEpoch: fetched.leaderEpoch, flushedOffset })
      topics.set(topicId, partitions)
    }
    this.#untold.clear()
    if (topics.size === 0 && !endFetch) return
    connection.tellProgress({
      replicaId: this.#options.nodeId,
      replicaEpoch: brokerEpoch,
      endFetch,
      topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
    })
  }
}
