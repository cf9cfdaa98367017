/**
 * SIGTERM, SIGINT and SIGHUP (a closed terminal) of a process that runs until it is told to stop: the first asks, the
 * second ends it at once.
 */

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** What a shell reports of a process that a signal ended: 128 and the signal's number. */
const FORCED_EXIT_CODE = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }

/** A signal to the process group is often passed on by npm or timeout as well: that is still the first. */
const SAME_SIGNAL_MS = 1000

export class StopSignal {
  /** Resolves with the name of the first signal. */
  readonly received: Promise<string>
  readonly #listener: (signal: keyof typeof FORCED_EXIT_CODE) => void

  /** `sameSignalMs`: so long after the first, a further one is still the same. */
  constructor(sameSignalMs = SAME_SIGNAL_MS) {
    let resolve!: (signal: string) => void
    this.received = new Promise((settle) => {
      resolve = settle
    })
    let firstAt: number | undefined
    this.#listener = (signal) => {
      firstAt ??= performance.now()
      if (performance.now() - firstAt >= sameSignalMs) process.exit(FORCED_EXIT_CODE[signal])
      resolve(signal)
    }
    for (const signal of signals) process.on(signal, this.#listener)
  }

  /** Signals end the process again, as they do without this. */
  release(): void {
    for (const signal of signals) process.off(signal, this.#listener)
  }
}
