/**
 * One budget in bytes for all frames of all connections (`queued.max.request.bytes`): those being received and
 * those being handled.
 *
 * Frames being received may hold half of it, large ones three eighths; the rest is for frames that are whole, which
 * their handlers give back by themselves. So half-sent frames alone never stop the reading of small ones, nor large
 * ones that of ordinary ones. A frame that wants to grow beyond that waits, smaller ones first. One of the waiting at a time is the finisher: it may grow up to its announced
 * size whatever is held. It loses its turn when it sends nothing, and its connection when it starts and then
 * dawdles. Hence nothing deadlocks, a frame larger than what is left goes through when little else is held, and
 * what is held stays below the budget plus one frame.
 */
import { setTimeout, type Timer } from '../time/index.js'

/** What the budget asks of the reader of one connection. */
export interface BudgetUser {
  /** Stop reading the socket: the budget is spent by frames being handled. */
  hold(): void
  /** Read again. */
  resume(): void
  /** The begun frame holds the memory that it waited for. */
  granted(): void
  /** It is the begun frame's turn: read, and ask again when there are bytes to put there. */
  proceed(): void
  /** The begun frame has to wait again. */
  wait(): void
  /** The begun frame had its turn beyond the budget and dawdles. */
  tooSlow(): void
}

/** The share of one connection. */
export class FrameClaim {
  readonly user: BudgetUser
  /** Bytes that the frame being received holds. */
  reserved = 0
  /** True while it is among the waiting. */
  waiting = false
  /** Bytes that it asked for and does not hold. */
  wanted = 0
  /** Size that the frame being received has announced. */
  announced = 0
  /** Bytes of it that have arrived. */
  received = 0
  held = false
  /** Position among the waiting: time of the request, later for larger frames. */
  rank = 0

  constructor(user: BudgetUser) {
    this.user = user
  }
}

/** Larger than what clients send by default (a batch or a request of 1 MB). */
const largeBytes = 2 * 1024 * 1024
/** Of two waiting frames the one that is 1 MB smaller goes first, unless it came a second later. */
const rankBytesPerMs = 1_000
/** How often the finisher is looked at, and what a frame that has lost its turn stands back. */
const turnMs = 100
const lostTurnMs = 1_000
/** A finisher below this rate (250 KB/s) for `dawdlingTurns` loses its connection, if others wait. */
const turnBytes = 25_000
const dawdlingTurns = 10

function isLarge(claim: FrameClaim): boolean {
  return claim.announced > largeBytes
}

export class FrameBudget {
  #capacity: number
  /** Bytes of begun frames, without the finisher's. */
  #receiving = 0
  /** Bytes of whole frames that are not answered. */
  #handling = 0
  /** Bytes that were read before their frame had to wait. */
  #stashed = 0
  #claims = new Set<FrameClaim>()
  #waiting: FrameClaim[] = []
  #finisher: FrameClaim | undefined
  #receivedAtElection = 0
  #receivedAtTurn = 0
  #dawdled = 0
  #turn: Timer | undefined
  #spent = false
  #settling = false

  /** A capacity of -1 or Infinity has no bound. */
  constructor(capacity: number) {
    this.#capacity = capacity < 0 ? Number.POSITIVE_INFINITY : capacity
  }

  get capacity(): number {
    return this.#capacity
  }

  set capacity(bytes: number) {
    this.#capacity = bytes < 0 ? Number.POSITIVE_INFINITY : bytes
    this.#settle()
  }

  /** Bytes held by all frames. */
  get held(): number {
    return this.#receiving + this.#handling + this.#stashed + (this.#finisher?.reserved ?? 0)
  }

  /** True while frames may start with a generous buffer: less than half of the receiving share is taken. */
  get roomy(): boolean {
    return this.#receiving < this.#receivingShare / 2 && !this.#spent
  }

  /** True when reads should be small: what was read and has to wait takes an eighth of the budget. */
  get crowded(): boolean {
    return this.#stashed > this.#capacity / 8
  }

  /** Bytes that were read, and wait with their frame: at most one read of a connection. They hold nobody up. */
  stash(bytes: number): void {
    this.#stashed += bytes
  }

  unstash(bytes: number): void {
    this.#stashed -= bytes
  }

