/**
 * Keeps a stream of I/O to a number of bytes a second, on average since it began to run ahead.
 */
import { sleep } from '../time/index.js'

/** Less than this is not worth a timer. */
const shortestPauseMs = 5

export class IoThrottle {
  readonly #maxBytesPerSecond: () => number
  /** When what was used so far is paid for, on the monotonic clock. */
  #paidAt = 0

  constructor(maxBytesPerSecond: () => number) {
    this.#maxBytesPerSecond = maxBytesPerSecond
  }

  /** Resolves when as many bytes may have been read or written. Rejects when the signal is aborted. */
  async used(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#maxBytesPerSecond()
    if (!Number.isFinite(rate)) return
    const now = performance.now()
    this.#paidAt = Math.max(this.#paidAt, now) + (bytes / rate) * 1_000
    const pause = this.#paidAt - now
    if (pause > shortestPauseMs) await sleep(pause, { signal, ref: false })
  }
}
