import type { ScheduledTask, Time } from '../../../lib/coordinator/runtime/clock.js'

interface Task {
  readonly at: number
  readonly run: () => void
}

/** Lets what is ready to run, and what that makes ready, run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Time that stands still until the test moves it. */
export class VirtualTime implements Time {
  #now = 1_700_000_000_000
  #tasks = new Set<Task>()

  wallTime(): number {
    return this.#now
  }

  monotonicTime(): number {
    return this.#now
  }

  get scheduled(): number {
    return this.#tasks.size
  }

  schedule(delayMs: number, run: () => void): ScheduledTask {
    const task = { at: this.#now + delayMs, run }
    this.#tasks.add(task)
    return { cancel: () => this.#tasks.delete(task) }
  }

  /** Moves on, running what falls due on the way in its order. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      let next: Task | undefined
      for (const task of this.#tasks) if (task.at <= end && (!next || task.at < next.at)) next = task
      if (next === undefined) break
      this.#tasks.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settle()
    }
    this.#now = end
    await settle()
  }
}
