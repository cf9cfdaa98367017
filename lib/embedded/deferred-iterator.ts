/** An iterator of a log that is opened first: by the first `next`, unless it is open. */

export class DeferredIterator<T> implements AsyncIterableIterator<T> {
  readonly #open: () => Promise<AsyncIterableIterator<T>>
  readonly #release: () => void
  #inner: Promise<AsyncIterableIterator<T>> | undefined
  #isDone = false

  /** `open` brings the iterator; `release` is called once when it was brought and has ended. */
  constructor(open: () => Promise<AsyncIterableIterator<T>>, release: () => void) {
    this.#open = open
    this.#release = release
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.#isDone) return { done: true, value: undefined }
    try {
      this.#inner ??= this.#open()
      const result = await (await this.#inner).next()
      if (result.done) this.#end()
      return result
    } catch (error) {
      this.#end()
      throw error
    }
  }

  async return(): Promise<IteratorResult<T>> {
    const inner = this.#isDone ? undefined : await this.#inner?.catch(() => undefined)
    this.#end()
    await inner?.return?.()
    return { done: true, value: undefined }
  }

  #end(): void {
    if (this.#isDone) return
    this.#isDone = true
    if (this.#inner) this.#release()
  }
}
