/**
 * What the leader of a partition knows of its followers, for as long as it leads in one epoch: how far each has the
 * log, who is in sync, and which change of that is under way. Decides nothing by I/O: time and the metadata store
 * come from its environment.
 *
 * A fetch of a follower acknowledges all that lies below its offset. From then on the follower counts:
 *
 * INVARIANT: what is committed is in the log of every member of the maximal ISR: of the ISR that the metadata store
 * is known to hold, and of one that was sent to it and may have been written.
 * INVARIANT: what was acknowledged as durable is on disk at each of them; so a follower joins only when all of that
 * is on its disk, and all from before this leader too.
 */
import type { IsrChange, IsrWriter } from './isr-writer.js'

/** A partition's state as the cluster's image has it. */
export interface PartitionState {
  /** −1 without one. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/** What a leader needs of the broker around it. */
export interface LeaderEnvironment {
  readonly nodeId: number
  readonly isrWriter: IsrWriter
  /** True once this broker's lease has ended: other brokers may lead what it believes to lead. */
  isFenced(): boolean
  /** `replica.lag.time.max.ms`. */
  readonly lagTimeMaxMs: number
  /** Monotonic, in ms. */
  now(): number
  /** Calls back once; must not keep the process alive. */
  schedule(delayMs: number, work: () => void): void
  /** True where the broker is registered under this epoch, as far as this one has been told. */
  isRegistered(brokerId: number, brokerEpoch: number): boolean
}

/** A follower as its requests name it. */
export interface FollowerId {
  readonly id: number
  readonly brokerEpoch: number
}

/** A follower that consumers may read from, as its leader knows it. */
export interface ReadableFollower {
  readonly id: number
  readonly logEndOffset: number
  /** Monotonic, in ms: when it had all that the leader had then. */
  readonly lastCaughtUpMs: number
}

interface Follower {
  brokerEpoch: number
  /** −1 until it has fetched in this epoch. */
  logEndOffset: number
  flushedOffset: number
  logStartOffset: number
  /** When it had all that the leader had then. */
  lastCaughtUpMs: number
  lastFetchMs: number
  leaderEndAtLastFetch: number
}

interface PendingChange {
  isr: readonly number[]
  joiner: FollowerId | undefined
  readonly maximal: readonly number[]
  /** It was sent at least once without an answer. */
  isUncertain: boolean
}

/** How long what is not known to be written waits before it is sent again. */
const retryMs = 500
/** A follower that is about to join holds the watermark back for so long after its last fetch. */
const joinPatienceMs = 1_000

export class Leadership {
  readonly leaderEpoch: number
  /** Where the log ended when this epoch began: all that was committed before lies below. */
  readonly epochStartOffset: number
  readonly #environment: LeaderEnvironment
  readonly #subject: { readonly topicId: string; readonly partition: number }
  readonly #onChanged: () => void
  readonly #followers = new Map<number, Follower>()
  #state: PartitionState
  #change: PendingChange | undefined
  #acknowledgedOffset = -1
  #isLookingAgain = false
  #ended = false

  /** `onChanged` is called when watermark and acknowledgements may be others without a fetch or a flush. */
  constructor(
    environment: LeaderEnvironment,
    subject: { topicId: string; partition: number },
    state: PartitionState,
    logEndOffset: number,
    onChanged: () => void,
  ) {
    this.leaderEpoch = state.leaderEpoch
    this.epochStartOffset = logEndOffset
    this.#environment = environment
    this.#subject = { topicId: subject.topicId, partition: subject.partition }
    this.#onChanged = onChanged
    this.#state = state
    this.#takeReplicas()
  }

  /** As the metadata store is known to hold it. */
  get isr(): readonly number[] {
    return this.#state.isr
  }

  /** The members that have to have what is committed. */
  get maximalIsr(): readonly number[] {
    return this.#change?.maximal ?? this.#state.isr
  }

