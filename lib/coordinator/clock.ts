/**
 * Time as the coordinator sees it. Everything that waits goes through these two, so that a test can run hours of
 * session timeouts and retention in milliseconds.
 */

export interface Clock {
  /** Milliseconds since the epoch, for what is stored. */
  wallTime(): number
  /** Milliseconds that never go back, for what is measured. */
  monotonicTime(): number
}

export interface ScheduledTask {
  cancel(): void
}

export interface Timers {
  schedule(delayMs: number, run: () => void): ScheduledTask
}

export type Time = Clock & Timers

/** setTimeout fires at once above this delay. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

/** The machine's time. Its timers do not keep the process alive. */
export const systemTime: Time = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  schedule(delayMs, run) {
    let timer: NodeJS.Timeout
    const arm = (remainingMs: number) => {
      const step = Math.min(Math.max(remainingMs, 0), MAX_TIMEOUT_MS)
      timer = setTimeout(() => (remainingMs > step ? arm(remainingMs - step) : run()), step)
      timer.unref()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}
