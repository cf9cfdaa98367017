/**
 * Writes responses to a plain socket, in order: byte parts of several responses in one write, file ranges by sendfile
 * on the socket's own descriptor.
 *
 * INVARIANT: sendfile and send run only while no write of Node's is pending on the socket. When the socket's buffer
 * is full, the next piece goes out through Node, whose callback tells when there is room again: a poll handle of our
 * own on the same descriptor is not possible.
 */

import type { Socket } from 'node:net'
import type { FileRange } from '../native/types.js'
import { sendBytes } from '../native/zerocopy.js'
import { RangeSender } from './range-sender.js'
import { isFileRange, type ResponsePart, releaseRanges } from './transport.js'

interface Outgoing {
  readonly parts: readonly ResponsePart[]
  /** First part that has not been handed on. */
  next: number
  readonly onSent: () => void
}

/** One write takes at most so much, lest what a slow client has long taken stays in memory with the rest. */
const maxWriteBytes = 512 * 1024
/** Up to here copying parts together is cheaper than a vector of them. */
const mergeBytes = 16 * 1024

export class PlaintextWriter {
  readonly #socket: Socket
  /** -1 where sendfile is not used. */
  readonly #descriptor: number
  #queue: Outgoing[] = []
  /** A write, a read or another turn is to come, and goes on with the queue. */
  #busy = false
  #closed = false
  /** Sends the range at the head of the queue. */
  readonly #ranges: RangeSender
  queuedBytes = 0
  progress = 0

  constructor(socket: Socket, descriptor: number) {
    this.#socket = socket
    this.#descriptor = descriptor
    this.#ranges = new RangeSender(descriptor, {
      write: (bytes, written) =>
        this.#write(bytes, () => {
          this.progress++
          written()
        }),
      sent: () => this.progress++,
      ready: () => this.#goOn(),
      fileFailed: (error) => this.#socket.destroy(error),
      socketFailed: (errno) => this.#fail(errno),
    })
  }

  send(parts: readonly ResponsePart[], onSent: () => void): void {
    if (this.#closed) {
      releaseRanges(parts)
      return
    }
    for (const part of parts) if (!isFileRange(part)) this.queuedBytes += part.byteLength
    this.#queue.push({ parts, next: 0, onSent })
    if (this.#busy) return
    // What is answered in the same turn goes out together.
    this.#busy = true
    process.nextTick(() => this.#goOn())
  }

  /** Nothing more goes out; ranges are released, and no `onSent` is called any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ranges.close()
    for (const { parts, next } of this.#queue) releaseRanges(parts, next)
    this.#queue.length = 0
    this.queuedBytes = 0
  }

  #goOn(): void {
    this.#busy = false
    // A destroyed socket's descriptor may by now be another's.
    while (!this.#busy && !this.#closed && !this.#socket.destroyed && this.#queue.length > 0) {
      const range = this.#rangeAtHead()
      if (range === undefined) this.#writeBytes()
      else if (range.byteLength === this.#ranges.offset) this.#rangeDone(range)
      else if (!this.#ranges.send(range, range.byteLength)) this.#busy = true
    }
  }

  #rangeAtHead(): FileRange | undefined {
    const { parts, next } = this.#queue[0]!
    const part = parts[next]
    return part !== undefined && isFileRange(part) ? part : undefined
  }

  /** Writes the byte parts that are next, of as many responses as fit one write. */
  #writeBytes(): void {
    const pieces: Uint8Array[] = []
    const sent: (() => void)[] = []
    let size = 0
    let rangeFollows = false
    for (const outgoing of this.#queue) {
      const { parts } = outgoing
      while (outgoing.next < parts.length && size < maxWriteBytes) {
        const part = parts[outgoing.next]!
        rangeFollows = isFileRange(part)
        if (rangeFollows) break
        pieces.push(part as Uint8Array)
        size += part.byteLength
        outgoing.next++
      }
      if (outgoing.next < parts.length) break
      sent.push(outgoing.onSent)
    }
    this.#queue.splice(0, sent.length)
    const written = () => {
      this.queuedBytes -= size
      this.progress++
      for (const onSent of sent) onSent()
    }
    if (size > mergeBytes) {
      this.#writeVector(pieces, written)
      return
    }
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size)
    if (rangeFollows && this.#descriptor >= 0) this.#sendBefore(bytes, written)
    else this.#write(bytes, written)
  }

  /** Bytes before a range: the kernel puts them into one packet with the range's first. */
  #sendBefore(bytes: Uint8Array, written: () => void): void {
    const result = sendBytes(this.#descriptor, bytes, true)
    if (result.state === 'failed') this.#fail(result.errno)
    else if (result.sent === bytes.byteLength) written()
    else this.#write(bytes.subarray(result.sent), written)
  }

  #write(bytes: Uint8Array, written: () => void): void {
    this.#busy = true
    this.#socket.write(bytes, (error) => this.#written(error, written))
  }

  #writeVector(pieces: Uint8Array[], written: () => void): void {
    const socket = this.#socket
    this.#busy = true
    socket.cork()
    for (let i = 0; i < pieces.length - 1; i++) socket.write(pieces[i]!)
    socket.write(pieces.at(-1)!, (error) => this.#written(error, written))
    socket.uncork()
  }

  #written(error: Error | null | undefined, written: () => void): void {
    if (error || this.#closed) return
    written()
    this.#goOn()
  }

  #rangeDone(range: FileRange): void {
    const outgoing = this.#queue[0]!
    this.#ranges.offset = 0
    outgoing.next++
    range.release()
    if (outgoing.next < outgoing.parts.length) return
    this.#queue.shift()
    outgoing.onSent()
  }

  #fail(errno: number): void {
    this.#socket.destroy(Object.assign(new Error(`sending failed, errno ${errno}`), { errno }))
    this.close()
  }
}
