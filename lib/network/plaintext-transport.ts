/**
 * A plain TCP socket: bytes are read straight into the frame's buffer where Node lets that be done, and written by
 * `PlaintextWriter`.
 */

import { Socket } from 'node:net'
import { canSendFile } from '../native/zerocopy.js'
import { setTimeout } from '../time/index.js'
import type { FrameReader } from './frame-reader.js'
import { PlaintextWriter } from './plaintext-writer.js'
import type { ResponsePart, Transport, TransportEvents } from './transport.js'

export interface PlaintextOptions {
  /**
   * `direct`: into the frame's buffer. It rests on an undocumented use of Node's sockets, so where they turn out
   * different `data` is taken: Node allocates, and the bytes are copied.
   */
  reading: 'direct' | 'data'
  /** File ranges go out by sendfile, or are read and written. */
  sending: 'sendfile' | 'copy'
}

export const defaultPlaintextOptions: Readonly<PlaintextOptions> = {
  reading: 'direct',
  sending: canSendFile ? 'sendfile' : 'copy',
}

/** Node's handle of a TCP socket, as far as it is used here. */
interface TcpHandle {
  readonly fd: number
  useUserBuffer?: unknown
  readStart?: unknown
}

/** How long a socket that was ended waits for its peer to end too. */
const lingerMs = 500

export class PlaintextTransport implements Transport {
  readonly #accepted: Socket
  readonly #options: Readonly<PlaintextOptions>
  #socket: Socket
  #writer: PlaintextWriter | undefined
  #reading: 'direct' | 'data' = 'data'
  #destroyed = false
  #peerEnded = false
  #ending = false

  /** `socket` is accepted with `pauseOnConnect`, so that nothing has been read from it. */
  constructor(socket: Socket, options: Readonly<PlaintextOptions>) {
    this.#accepted = socket
    this.#socket = socket
    this.#options = options
  }

  /** How bytes are in fact read, once started. */
  get reading(): 'direct' | 'data' {
    return this.#reading
  }

  start(reader: FrameReader, events: TransportEvents): void {
    const direct = this.#options.reading === 'direct' ? adoptHandle(this.#accepted, reader) : undefined
    this.#reading = direct === undefined ? 'data' : 'direct'
    const socket = direct ?? this.#accepted
    this.#socket = socket
    this.#writer = new PlaintextWriter(
      socket,
      this.#options.sending === 'sendfile' ? descriptorOf(socket) : -1,
    )
    socket.setNoDelay(true)
    let failure: NodeJS.ErrnoException | undefined
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('end', () => {
      this.#peerEnded = true
      if (this.#ending) this.destroy()
      else events.ended()
    })
    socket.on('close', () => {
      this.#writer!.close()
      events.disconnected(failure)
    })
    if (direct === undefined) {
      socket.on('data', (chunk: Buffer) => reader.push(chunk))
      socket.resume()
    }
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  send(parts: readonly ResponsePart[], onSent: () => void): void {
    this.#writer!.send(parts, onSent)
  }

  get queuedBytes(): number {
    return this.#writer!.queuedBytes
  }

  get progress(): number {
    return this.#writer!.progress
  }

  end(): void {
    if (this.#destroyed || this.#ending) return
    this.#ending = true
    if (this.#peerEnded) {
      this.#socket.end(() => this.destroy())
      return
    }
    // Closing with unread bytes would reset the connection, and the peer might lose the last response.
    this.#socket.end()
    this.#socket.resume()
    setTimeout(() => this.destroy(), lingerMs).unref()
  }

  destroy(): void {
    this.#destroyed = true
    this.#writer?.close()
    this.#socket.destroy()
  }
}

/** -1 where the socket has none that can be used. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: TcpHandle | null })._handle?.fd ?? -1
}

/**
 * A socket over the accepted one's handle that reads into the reader's buffers: the option for it is taken by
 * sockets that are made, not by those that a server accepts. Undefined where Node's internals do not allow it.
 */
function adoptHandle(accepted: Socket, reader: FrameReader): Socket | undefined {
  const shell = accepted as unknown as { _handle: TcpHandle | null }
  const handle = shell._handle
  if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStart !== 'function') return undefined
  let target = reader.target()
  const options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: () => {
        target = reader.target()
        return target
      },
      callback: (count: number, buffer: Uint8Array) => {
        reader.received(count, buffer)
        return true
      },
    },
  }
  shell._handle = null
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
  // Without its handle this closes nothing; it makes the server forget the socket that it made.
  accepted.destroy()
  return socket
}
