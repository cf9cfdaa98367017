/** Fetches that wait for a partition to have more to read. */

/** What may be read: all (followers, a debugging consumer), what is committed, or what no open transaction holds back. */
export type Isolation = 'logEnd' | 'committed' | 'stable'

/** May be called more often than there is something. */
export interface ReadWaiter {
  onReadable(): void
  /** The fetcher has to be told at once: another leads, or the log begins elsewhere. */
  onChanged(): void
}

export class ReadWaiters {
  readonly #committed = new Set<ReadWaiter>()
  readonly #logEnd = new Set<ReadWaiter>()

  add(waiter: ReadWaiter, isolation: Isolation): void {
    const waiters = isolation === 'logEnd' ? this.#logEnd : this.#committed
    waiters.add(waiter)
  }

  remove(waiter: ReadWaiter): void {
    this.#committed.delete(waiter)
    this.#logEnd.delete(waiter)
  }

  onAppended(): void {
    if (this.#logEnd.size > 0) wake(this.#logEnd)
  }

  onCommitted(): void {
    if (this.#committed.size > 0) wake(this.#committed)
  }

  onRoleChanged(): void {
    for (const waiter of [...this.#committed, ...this.#logEnd]) waiter.onChanged()
  }

  /** Followers are to let go the same. */
  onLogStartRaised(): void {
    for (const waiter of [...this.#logEnd]) waiter.onChanged()
  }
}

function wake(waiters: ReadonlySet<ReadWaiter>): void {
  for (const waiter of [...waiters]) waiter.onReadable()
}
