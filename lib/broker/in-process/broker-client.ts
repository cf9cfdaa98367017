/**
 * A client in the broker's own process: no socket and no frames. Its requests enter the pipeline as decoded ones, and
 * are authorized and charged like those of any other client.
 */
import type { FileRange } from '../../native/types.js'
import { releaseRanges } from '../../network/index.js'
import {
  type ApiName,
  apiByName,
  decode,
  type Encodable,
  encode,
  encodeParts,
  type RequestOf,
  type ResponseOf,
} from '../../protocol/index.js'
import { clearTimeout, setTimeout, type Timer } from '../../time/index.js'
import type { Pipeline } from '../pipeline/pipeline.js'
import { ANONYMOUS, type Session, type SessionConnection } from '../pipeline/session.js'
import { BrokerClientError } from './broker-client-error.js'
import { readWhole } from './whole-range.js'

/** Requests, and their bytes, that one client may have under way; the next ones wait. */
const maxInFlight = 64
const maxInFlightBytes = 64 << 20
/** Requests that wait; any more are refused. */
const maxWaiting = 1_000

/** How `broker.client` opens a client. */
export interface BrokerClientOptions {
  /** Who sends, in Kafka's form. Default: `User:ANONYMOUS`. */
  principal?: string
  /** Kafka's `client.id`. Default: none. */
  clientId?: string
}

/**
 * Sends requests of Kafka's protocol to the broker of this process. Ends with the broker, or by `close`; a `using`
 * block closes it too.
 */
export interface BrokerClient extends Disposable {
  /**
   * Sends a request and resolves with its response, as a client that decodes it has it: fields that the request leaves
   * out take Kafka's defaults, records come as bytes. Errors of Kafka stand in the response. A request that Kafka does
   * not answer (Produce with acks=0) resolves with an empty response.
   *
   * Requests start in the order of their calls. Without `version` the newest one that the broker serves is spoken.
   * Rejects with a BrokerClientError, or with an error that names a field of a wrong type.
   */
  send<A extends ApiName>(api: A, request: Encodable<RequestOf<A>>, version?: number): Promise<ResponseOf<A>>
  /** Ends it at once: what is under way rejects. */
  close(): void
}

interface Place {
  readonly bytes: number
  take(): void
  fail(error: BrokerClientError): void
}

export class InProcessClient implements BrokerClient, SessionConnection {
  readonly listenerName: string
  readonly remoteAddress = '127.0.0.1'
  readonly #pipeline: Pipeline
  readonly #session: Session
  readonly #clientId: string | null
  readonly #closeCallbacks = new Set<() => void>()
  readonly #waiting: Place[] = []
  #inFlight = 0
  #inFlightBytes = 0
  #muteTimer: Timer | undefined
  #mutedUntilMs = 0
  #isEnding = false
  #closed: BrokerClientError | undefined

  constructor(pipeline: Pipeline, listenerName: string, options: BrokerClientOptions = {}) {
    this.listenerName = listenerName
    this.#pipeline = pipeline
    this.#clientId = options.clientId ?? null
    this.#session = pipeline.open(this, options.principal ?? ANONYMOUS)
  }

