/**
 * One client's connection: starts its requests in the order of their arrival, sends their responses in the same
 * order, and keeps the bounds on what one client may have under way.
 */

import type { Logger } from 'pino'
import { clearTimeout, setTimeout, type Timer } from '../time/index.js'
import type { Accept, Connection, FrameHandler } from './connection.js'
import type { FrameBudget } from './frame-budget.js'
import { FrameReader, type FrameSink } from './frame-reader.js'
import type { NetworkLimits } from './limits.js'
import { MalformedFrameError } from './malformed-frame-error.js'
import { type ResponsePart, releaseRanges, type Transport, type TransportEvents } from './transport.js'

export interface ConnectionIdentity {
  readonly id: string
  readonly listenerName: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
}

/** A client that has sent its last byte gets what it still waits for, if that is ready within this time. */
const halfCloseMs = 1_000

/** A frame's size is an int32. */
const largestFrame = 0x7fff_ffff

/** Part of a frame that has to arrive within `maxIdleMs` for the connection not to be idle. */
const progressBytes = 64 * 1024

interface Exchange {
  /** Undefined until the handler has answered. */
  parts: ResponsePart[] | null | undefined
  readonly frameBytes: number
}

export class ServerConnection implements Connection, FrameSink, TransportEvents {
  readonly id: string
  readonly listenerName: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string

  readonly #transport: Transport
  readonly #handler: FrameHandler
  readonly #limits: NetworkLimits
  readonly #budget: FrameBudget
  readonly #log: Logger
  readonly #reader: FrameReader
  #abort: AbortController | undefined
  readonly #closeCallbacks = new Set<() => void>()
  #closed = false
  #draining = false
  #halfCloseTimer: Timer | undefined
  #muteTimer: Timer | undefined
  #mutedUntilMs = 0

  /** Requests in order of arrival, from the oldest one whose response has not been handed to the transport. */
  #exchanges: Exchange[] = []
  #first = 0
  #unsettled = 0
  /** Frames without a response in the kernel's hands, and their bytes. */
  #inFlight = 0
  #inFlightBytes = 0

  /** Time without progress. */
  #idleMs = 0
  #seenProgress = 0
  #seenFrameBytes = 0

