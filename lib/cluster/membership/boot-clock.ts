/**
 * Milliseconds since the machine started, those of sleep included (CLOCK_BOOTTIME). Node's monotonic clock stands
 * still while the machine sleeps, and its wall clock can be set.
 */

import { uptime } from 'node:os'

export class BootClock {
  #now = uptime() * 1_000
  #wallAtReading = Date.now()
  #monotonicAtReading = performance.now()

  /** Up to a millisecond behind: reading the clock takes a few microseconds, asking twice in one is common. */
  now(): number {
    const wall = Date.now()
    const monotonic = performance.now()
    // After a sleep the wall clock has moved, after one that was set back meanwhile at least the monotonic.
    if (wall !== this.#wallAtReading || monotonic - this.#monotonicAtReading >= 1) {
      this.#now = uptime() * 1_000
      this.#wallAtReading = wall
      this.#monotonicAtReading = monotonic
    }
    return this.#now
  }
}