  async send<A extends ApiName>(
    api: A,
    request: Encodable<RequestOf<A>>,
    version = this.#newest(api),
  ): Promise<ResponseOf<A>> {
    this.#checkServed(api, version)
    // What the codec has written and read has all fields, and the caller may go on with its own object.
    const bytes = encode(`${api}Request`, version, request as never)
    const decoded = decode(`${api}Request`, version, bytes) as RequestOf<A>
    await this.#enter(bytes.byteLength)
    try {
      const source = { session: this.#session, version, clientId: this.#clientId }
      const answer = await this.#unlessClosed(this.#pipeline.answer(api, decoded, source), api, version)
      return decode(`${api}Response`, version, answer) as ResponseOf<A>
    } finally {
      this.#leave(bytes.byteLength)
    }
  }

  onClose(callback: () => void): () => void {
    if (this.#closed) callback()
    else this.#closeCallbacks.add(callback)
    return () => this.#closeCallbacks.delete(callback)
  }

  close(reason = 'the client was closed'): void {
    if (this.#closed) return
    this.#closed = new BrokerClientError('CLOSED', reason)
    clearTimeout(this.#muteTimer)
    for (const place of this.#waiting.splice(0)) place.fail(this.#closed)
    const callbacks = [...this.#closeCallbacks]
    this.#closeCallbacks.clear()
    for (const callback of callbacks) callback()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  mute(ms: number): void {
    const untilMs = performance.now() + ms
    if (this.#closed || untilMs <= this.#mutedUntilMs) return
    this.#mutedUntilMs = untilMs
    clearTimeout(this.#muteTimer)
    this.#muteTimer = setTimeout(() => {
      this.#muteTimer = undefined
      this.#admit()
    }, ms).unref()
  }

  /** Takes no more requests, and closes when those under way are answered, after `graceMs` at the latest. */
  async end(graceMs: number): Promise<void> {
    this.#isEnding = true
    const error = new BrokerClientError('CLOSED', 'the broker is closed')
    for (const place of this.#waiting.splice(0)) place.fail(error)
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs)
        this.#onIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.close(error.message)
  }

  #onIdle: (() => void) | undefined

  #newest(api: ApiName): number {
    return this.#pipeline.handler(apiByName(api).key)?.versions[1] ?? -1
  }

  #checkServed(api: ApiName, version: number): void {
    const [min, max] = this.#pipeline.handler(apiByName(api).key)?.versions ?? [0, -1]
    if (version >= min && version <= max) return
    const served = max < 0 ? 'it is not served' : `${min} to ${max} are served`
    throw new BrokerClientError('NOT_SERVED', `${api} version ${version}: ${served}`)
  }

  /** Resolves when the request may start. */
  async #enter(bytes: number): Promise<void> {
    if (this.#closed) throw this.#closed
    if (this.#isEnding) throw new BrokerClientError('CLOSED', 'the broker is closed')
    if (this.#waiting.length === 0 && this.#hasRoom(bytes)) {
      this.#take(bytes)
      return
    }
    if (this.#waiting.length >= maxWaiting) {
      const text = `${maxWaiting} requests wait already: wait for some of their responses`
      throw new BrokerClientError('TOO_MANY_REQUESTS', text)
    }
    await new Promise<void>((resolve, reject) => {
      const take = () => {
        this.#take(bytes)
        resolve()
      }
      this.#waiting.push({ bytes, take, fail: reject })
    })
  }

  #take(bytes: number): void {
    this.#inFlight++
    this.#inFlightBytes += bytes
  }

  #leave(bytes: number): void {
    this.#inFlight--
    this.#inFlightBytes -= bytes
    if (this.#inFlight === 0) this.#onIdle?.()
    this.#admit()
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#hasRoom(this.#waiting[0]!.bytes)) this.#waiting.shift()!.take()
  }

  /** A request that is larger than the bound goes alone. */
  #hasRoom(bytes: number): boolean {
    if (this.#muteTimer !== undefined) return false
    if (this.#inFlight === 0) return true
    return this.#inFlight < maxInFlight && this.#inFlightBytes + bytes <= maxInFlightBytes
  }

  /** The encoded answer, with the records of its ranges; rejects where the client is closed before it is there. */
  #unlessClosed<A extends ApiName>(
    answering: Promise<Encodable<ResponseOf<A>> | null>,
    api: A,
    version: number,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stopListening = this.onClose(() => reject(this.#closed))
      answering
        .then((answer) => {
          const name = `${api}Response` as const
          const parts = encodeParts<typeof name, FileRange>(name, version, (answer ?? {}) as never)
          if (!this.#closed) return readWhole(parts)
          releaseRanges(parts)
          throw this.#closed
        })
        .then(resolve, reject)
        .finally(stopListening)
    })
  }
}