  constructor(
    identity: ConnectionIdentity,
    transport: Transport,
    accept: Accept,
    limits: NetworkLimits,
    budget: FrameBudget,
    log: Logger,
  ) {
    this.id = identity.id
    this.listenerName = identity.listenerName
    this.remoteAddress = identity.remoteAddress
    this.remotePort = identity.remotePort
    this.localAddress = identity.localAddress
    this.#transport = transport
    this.#limits = limits
    this.#budget = budget
    this.#log = log
    this.#reader = new FrameReader(this, budget, limits)
    this.#handler = accept(this)
    transport.start(this.#reader, this)
    if (this.#reader.stopped) transport.pause()
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#closed) this.#abort.abort()
    }
    return this.#abort.signal
  }

  get closed(): boolean {
    return this.#closed
  }

  get inFlight(): number {
    return this.#inFlight
  }

  onClose(callback: () => void): () => void {
    if (this.#closed) callback()
    else this.#closeCallbacks.add(callback)
    return () => this.#closeCallbacks.delete(callback)
  }

  close(reason: string): void {
    if (this.#closed) return
    this.#log.debug({ client: this.#client, listener: this.listenerName }, `connection closed: ${reason}`)
    this.#transport.destroy()
    this.#dispose()
  }

  mute(ms: number): void {
    const untilMs = performance.now() + ms
    if (this.#closed || untilMs <= this.#mutedUntilMs) return
    this.#mutedUntilMs = untilMs
    clearTimeout(this.#muteTimer)
    this.#muteTimer = setTimeout(() => this.#unmute(), ms).unref()
    this.#updateFlow()
  }

  /** Takes no more requests, and closes when those under way are answered. */
  drain(): void {
    if (this.#closed || this.#draining) return
    this.#draining = true
    this.#reader.setStopped(true)
    this.#endIfDrained()
  }

  /**
   * Closes the connection when nothing has moved on it for `connections.max.idle.ms`; to be called every `periodMs`.
   * Periods are counted, not the clock: bytes that arrive while the event loop is busy elsewhere are not late.
   */
  checkIdle(periodMs: number): void {
    if (this.#closed) return
    if (this.#hasProgressed()) {
      this.#idleMs = 0
      return
    }
    this.#idleMs += periodMs
    if (this.#idleMs < this.#limits.maxIdleMs) return
    const setting = 'connections.max.idle.ms'
    if (this.#reader.midFrame) {
      this.#refuse(setting, `a request stayed half sent for ${this.#limits.maxIdleMs} ms`)
    } else if (this.#inFlight > 0) {
      this.#refuse(setting, `responses were not taken for ${this.#limits.maxIdleMs} ms`)
    } else {
      this.close(`idle for ${this.#limits.maxIdleMs} ms (${setting})`)
    }
  }

  // FrameSink

  frame(frame: Buffer, cost: number): void {
    if (this.#closed) {
      this.#budget.give(cost)
      return
    }
    this.#idleMs = 0
    const exchange: Exchange = { parts: undefined, frameBytes: cost }
    this.#exchanges.push(exchange)
    this.#unsettled++
    this.#inFlight++
    this.#inFlightBytes += cost
    let answer: ResponsePart[] | null | Promise<ResponsePart[] | null>
    try {
      answer = this.#handler(frame)
    } catch (error) {
      this.#failed(exchange, error)
      return
    }
    if (answer instanceof Promise) {
      answer.then(
        (parts) => this.#settled(exchange, parts),
        (error) => this.#failed(exchange, error),
      )
    } else {
      this.#settled(exchange, answer)
    }
    this.#updateFlow()
  }

  oversized(size: number): void {
    const limit = this.#limits.maxRequestBytes
    this.#refuse('socket.request.max.bytes', `request of ${size} bytes, allowed are 0 to ${limit}`)
  }

  tooSlow(size: number): void {
    const text = `request of ${size} bytes arrives too slowly while the memory for requests is spent`
    this.#refuse('queued.max.request.bytes', text)
  }

  flow(stopped: boolean): void {
    if (this.#closed) return
    if (stopped) this.#transport.pause()
    else this.#transport.resume()
  }

  // TransportEvents

  ended(): void {
    if (this.#closed) return
    if (this.#inFlight === 0) {
      this.close('by the client')
      return
    }
    this.drain()
    this.#halfCloseTimer = setTimeout(() => this.close('by the client'), halfCloseMs).unref()
  }

  disconnected(error: NodeJS.ErrnoException | undefined): void {
    this.close(error === undefined ? 'by the client' : `by the client (${error.code ?? error.message})`)
  }

  #settled(exchange: Exchange, parts: ResponsePart[] | null): void {
    this.#unsettled--
    this.#budget.give(exchange.frameBytes)
    if (this.#closed) {
      if (parts !== null) releaseRanges(parts)
      return
    }
    exchange.parts = parts
    if (this.#exchanges[this.#first] === exchange) this.#sendSettled()
  }

  #failed(exchange: Exchange, error: unknown): void {
    this.#unsettled--
    this.#budget.give(exchange.frameBytes)
    if (this.#closed) return
    const client = { client: this.#client, listener: this.listenerName }
    if (error instanceof MalformedFrameError) {
      this.#log.warn(client, `closing ${this.#client}: malformed request: ${error.message}`)
    } else {
      this.#log.error({ ...client, err: error }, `closing ${this.#client}: a request failed unexpectedly`)
    }
    this.close('a request could not be handled')
  }

  /** Hands the answers that are next in order to the transport. */
  #sendSettled(): void {
    const exchanges = this.#exchanges
    while (this.#first < exchanges.length && !this.#closed) {
      const { parts, frameBytes } = exchanges[this.#first]!
      if (parts === undefined) break
      this.#first++
      if (parts === null) this.#answered(frameBytes)
      else this.#send(parts, frameBytes)
    }
    if (this.#first === exchanges.length) exchanges.length = 0
    else if (this.#first >= 64) exchanges.splice(0, this.#first)
    else return
    this.#first = 0
  }

  #send(parts: ResponsePart[], frameBytes: number): void {
    let size = 0
    for (const part of parts) size += part.byteLength
    if (size > largestFrame) {
      const client = { client: this.#client, listener: this.listenerName }
      this.#log.error(client, `closing ${this.#client}: a response of ${size} bytes fits no frame`)
      this.close('a response fits no frame')
      return
    }
    const prefix = Buffer.allocUnsafe(4)
    prefix.writeInt32BE(size)
    this.#transport.send([prefix, ...parts], () => this.#answered(frameBytes))
    this.#updateFlow()
  }

  #answered(frameBytes: number): void {
    this.#inFlight--
    this.#inFlightBytes -= frameBytes
    this.#idleMs = 0
    this.#updateFlow()
    this.#endIfDrained()
  }

  #updateFlow(): void {
    if (this.#closed || this.#draining) return
    const limits = this.#limits
    this.#reader.setStopped(
      this.#muteTimer !== undefined ||
        this.#inFlight >= limits.maxInFlightPerConnection ||
        this.#inFlightBytes >= limits.maxInFlightBytesPerConnection ||
        this.#transport.queuedBytes >= limits.maxQueuedResponseBytesPerConnection,
    )
  }

  #unmute(): void {
    this.#muteTimer = undefined
    this.#mutedUntilMs = 0
    this.#idleMs = 0
    this.#updateFlow()
  }

  #endIfDrained(): void {
    if (!this.#draining || this.#inFlight > 0 || this.#closed) return
    this.#transport.end()
    this.#dispose()
  }

  #hasProgressed(): boolean {
    const { progress } = this.#transport
    const { frameBytes } = this.#reader
    // What waits on the broker is not idle: handlers bound their own time, and the budget lets frames take turns.
    const waits =
      this.#unsettled > 0 || this.#muteTimer !== undefined || (this.#reader.waits && this.#inFlight === 0)
    const received = frameBytes < this.#seenFrameBytes || frameBytes - this.#seenFrameBytes >= progressBytes
    if (!waits && progress === this.#seenProgress && !received) return false
    this.#seenProgress = progress
    this.#seenFrameBytes = frameBytes
    return true
  }

  #refuse(setting: string, text: string): void {
    if (this.#closed) return
    const fields = { client: this.#client, listener: this.listenerName, setting }
    this.#log.warn(fields, `closing ${this.#client}: ${text} (${setting})`)
    this.close(setting)
  }

  get #client(): string {
    return `${this.remoteAddress}:${this.remotePort}`
  }

  #dispose(): void {
    this.#closed = true
    clearTimeout(this.#halfCloseTimer)
    clearTimeout(this.#muteTimer)
    this.#reader.close()
    for (const { parts } of this.#exchanges) if (parts) releaseRanges(parts)
    this.#exchanges.length = 0
    this.#first = 0
    this.#abort?.abort()
    const callbacks = [...this.#closeCallbacks]
    this.#closeCallbacks.clear()
    for (const callback of callbacks) {
      try {
        callback()
      } catch (err) {
        this.#log.error({ err, client: this.#client }, 'a callback failed at the close of a connection')
      }
    }
  }
}
