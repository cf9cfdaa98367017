/** Tells an operator what clients are refused, without letting clients write the log: a line a second at most. */
import type { Logger } from 'pino'

const intervalMs = 1_000

export class RefusalLog {
  readonly #log: Logger
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** `fields` name the client, what it wanted, and the error that it got. */
  report(fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = performance.now()
    if (now - this.#loggedAt < intervalMs) {
      this.#unlogged++
      return
    }
    this.#log.warn(this.#unlogged > 0 ? { ...fields, alsoRefused: this.#unlogged } : fields, message)
    this.#loggedAt = now
    this.#unlogged = 0
  }
}
