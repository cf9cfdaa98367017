/** A follower's connection to a leader: Fetch, and ReplicaProgress, which has no answer. */
import { type ClientConnection, dial, recycleFrame } from '../network/index.js'
import {
  decodeResponse,
  type Encodable,
  encodeRequest,
  type FetchResponse,
  type RequestOf,
} from '../protocol/index.js'

export type FollowerFetch = Encodable<RequestOf<'Fetch'>>
export type FollowerProgress = Encodable<RequestOf<'ReplicaProgress'>>

export interface LeaderConnection {
  readonly closed: boolean
  /**
   * Rejects where no answer came in time; the connection is closed then. One at a time: the bytes of an answer are
   * the caller's until the next call.
   */
  fetch(request: FollowerFetch): Promise<FetchResponse>
  /** Sent in the order of the calls, and behind the fetch before. A connection that breaks is told of by the fetch. */
  tellProgress(progress: FollowerProgress): void
  close(): void
}

export interface LeaderAddress {
  readonly host: string
  readonly port: number
}

export interface LeaderDialOptions {
  /** The broker that dials. */
  readonly nodeId: number
  /** For the connection to stand, and for each answer. */
  readonly timeoutMs: number
  readonly maxResponseBytes: number
  /** Gives up dialling, and closes the connection afterwards. */
  readonly signal: AbortSignal
}

export type LeaderDialler = (address: LeaderAddress, options: LeaderDialOptions) => Promise<LeaderConnection>

const fetchVersion = 17
const progressVersion = 0

/** Rejects with ConnectionClosedError. */
export const dialLeader: LeaderDialler = async (address, { nodeId, timeoutMs, ...options }) => {
  const connection = await dial({
    ...address,
    ...options,
    connectTimeoutMs: timeoutMs,
    requestTimeoutMs: timeoutMs,
  })
  return new SocketLeaderConnection(connection, nodeId)
}

class SocketLeaderConnection implements LeaderConnection {
  readonly #connection: ClientConnection
  readonly #clientId: string
  #correlationId = 0
  /** What holds the last answer. */
  #frame: Buffer | undefined

  constructor(connection: ClientConnection, nodeId: number) {
    this.#connection = connection
    this.#clientId = `broker-${nodeId}`
  }

  get closed(): boolean {
    return this.#connection.closed
  }

  async fetch(request: FollowerFetch): Promise<FetchResponse> {
    if (this.#frame) recycleFrame(this.#frame)
    this.#frame = undefined
    const frame = encodeRequest('Fetch', fetchVersion, this.#header(), request) as Uint8Array[]
    this.#frame = await this.#connection.send(frame)
    return decodeResponse('Fetch', fetchVersion, this.#frame).body
  }

  tellProgress(progress: FollowerProgress): void {
    const frame = encodeRequest('ReplicaProgress', progressVersion, this.#header(), progress) as Uint8Array[]
    this.#connection.sendOneWay(frame).catch(() => {})
  }

  close(): void {
    this.#connection.close()
  }

  #header() {
    return { correlationId: this.#correlationId++, clientId: this.#clientId }
  }
}
