/** One request on its way through the pipeline: what a handler may know of it, and what it has used. */
import { recycleFrame } from '../../network/index.js'
import type { ApiName } from '../../protocol/index.js'
import type { BrokerServices } from '../services.js'
import type { Usage } from './quotas.js'
import type { Rights } from './rights.js'
import type { Session } from './session.js'

/** Where a request came from. */
export interface RequestSource {
  readonly session: Session
  readonly version: number
  /** From the request header. */
  readonly clientId: string | null
}

/** Decides on names that a request does not hold, as an access rule does for those that it holds. */
export type Permits = (rights: Rights, request: never) => (name: string) => boolean

export class RequestContext implements RequestSource, Usage {
  readonly api: ApiName
  readonly version: number
  readonly clientId: string | null
  readonly session: Session
  readonly broker: BrokerServices
  readonly correlationId: number
  bytesIn = 0
  bytesOut = 0
  mutations = 0
  readonly #permits: Permits | undefined
  readonly #startedMs: number
  #frame: Buffer | undefined

  constructor(
    { api, access }: { readonly api: ApiName; readonly access?: { readonly permits?: Permits } | undefined },
    { version, clientId, session }: RequestSource,
    broker: BrokerServices,
    startedMs: number,
    correlationId = 0,
    frame?: Buffer,
  ) {
    this.api = api
    this.version = version
    this.clientId = clientId
    this.session = session
    this.broker = broker
    this.correlationId = correlationId
    this.#permits = access?.permits
    this.#startedMs = startedMs
    this.#frame = frame
  }

  get principal(): string {
    return this.session.principal
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  /**
   * Whether the API's access rule lets the client have what goes by a name that its request does not hold: a partition
   * of its fetch session, one of all topics. Undefined where it may have everything.
   */
  permits(request: object): ((name: string) => boolean) | undefined {
    if (this.#permits === undefined || this.broker.authorizer.allowsAll) return undefined
    return this.#permits(this.session.rights, request as never)
  }

  /**
   * Gives the request's memory to frames to come. Leaving it out costs time only.
   * REQUIRES: nobody refers to the request's records or bytes any more, the engine included.
   */
  releaseFrame(): void {
    if (this.#frame === undefined) return
    recycleFrame(this.#frame)
    this.#frame = undefined
  }

  /** A batch of the client's is in the log. */
  appended(topic: string, bytes: number, records: number): void {
    this.bytesIn += bytes
    this.broker.traffic?.produced(topic, bytes, records)
  }

  /** A consumer is sent records. */
  served(topic: string, bytes: number): void {
    this.bytesOut += bytes
    this.broker.traffic?.consumed(topic, bytes)
  }

  /** A follower is sent records: no quota of clients has them. */
  replicated(bytes: number): void {
    const { traffic } = this.broker
    if (traffic) traffic.replicationBytesOut += bytes
  }

  /** Partitions were created or deleted. */
  mutated(partitions: number): void {
    this.mutations += partitions
  }
}
