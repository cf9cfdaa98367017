import type { ScheduledTask, Time } from './clock.js'

/**
 * One moment at which something happens, that is moved far more often than it is reached (each heartbeat moves a
 * member's). Moving it later only notes the new moment: the timer that is already armed finds out when it fires.
 */
export class Deadline {
  readonly #time: Time
  readonly #run: () => void
  #dueAt = Number.POSITIVE_INFINITY
  #firesAt = Number.POSITIVE_INFINITY
  #task: ScheduledTask | undefined

  constructor(time: Time, run: () => void) {
    this.#time = time
    this.#run = run
  }

  get isSet(): boolean {
    return this.#dueAt !== Number.POSITIVE_INFINITY
  }

  set(delayMs: number): void {
    this.#dueAt = this.#time.monotonicTime() + Math.max(delayMs, 0)
    if (this.#task === undefined || this.#dueAt < this.#firesAt) {
      this.#task?.cancel()
      this.#arm()
    }
  }

  clear(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#firesAt = Number.POSITIVE_INFINITY
    this.#task?.cancel()
    this.#task = undefined
  }

  #arm(): void {
    this.#firesAt = this.#dueAt
    this.#task = this.#time.schedule(Math.max(this.#dueAt - this.#time.monotonicTime(), 0), () => {
      this.#task = undefined
      if (this.#time.monotonicTime() < this.#dueAt) {
        this.#arm()
        return
      }
      this.clear()
      this.#run()
    })
  }
}
