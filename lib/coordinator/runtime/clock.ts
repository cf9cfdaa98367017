/**
 * Time as the coordinator sees it. Everything that waits goes through these two, so that a test can run hours of
 * session timeouts and retention in milliseconds.
 */
import { clearTimeout, setTimeout } from '../../time/index.js'

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

/** The machine's time. Its timers do not keep the process alive. */
export const systemTime: Time = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
