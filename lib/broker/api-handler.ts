/**
 * How an API is declared: once, with its version range and its code. Dispatch, ApiVersions and the table of supported
 * APIs come from the declarations. A handler decodes nothing and knows no socket: it maps a request to a response.
 */
import {
  type ApiName,
  apiByName,
  type Encodable,
  type RequestOf,
  type ResponseOf,
} from '../protocol/index.js'
import type { ClientConnection } from './client-connection.js'
import type { BrokerServices, SupportedApi } from './services.js'

export interface RequestContext {
  readonly version: number
  /** From the request header. */
  readonly clientId: string | null
  readonly connection: ClientConnection
  readonly broker: BrokerServices
  /**
   * Gives the request's memory to frames to come. Leaving it out costs time only.
   * REQUIRES: nobody refers to the request's records or bytes any more, the engine included.
   */
  releaseFrame(): void
}

type Response<A extends ApiName> = Encodable<ResponseOf<A>>

export interface ApiHandler<A extends ApiName> {
  readonly api: A
  /** First and last version served. */
  readonly versions: readonly [min: number, max: number]
  /** First version told in ApiVersions, where that is another one. */
  readonly advertisedFrom?: number
  /** Clients are told nothing of it. */
  readonly betweenBrokers?: boolean
  /** Null sends no response (acks=0, and what brokers tell each other). */
  handle(request: RequestOf<A>, context: RequestContext): Response<A> | null | Promise<Response<A> | null>
}

/** A handler of any API, as the registry keeps it. */
export interface AnyApiHandler {
  readonly api: ApiName
  readonly versions: readonly [min: number, max: number]
  readonly advertisedFrom?: number
  readonly betweenBrokers?: boolean
  handle(request: unknown, context: RequestContext): unknown
}

export function defineHandler<A extends ApiName>(handler: ApiHandler<A>): AnyApiHandler {
  return handler as unknown as AnyApiHandler
}

/** What ApiVersions tells of these handlers, in the order of the APIs' keys. */
export function supportedApis(handlers: readonly AnyApiHandler[]): SupportedApi[] {
  return handlers
    .filter(({ betweenBrokers }) => !betweenBrokers)
    .map(({ api, versions: [first, maxVersion], advertisedFrom: minVersion = first }) => ({
      apiKey: apiByName(api).key,
      minVersion,
      maxVersion,
    }))
    .sort((a, b) => a.apiKey - b.apiKey)
}
