/** Writes to a pipe at the reader's pace. A pipe that its reader has closed ends the output quietly. */
import type { Writable } from 'node:stream'

/** Small pieces are gathered to so many bytes before they are written. */
const GATHER_BYTES = 64 * 1024

export class RecordOutput {
  readonly #stream: Writable
  #pieces: Buffer[] = []
  #bytes = 0
  #failed = false

  constructor(stream: Writable) {
    this.#stream = stream
    // Node revives its standard output after an error, so the stream itself does not tell.
    stream.once('error', () => {
      this.#failed = true
    })
  }

  /** True once nobody reads any more. */
  get isClosed(): boolean {
    return this.#failed || this.#stream.destroyed
  }

  /** Gathers; true where `flush` is due. */
  add(pieces: readonly Buffer[]): boolean {
    for (const piece of pieces) {
      this.#pieces.push(piece)
      this.#bytes += piece.length
    }
    return this.#bytes >= GATHER_BYTES
  }

  /** Hands over what was gathered, and resolves when more may follow. */
  async flush(): Promise<void> {
    if (this.#bytes === 0 || this.isClosed) return
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    if (this.#stream.write(bytes)) return
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['drain', 'close', 'error']) this.#stream.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'close', 'error']) this.#stream.on(event, done)
    })
  }
}
