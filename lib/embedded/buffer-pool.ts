/**
 * Buffers that are used again and again: fresh memory costs a page fault every 4 KiB, which is more than the copy into
 * it. One pool for all logs of a thread.
 */

/** Sizes are powers of four from here on, so that what is given back fits the next. */
const smallest = 16 << 10
/** Kept for the next; what is more is left to the garbage collector. */
const maxIdleBytes = 16 << 20

export class BufferPool {
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  /** A buffer of at least this size, its content undefined. */
  take(size: number): Buffer {
    let classSize = smallest
    while (classSize < size) classSize *= 4
    const buffer = this.#idle.get(classSize)?.pop()
    if (buffer === undefined) return Buffer.allocUnsafeSlow(classSize)
    this.#idleBytes -= classSize
    return buffer
  }

  /** REQUIRES: nobody uses the buffer any more. */
  give(buffer: Buffer): void {
    if (this.#idleBytes + buffer.length > maxIdleBytes) return
    const idle = this.#idle.get(buffer.length)
    if (idle) idle.push(buffer)
    else this.#idle.set(buffer.length, [buffer])
    this.#idleBytes += buffer.length
  }
}

export const bufferPool: BufferPool = new BufferPool()
