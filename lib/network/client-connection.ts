/**
 * A connection to another broker: sends frames, and matches responses to requests by their order, which is the
 * order in which a broker answers. Requests may be pipelined.
 */

import { createConnection, type Socket } from 'node:net'
import { clearTimeout, setTimeout, type Timer } from '../time/index.js'
import { FrameBudget } from './frame-budget.js'
import { FrameReader, type FrameSink } from './frame-reader.js'

export interface DialOptions {
  host: string
  port: number
  connectTimeoutMs: number
  /** For each request, from its sending to the last byte of its response, unless `send` is told otherwise. */
  requestTimeoutMs: number
  /** A response that announces more closes the connection. */
  maxResponseBytes: number
  /** Gives up dialling, and closes the connection afterwards. */
  signal?: AbortSignal
}

export interface ClientConnection {
  readonly host: string
  readonly port: number
  readonly closed: boolean
  /** Requests without a response. */
  readonly inFlight: number
  /**
   * Sends a request (without its size) and resolves with its response (without its size). A request that times out
   * closes the connection: a late response would be taken for the next one's.
   */
  send(frame: Uint8Array | readonly Uint8Array[], timeoutMs?: number): Promise<Buffer>
  /** Sends a request that has no response (Produce with acks=0); resolves when it is in the kernel's hands. */
  sendOneWay(frame: Uint8Array | readonly Uint8Array[]): Promise<void>
  /** Called once; at once where the connection is already closed. */
  onClose(callback: (error: ConnectionClosedError) => void): void
  /** Rejects what is under way. */
  close(reason?: string): void
}

/** The connection went away, or could not be made; `cause` has the socket's error. */
export class ConnectionClosedError extends Error {
  /** True when a request was not answered in time, or the connection not made in time. */
  readonly timedOut: boolean

  constructor(message: string, timedOut: boolean, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ConnectionClosedError'
    this.timedOut = timedOut
  }
}

/** Rejects with ConnectionClosedError. */
export function dial(options: DialOptions): Promise<ClientConnection> {
  const connection = new SocketClientConnection(options)
  return connection.connect()
}

interface Pending {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

class SocketClientConnection implements ClientConnection, FrameSink {
  readonly host: string
  readonly port: number
  readonly #options: DialOptions
  readonly #budget = new FrameBudget(-1)
  readonly #reader: FrameReader
  readonly #socket: Socket
  #pending: Pending[] = []
  #closeError: ConnectionClosedError | undefined
  #closeCallbacks: ((error: ConnectionClosedError) => void)[] = []
  readonly #onAbort = () => this.close('aborted')

  constructor(options: DialOptions) {
    this.host = options.host
    this.port = options.port
    this.#options = options
    this.#reader = new FrameReader(this, this.#budget, { maxRequestBytes: options.maxResponseBytes })
    this.#socket = createConnection({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: () => this.#reader.target(),
        callback: (count: number, buffer: Uint8Array) => {
          this.#reader.received(count, buffer)
          return true
        },
      },
    })
  }

  get closed(): boolean {
    return this.#closeError !== undefined
  }

  get inFlight(): number {
    return this.#pending.length
  }

  connect(): Promise<ClientConnection> {
    const { signal, connectTimeoutMs } = this.#options
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#close(`no connection within ${connectTimeoutMs} ms`, true),
        connectTimeoutMs,
      )
      this.onClose((error) => {
        clearTimeout(timer)
        reject(error)
      })
      socket.on('error', (error) => this.#close(error.message, false, error))
      socket.on('close', () => this.#close('closed by the peer', false))
      socket.on('end', () => this.#close('closed by the peer', false))
      socket.once('connect', () => {
        clearTimeout(timer)
        resolve(this)
      })
      if (signal?.aborted) {
        this.close('aborted')
        return
      }
      signal?.addEventListener('abort', this.#onAbort, { once: true })
    })
  }

  send(
    frame: Uint8Array | readonly Uint8Array[],
    timeoutMs = this.#options.requestTimeoutMs,
  ): Promise<Buffer> {
    if (this.#closeError !== undefined) return Promise.reject(this.#closeError)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#close(`no response within ${timeoutMs} ms`, true), timeoutMs)
      this.#pending.push({ resolve, reject, timer })
      this.#write(frame)
    })
  }

  sendOneWay(frame: Uint8Array | readonly Uint8Array[]): Promise<void> {
    if (this.#closeError !== undefined) return Promise.reject(this.#closeError)
    return new Promise((resolve, reject) => {
      this.#write(frame, (error) => {
        if (error) reject(this.#closeError ?? error)
        else resolve()
      })
    })
  }

  onClose(callback: (error: ConnectionClosedError) => void): void {
    if (this.#closeError !== undefined) callback(this.#closeError)
    else this.#closeCallbacks.push(callback)
  }

  close(reason = 'closed'): void {
    this.#close(reason, false)
  }

  // FrameSink

  frame(frame: Buffer, cost: number): void {
    this.#budget.give(cost)
    const pending = this.#pending.shift()
    if (pending === undefined) {
      this.#close('a response without a request', false)
      return
    }
    clearTimeout(pending.timer)
    pending.resolve(frame)
  }

  oversized(size: number): void {
    this.#close(`a response of ${size} bytes, allowed are 0 to ${this.#options.maxResponseBytes}`, false)
  }

  tooSlow(): void {
    throw new Error('a budget without a bound takes no turns')
  }

  flow(): void {
    throw new Error('a budget without a bound never stops reading')
  }

  #write(frame: Uint8Array | readonly Uint8Array[], done?: (error?: Error | null) => void): void {
    const parts = frame instanceof Uint8Array ? [frame] : frame
    let size = 0
    for (const part of parts) size += part.byteLength
    const prefix = Buffer.allocUnsafe(4)
    prefix.writeInt32BE(size)
    const socket = this.#socket
    socket.cork()
    socket.write(prefix, parts.length === 0 ? done : undefined)
    for (let i = 0; i < parts.length; i++) socket.write(parts[i]!, i === parts.length - 1 ? done : undefined)
    socket.uncork()
  }

  #close(reason: string, timedOut: boolean, cause?: Error): void {
    if (this.#closeError !== undefined) return
    const message = `connection to ${this.host}:${this.port}: ${reason}`
    const error = new ConnectionClosedError(message, timedOut, cause === undefined ? undefined : { cause })
    this.#closeError = error
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#socket.destroy()
    this.#reader.close()
    for (const { reject, timer } of this.#pending) {
      clearTimeout(timer)
      reject(error)
    }
    this.#pending = []
    for (const callback of this.#closeCallbacks) callback(error)
    this.#closeCallbacks = []
  }
}
