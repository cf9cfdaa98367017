/**
 * How fast this broker may send, or fetch, what throttled replicas lack (KIP-73). An answer is sent whole and may
 * overdraw the quota; nothing more goes until time has made up for it, so that the rate holds over time.
 */

/** What may go at once after a rest: a second's worth. */
const burstSeconds = 1

export class ReplicationQuota {
  readonly #bytesPerSecond: () => number
  readonly #now: () => number
  /** May be negative. */
  #left = Number.POSITIVE_INFINITY
  #asOfMs: number

  /** `now` is monotonic, in ms. An infinite rate throttles nothing, 0 everything. */
  constructor(bytesPerSecond: () => number, now: () => number) {
    this.#bytesPerSecond = bytesPerSecond
    this.#now = now
    this.#asOfMs = now()
  }

  /** False where more must wait, besides `pending` bytes that are about to be recorded. */
  allows(pending = 0): boolean {
    return this.#refill() - pending > 0
  }

  record(bytes: number): void {
    this.#left = this.#refill() - bytes
  }

  /** How long until something is allowed, with the rate of now; 0 where it is. */
  untilAllowedMs(): number {
    const left = this.#refill()
    return left > 0 ? 0 : ((1 - left) * 1_000) / this.#bytesPerSecond()
  }

  #refill(): number {
    const rate = this.#bytesPerSecond()
    const nowMs = this.#now()
    const earned = Number.isFinite(rate) ? (rate * (nowMs - this.#asOfMs)) / 1_000 : Number.POSITIVE_INFINITY
    this.#asOfMs = nowMs
    this.#left = Math.min(rate * burstSeconds, this.#left + earned)
    return this.#left
  }
}

/** Whether `list`, of `partition:broker` each or `*`, names this replica. */
export function namesReplica(list: readonly string[], partition: number, brokerId: number): boolean {
  return list.length > 0 && (list.includes('*') || list.includes(`${partition}:${brokerId}`))
}
