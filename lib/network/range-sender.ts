/**
 * Moves file ranges into a socket: by sendfile while the socket has room and the page cache has the bytes, else by
 * pieces that are read and handed to `RangeSink.write`. Waits neither for the peer nor, as far as the kernel tells,
 * for a disk.
 */

import { constants } from 'node:os'
import type { FileRange } from '../native/types.js'
import { readRange, readRangeCached, sendRange } from '../native/zerocopy.js'

/** Where the ranges go, and who is told. */
export interface RangeSink {
  /** Writes behind all that went before. `written` is called, not before this returns, when there is room for more. */
  write(bytes: Uint8Array, written: () => void): void
  /** So much went out by sendfile. */
  sent(bytes: number): void
  /** What `send` waited for has come: call it again. */
  ready(): void
  /** The file cannot give what the range says. */
  fileFailed(error: Error): void
  /** The socket takes no more, by `errno`. */
  socketFailed(errno: number): void
}

/** What one target may be given in one turn of the event loop. */
const turnBytes = 1024 * 1024
/** What is copied when the socket is full: small beside what it takes when it has room again. */
const blockedPieceBytes = 64 * 1024
/** What is read at a time where sendfile is not used, or from the disk. */
const copyPieceBytes = 256 * 1024
const { EINVAL, ENODATA, ENOSYS, EOPNOTSUPP } = constants.errno
/** What file systems say whose files sendfile does not take. */
const notSupported: ReadonlySet<number> = new Set([EINVAL, ENOSYS, EOPNOTSUPP])

/** The file ended before the range did. */
export class FileTooShortError extends Error {
  readonly code = 'FILE_TOO_SHORT'

  constructor() {
    super('the file is shorter than the range to be sent')
    this.name = 'FileTooShortError'
  }
}

export class RangeSender {
  readonly #descriptor: number
  readonly #sink: RangeSink
  #copying: boolean
  #turnLeft = turnBytes
  #waitsForTurn = false
  #closed = false
  /** How much of the range is sent: its owner sets it back for the next one. */
  offset = 0

  /** `descriptor` is the socket's, -1 where sendfile is not used. */
  constructor(descriptor: number, sink: RangeSink) {
    this.#descriptor = descriptor
    this.#copying = descriptor < 0
    this.#sink = sink
  }

  /**
   * Moves some of what lies between `offset` and `end` on. True when it may be called again at once; else the sink
   * tells when.
   * REQUIRES: offset < end, no write of Node's is pending on the socket, and the socket is not destroyed.
   */
  send(range: FileRange, end: number): boolean {
    if (this.#turnLeft <= 0) {
      this.#waitsForTurn = true
      return false
    }
    if (this.#copying) return this.#copyPiece(range, end, copyPieceBytes)
    const max = Math.min(this.#turnLeft, end - this.offset)
    const { sent, state, errno } = sendRange(this.#descriptor, range, this.offset, max)
    if (sent > 0) {
      this.offset += sent
      this.#sink.sent(sent)
      this.#takeTurn(sent)
    }
    switch (state) {
      case 'done':
        return true
      case 'blocked':
        return this.#copyPiece(range, end, blockedPieceBytes)
      case 'cold':
        return this.#readPiece(range, end, copyPieceBytes)
      case 'failed':
        if (notSupported.has(errno)) {
          this.#copying = true
          return true
        }
        if (errno === ENODATA) this.#sink.fileFailed(new FileTooShortError())
        else this.#sink.socketFailed(errno)
        return false
    }
  }

  /** Nothing more goes out, and nobody is called any more. */
  close(): void {
    this.#closed = true
  }

  /** Others go before this one sends more than its turn. */
  #takeTurn(sent: number): void {
    if (this.#turnLeft === turnBytes) {
      setImmediate(() => {
        const waits = this.#waitsForTurn
        this.#waitsForTurn = false
        this.#turnLeft = turnBytes
        if (waits && !this.#closed) this.#sink.ready()
      })
    }
    this.#turnLeft -= sent
  }

  #copyPiece(range: FileRange, end: number, size: number): boolean {
    const piece = Buffer.allocUnsafeSlow(Math.min(size, end - this.offset))
    const read = readRangeCached(range, this.offset, piece)
    if (read === 0) return this.#readInto(range, piece)
    this.#takeTurn(read)
    this.#write(piece.subarray(0, read))
    return false
  }

  #readPiece(range: FileRange, end: number, size: number): boolean {
    return this.#readInto(range, Buffer.allocUnsafeSlow(Math.min(size, end - this.offset)))
  }

  /** Reads on a thread, and writes when that is done. */
  #readInto(range: FileRange, piece: Buffer): boolean {
    readRange(range, this.offset, piece).then(
      (read) => {
        if (this.#closed) return
        if (read === 0) this.#sink.fileFailed(new FileTooShortError())
        else this.#write(piece.subarray(0, read))
      },
      (error: Error) => {
        if (!this.#closed) this.#sink.fileFailed(error)
      },
    )
    return false
  }

  #write(bytes: Uint8Array): void {
    this.#sink.write(bytes, () => {
      this.offset += bytes.byteLength
    })
  }
}
