/**
 * Node's timers, for delays of any length. Node runs a timer of more than 2^31−1 ms (25 days) after 1 ms; these wait.
 * Everything in lib/ takes its timers from here, since most delays come from settings, requests or options.
 */
import { setTimeout as nodeSleep } from 'node:timers/promises'

/** The longest delay that Node's own timers keep. */
export const longestNodeDelayMs = 2 ** 31 - 1

export type Timer = NodeJS.Timeout | LongTimer

/** Runs `run` once after `delayMs`; never after Infinity. Throws a RangeError for NaN. */
export function setTimeout(run: () => void, delayMs: number): Timer {
  if (delayMs <= longestNodeDelayMs) return globalThis.setTimeout(run, delayMs)
  return new LongTimer(run, delayMs, false)
}

/** Runs `run` every `periodMs` until it is cleared. Throws a RangeError for NaN. */
export function setInterval(run: () => void, periodMs: number): Timer {
  if (periodMs <= longestNodeDelayMs) return globalThis.setInterval(run, periodMs)
  return new LongTimer(run, periodMs, true)
}

export function clearTimeout(timer: Timer | undefined): void {
  if (timer instanceof LongTimer) timer.cancel()
  else globalThis.clearTimeout(timer)
}

export const clearInterval = clearTimeout

export interface SleepOptions {
  /** Ends the sleep; the promise is rejected then. */
  signal?: AbortSignal
  /** False lets the process end meanwhile. Default: true. */
  ref?: boolean
}

/** Resolves after `delayMs`. Rejects with an AbortError when the signal is aborted. */
export async function sleep(delayMs: number, options?: SleepOptions): Promise<void> {
  requireNumber(delayMs)
  let remainingMs = delayMs
  while (remainingMs > longestNodeDelayMs) {
    await nodeSleep(longestNodeDelayMs, undefined, options)
    remainingMs -= longestNodeDelayMs
  }
  await nodeSleep(remainingMs, undefined, options)
}

/** A timer made of several of Node's, one after the other. */
class LongTimer {
  readonly #run: () => void
  readonly #delayMs: number
  readonly #repeats: boolean
  #timer!: NodeJS.Timeout
  #hasRef = true

  constructor(run: () => void, delayMs: number, repeats: boolean) {
    requireNumber(delayMs)
    this.#run = run
    this.#delayMs = delayMs
    this.#repeats = repeats
    this.#wait(delayMs)
  }

  cancel(): void {
    globalThis.clearTimeout(this.#timer)
  }

  unref(): this {
    this.#hasRef = false
    this.#timer.unref()
    return this
  }

  #wait(remainingMs: number): void {
    const stepMs = Math.min(remainingMs, longestNodeDelayMs)
    this.#timer = globalThis.setTimeout(() => {
      if (remainingMs > stepMs) {
        this.#wait(remainingMs - stepMs)
        return
      }
      if (this.#repeats) this.#wait(this.#delayMs)
      this.#run()
    }, stepMs)
    if (!this.#hasRef) this.#timer.unref()
  }
}

function requireNumber(delayMs: number): void {
  if (Number.isNaN(delayMs)) throw new RangeError('a delay must be a number of milliseconds')
}
