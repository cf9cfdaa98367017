/** What fails over and over until somebody mends it is logged once in a while. */

import type { Logger } from 'pino'

const pauseMs = 10_000

export class RepeatedFailure {
  readonly #log: Logger | undefined
  readonly #message: string
  #toldAt = Number.NEGATIVE_INFINITY
  #untold = 0

  constructor(log: Logger | undefined, message: string) {
    this.#log = log
    this.#message = message
  }

  tell(error: unknown): void {
    const now = performance.now()
    if (now - this.#toldAt < pauseMs) {
      this.#untold++
      return
    }
    this.#log?.warn({ err: error, ...(this.#untold > 0 && { timesBefore: this.#untold }) }, this.#message)
    this.#toldAt = now
    this.#untold = 0
  }
}