  /** A newer state of the same leader epoch: what was under way has been written, or never will be. */
  update(state: PartitionState): void {
    if (state.partitionEpoch <= this.#state.partitionEpoch) return
    this.#state = state
    this.#change = undefined
    this.#takeReplicas()
    this.#onChanged()
  }

  /** Another leads, or another epoch began: nothing is written any more. */
  end(): void {
    this.#ended = true
  }

  isReplica(id: number): boolean {
    return this.#followers.has(id)
  }

  /** The followers in sync whose log, as far as they have told, holds or ends at `offset`. */
  followersAt(offset: number): ReadableFollower[] {
    const found: ReadableFollower[] = []
    for (const [id, { logStartOffset, logEndOffset, lastCaughtUpMs }] of this.#followers) {
      if (!this.#state.isr.includes(id) || logStartOffset > offset || logEndOffset < offset) continue
      found.push({ id, logEndOffset, lastCaughtUpMs })
    }
    return found
  }

  /** A follower asks for what comes at `fetchOffset`: it has all below. */
  fetched(
    { id, brokerEpoch }: FollowerId,
    fetchOffset: number,
    logStartOffset: number,
    logEndOffset: number,
  ): void {
    const follower = this.#followers.get(id)
    // A log that ends behind this one is another one: it is about to be told so, and has not what it seems to have.
    if (!follower || brokerEpoch < follower.brokerEpoch || fetchOffset > logEndOffset) return
    const now = this.#environment.now()
    this.#identify(follower, brokerEpoch)
    if (fetchOffset >= logEndOffset) follower.lastCaughtUpMs = now
    else if (fetchOffset >= follower.leaderEndAtLastFetch)
      follower.lastCaughtUpMs = Math.max(follower.lastCaughtUpMs, follower.lastFetchMs)
    follower.logEndOffset = fetchOffset
    follower.logStartOffset = logStartOffset
    follower.lastFetchMs = now
    follower.leaderEndAtLastFetch = logEndOffset
  }

  /** A follower that is held back is about to join no more. */
  throttled(id: number): void {
    const follower = this.#followers.get(id)
    if (follower && !this.#state.isr.includes(id)) follower.lastCaughtUpMs = Number.NEGATIVE_INFINITY
  }

  /** A follower has all below `flushedOffset` on disk. It tells so once its log is known to be the leader's. */
  flushed({ id, brokerEpoch }: FollowerId, flushedOffset: number): void {
    const follower = this.#followers.get(id)
    if (!follower || brokerEpoch < follower.brokerEpoch) return
    this.#identify(follower, brokerEpoch)
    // One of a connection before this one may come late: it is told once alone, so it must take nothing back.
    follower.flushedOffset = Math.max(follower.flushedOffset, flushedOffset)
  }

  /** All below it is in every log that counts. */
  committedOffset(logEndOffset: number): number {
    if (this.#followers.size === 0) return logEndOffset
    return this.#lowest(logEndOffset, (follower) => follower.logEndOffset)
  }

  /** All below it is on every disk that counts. */
  durableOffset(highWatermark: number, flushedOffset: number): number {
    const own = Math.min(highWatermark, flushedOffset)
    const durable = this.#lowest(own, (follower) => follower.flushedOffset)
    if (durable > this.#acknowledgedOffset) this.#acknowledgedOffset = durable
    return durable
  }

  /** What lies below it has been let go by every in-sync replica. */
  lowestLogStart(logStartOffset: number): number {
    let lowest = logStartOffset
    for (const id of this.maximalIsr)
      lowest = Math.min(lowest, this.#followers.get(id)?.logStartOffset ?? lowest)
    return lowest
  }

  /** Takes a follower into the ISR that has all that it must. With `isCached` nothing need be on its disk. */
  considerJoin(id: number, highWatermark: number, isCached: boolean): void {
    const follower = this.#followers.get(id)
    if (!follower || this.#change || this.#ended || this.#state.isr.includes(id)) return
    if (follower.logEndOffset < Math.max(highWatermark, this.epochStartOffset)) return
    if (!isCached && follower.flushedOffset < Math.max(this.#acknowledgedOffset, this.epochStartOffset))
      return
    const { brokerEpoch } = follower
    if (!this.#environment.isRegistered(id, brokerEpoch)) return
    const isr = this.#state.replicas.filter((replica) => replica === id || this.#state.isr.includes(replica))
    this.#propose(isr, { id, brokerEpoch })
  }

  /** A member that lacks what is committed has lost it: it must not be elected. */
  dropIfBehind(id: number, highWatermark: number): void {
    const follower = this.#followers.get(id)
    if (!follower || this.#change || this.#ended || follower.logEndOffset >= highWatermark) return
    const isr = this.#state.isr.filter((member) => member !== id)
    if (isr.length < this.#state.isr.length) this.#propose(isr, undefined)
  }

  /** Takes those out of the ISR that have not had the whole log for `replica.lag.time.max.ms`. */
  dropLaggards(logEndOffset: number): void {
    if (this.#change || this.#ended) return
    const now = this.#environment.now()
    const isr = this.#state.isr.filter((id) => {
      const follower = this.#followers.get(id)
      if (!follower || follower.logEndOffset === logEndOffset) return true
      return now - follower.lastCaughtUpMs <= this.#environment.lagTimeMaxMs
    })
    if (isr.length < this.#state.isr.length) this.#propose(isr, undefined)
  }

  #lowest(own: number, offsetOf: (follower: Follower) => number): number {
    let lowest = own
    let isHeldByJoiner = false
    const maximal = this.maximalIsr
    for (const [id, follower] of this.#followers) {
      const offset = offsetOf(follower)
      if (offset >= lowest) continue
      if (maximal.includes(id)) lowest = offset
      else if (this.#isJoining(id, follower)) {
        lowest = offset
        isHeldByJoiner = true
      }
    }
    if (isHeldByJoiner) this.#lookAgain()
    return lowest
  }

  /** Under load a follower would never have all that is committed, if what is committed did not wait for it. */
  #isJoining(id: number, { brokerEpoch, lastCaughtUpMs, lastFetchMs }: Follower): boolean {
    const { lagTimeMaxMs } = this.#environment
    const now = this.#environment.now()
    if (now - lastCaughtUpMs > lagTimeMaxMs || now - lastFetchMs > joinPatienceMs) return false
    return this.#environment.isRegistered(id, brokerEpoch)
  }

  /** A joiner that goes away must not hold the watermark until something else happens. */
  #lookAgain(): void {
    if (this.#isLookingAgain) return
    this.#isLookingAgain = true
    this.#environment.schedule(joinPatienceMs, () => {
      this.#isLookingAgain = false
      if (!this.#ended) this.#onChanged()
    })
  }

  /** A follower that started anew has to say anew what it has. */
  #identify(follower: Follower, brokerEpoch: number): void {
    if (follower.brokerEpoch === brokerEpoch) return
    if (follower.brokerEpoch >= 0) {
      follower.logEndOffset = -1
      follower.flushedOffset = -1
    }
    follower.brokerEpoch = brokerEpoch
  }

  #takeReplicas(): void {
    const { replicas, isr } = this.#state
    const { nodeId } = this.#environment
    for (const id of this.#followers.keys()) if (!replicas.includes(id)) this.#followers.delete(id)
    for (const id of replicas) {
      if (id === nodeId || this.#followers.has(id)) continue
      this.#followers.set(id, {
        brokerEpoch: -1,
        logEndOffset: -1,
        flushedOffset: -1,
        logStartOffset: -1,
        // Members get the time that a laggard has to be heard of.
        lastCaughtUpMs: isr.includes(id) ? this.#environment.now() : Number.NEGATIVE_INFINITY,
        lastFetchMs: Number.NEGATIVE_INFINITY,
        leaderEndAtLastFetch: Number.POSITIVE_INFINITY,
      })
    }
  }

  #propose(isr: readonly number[], joiner: FollowerId | undefined): void {
    const maximal = [...new Set([...this.#state.isr, ...isr])]
    this.#change = { isr, joiner, maximal, isUncertain: false }
    void this.#send(this.#change)
  }

  /** Sends the change until the image shows what became of it; the maximal ISR counts for as long. */
  async #send(change: PendingChange): Promise<void> {
    const { partitionEpoch } = this.#state
    const request: IsrChange = {
      ...this.#subject,
      leaderEpoch: this.leaderEpoch,
      partitionEpoch,
      isr: change.isr,
      joiner: change.joiner,
    }
    const outcome = await this.#environment.isrWriter.write(request).catch(() => undefined)
    if (this.#change !== change || this.#ended) return
    if (outcome === 'written') return
    if (outcome === 'ineligible' && !change.isUncertain) {
      this.#change = undefined
      this.#onChanged()
      return
    }
    if (outcome === 'ineligible') {
      // An earlier try may still get through: writing the ISR as it is puts the key out of its reach.
      change.isr = this.#state.isr
      change.joiner = undefined
    }
    if (outcome === undefined) change.isUncertain = true
    this.#environment.schedule(retryMs, () => {
      if (this.#change === change && !this.#ended) void this.#send(change)
    })
  }
}
