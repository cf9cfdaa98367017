/** A file that is only read, a piece at a time: what is in memory never depends on what the file says of itself. */
import { constants, type FileHandle, open } from 'node:fs/promises'

const pieceBytes = 1 << 20

export class FileWindow {
  readonly path: string
  #size: number
  readonly #handle: FileHandle
  #piece = Buffer.alloc(0)
  #pieceAt = 0

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path
    this.#size = size
    this.#handle = handle
  }

  /** Rejects with the system's error, and for what is no regular file. */
  static async open(path: string): Promise<FileWindow> {
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new Error(`${path} is not a regular file`)
      return new FileWindow(path, stats.size, handle)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** As of the opening, or the last `refresh`: what is appended meanwhile is left out. */
  get size(): number {
    return this.#size
  }

  /** True where the file has another size now. */
  async refresh(): Promise<boolean> {
    const { size } = await this.#handle.stat()
    const changed = size !== this.#size
    this.#size = size
    if (changed) this.#piece = Buffer.alloc(0)
    return changed
  }

  /** Up to `length` bytes, fewer at the end of the file. A view that holds until the next call. */
  async read(position: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.size - position))
    const start = position - this.#pieceAt
    if (start >= 0 && start + wanted <= this.#piece.length) return this.#piece.subarray(start, start + wanted)
    const size = Math.min(Math.max(wanted, pieceBytes), this.size - position)
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, size))
    let read = 0
    while (read < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, read, bytes.length - read, position + read)
      if (bytesRead === 0) break
      read += bytesRead
    }
    this.#piece = bytes.subarray(0, read)
    this.#pieceAt = position
    return this.#piece.subarray(0, Math.min(wanted, read))
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
