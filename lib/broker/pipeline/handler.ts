/**
 * How an API is declared: once, with its version range, who may call it, whose quota pays, and its code. The pipeline,
 * ApiVersions and the table of supported APIs come from the declarations. A handler decodes nothing, knows no socket
 * and asks for no rights: it maps what is left of a request to a response.
 */
import {
  type ApiName,
  apiByName,
  type Encodable,
  type KafkaError,
  type RequestOf,
  type ResponseOf,
} from '../../protocol/index.js'
import type { SupportedApi } from '../services.js'
import type { Access } from './access.js'
import type { Charge } from './quotas.js'
import type { RequestContext } from './request-context.js'

export type Response<A extends ApiName> = Encodable<ResponseOf<A>>

export interface ApiHandler<A extends ApiName> {
  readonly api: A
  /** First and last version served. */
  readonly versions: readonly [min: number, max: number]
  /** First version told in ApiVersions, where that is another one. */
  readonly advertisedFrom?: number
  /** Not advertised to clients. */
  readonly betweenBrokers?: boolean
  readonly access: Access<A>
  readonly charge: Charge | ((request: RequestOf<A>) => Charge)
  /** The answer that carries an error of the request as a whole; null where this request is not answered. */
  refuse(error: KafkaError, request: RequestOf<A>, context: RequestContext): Response<A> | null
  /**
   * Null sends no response (acks=0, and what brokers tell each other). A KafkaError that it throws, or what `kafkaErrorOf`
   * knows, is answered by `refuse`.
   */
  handle(request: RequestOf<A>, context: RequestContext): Response<A> | null | Promise<Response<A> | null>
}

/** A handler of any API, as the registry keeps it. */
export interface AnyApiHandler {
  readonly api: ApiName
  readonly versions: readonly [min: number, max: number]
  readonly advertisedFrom?: number
  readonly betweenBrokers?: boolean
  readonly access: Access
  readonly charge: Charge | ((request: never) => Charge)
  refuse(error: KafkaError, request: unknown, context: RequestContext): object | null
  handle(request: unknown, context: RequestContext): object | null | Promise<object | null>
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
