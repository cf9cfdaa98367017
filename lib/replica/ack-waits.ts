/** Requests that wait for an offset to be passed by all replicas that count. */

interface AckWait {
  readonly endOffset: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class AckWaits {
  #waits: AckWait[] = []
  #lowest = Number.POSITIVE_INFINITY

  get isEmpty(): boolean {
    return this.#waits.length === 0
  }

  /** Resolves once all below `endOffset` has been passed. */
  add(endOffset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waits.push({ endOffset, resolve, reject })
      this.#lowest = Math.min(this.#lowest, endOffset)
    })
  }

  /** `refusal` says why what has been passed is not enough after all. */
  pass(offset: number, refusal: () => Error | undefined): void {
    if (offset < this.#lowest) return
    const error = refusal()
    const waits = this.#waits
    this.#waits = []
    this.#lowest = Number.POSITIVE_INFINITY
    for (const wait of waits) {
      if (wait.endOffset > offset) {
        this.#waits.push(wait)
        this.#lowest = Math.min(this.#lowest, wait.endOffset)
      } else if (error) wait.reject(error)
      else wait.resolve()
    }
  }

  fail(error: Error): void {
    const waits = this.#waits
    this.#waits = []
    this.#lowest = Number.POSITIVE_INFINITY
    for (const wait of waits) wait.reject(error)
  }
}