  get #receivingShare(): number {
    return this.#capacity / 2
  }

  join(user: BudgetUser): FrameClaim {
    const claim = new FrameClaim(user)
    this.#claims.add(claim)
    if (this.#spent) this.#hold(claim)
    return claim
  }

  /** The connection is closed: its begun frame is given back. Frames being handled stay until `give`. */
  leave(claim: FrameClaim): void {
    this.#claims.delete(claim)
    this.#forget(claim)
    this.#settle()
  }

  /** Bytes of whole frames, already in memory. */
  take(bytes: number): void {
    this.#handling += bytes
    if (!this.#spent && this.#taken >= this.#capacity) {
      this.#spent = true
      for (const claim of this.#claims) this.#hold(claim)
    }
  }

  /** Gives back bytes of whole frames. */
  give(bytes: number): void {
    this.#handling -= bytes
    if (this.#spent || this.#waiting.length > 0) this.#settle()
  }

  /** True when the begun frame may hold `bytes` more; else it waits until it may `proceed`. */
  grow(claim: FrameClaim, bytes: number): boolean {
    if (claim !== this.#finisher) {
      claim.wanted = bytes
      const first = this.#waiting[0]
      const hasTurn = first === undefined || (isLarge(first) && !isLarge(claim))
      if (!hasTurn || !this.#hasRoom(claim)) {
        this.#enqueue(claim, 0)
        if (this.#waiting[0] !== claim || !this.#mayElect()) {
          this.#watchFinisher()
          return false
        }
        this.#elect()
      } else {
        this.#receiving += bytes
      }
    }
    claim.reserved += bytes
    // A finisher that loses its turn must not be given the same again.
    claim.wanted = 0
    return true
  }

  /** The begun frame is whole: what it holds is from now on `bytes` of frames being handled. */
  complete(claim: FrameClaim, bytes: number): void {
    this.#forget(claim)
    this.take(bytes)
    if (this.#waiting.length > 0) this.#settle()
  }

  get #taken(): number {
    return this.#handling + Math.min(this.#receiving, this.#receivingShare)
  }

  #hold(claim: FrameClaim): void {
    if (claim.held || claim === this.#finisher) return
    claim.held = true
    claim.user.hold()
  }

  #forget(claim: FrameClaim): void {
    if (claim.waiting) this.#waiting.splice(this.#waiting.indexOf(claim), 1)
    if (claim === this.#finisher) this.#finisher = undefined
    else this.#receiving -= claim.reserved
    claim.waiting = false
    claim.reserved = 0
  }

  /** Wakes whom the bytes just given back suffice for. What wakes gives back too: the loop takes that up. */
  #settle(): void {
    if (this.#settling) return
    this.#settling = true
    this.#resumeHeld()
    while (!this.#spent && this.#grantNext()) this.#resumeHeld()
    this.#settling = false
  }

  #resumeHeld(): void {
    // An eighth of slack, lest every frame given back stops and starts all sockets.
    if (this.#spent && this.#taken < this.#capacity * 0.875) {
      this.#spent = false
      for (const claim of this.#claims) {
        if (this.#spent) break
        if (!claim.held) continue
        claim.held = false
        claim.user.resume()
      }
    }
  }

  #grantNext(): boolean {
    if (this.#waiting.length === 0) return false
    const at = this.#waiting.findIndex((claim) => this.#hasRoom(claim))
    if (at === -1 && !this.#mayElect()) return false
    const claim = this.#waiting[Math.max(at, 0)]!
    if (at === -1) {
      this.#elect()
      claim.user.proceed()
    } else {
      this.#waiting.splice(at, 1)
      claim.waiting = false
      claim.reserved += claim.wanted
      this.#receiving += claim.wanted
      claim.wanted = 0
      claim.user.granted()
    }
    return true
  }

  #hasRoom(claim: FrameClaim): boolean {
    const share = this.#receivingShare * (isLarge(claim) ? 0.75 : 1)
    return this.#receiving + claim.wanted <= share
  }

  #enqueue(claim: FrameClaim, delayMs: number): void {
    claim.waiting = true
    claim.rank = performance.now() + delayMs + claim.announced / rankBytesPerMs
    const at = this.#waiting.findIndex((other) => other.rank > claim.rank)
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, claim)
  }

  /** INVARIANT: at most one finisher, and a new one only while frames being handled hold a quarter at most. */
  #mayElect(): boolean {
    return this.#finisher === undefined && this.#handling <= this.#capacity / 4
  }

  #elect(): void {
    const claim = this.#waiting.shift()!
    claim.waiting = false
    this.#finisher = claim
    this.#receiving -= claim.reserved
    this.#receivedAtElection = claim.received
    this.#receivedAtTurn = claim.received
    this.#dawdled = 0
    this.#watchFinisher()
  }

  /** While others wait, the finisher has to use its turn. */
  #watchFinisher(): void {
    if (this.#turn !== undefined) return
    const watched = this.#finisher
    this.#turn = setTimeout(() => {
      this.#turn = undefined
      const claim = this.#finisher
      if (this.#waiting.length === 0) return
      if (claim !== undefined && claim === watched) this.#judge(claim)
      this.#settle()
      if (this.#finisher !== undefined) this.#watchFinisher()
    }, turnMs).unref()
  }

  #judge(claim: FrameClaim): void {
    const received = claim.received - this.#receivedAtTurn
    this.#receivedAtTurn = claim.received
    if (received >= turnBytes) {
      this.#dawdled = 0
    } else if (claim.received === this.#receivedAtElection) {
      // It has sent nothing, so it may stand back; the others may have bytes to send.
      this.#finisher = undefined
      this.#receiving += claim.reserved
      this.#enqueue(claim, lostTurnMs)
      claim.user.wait()
    } else if (++this.#dawdled >= dawdlingTurns) {
      claim.user.tooSlow()
    }
  }
}
