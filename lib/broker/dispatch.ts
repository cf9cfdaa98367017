/**
 * From a frame to its handler and back: reads the header, decodes the body, calls the handler, encodes the response.
 * What is malformed, unknown or of an unsupported version ends the connection that it came over, as in Kafka.
 */

import type { FileRange } from '../native/types.js'
import { MalformedFrameError, recycleFrame } from '../network/index.js'
import { ErrorCode } from '../protocol/errors.js'
import type { ApiName } from '../protocol/index.js'
import {
  type Api,
  apis,
  decode,
  decodeRequestHeader,
  type Encodable,
  encodeResponse,
  MalformedFrameError as MalformedMessageError,
  type ResponseOf,
} from '../protocol/index.js'
import type { AnyApiHandler } from './api-handler.js'
import type { ClientConnection } from './client-connection.js'
import type { BrokerServices } from './services.js'

type Parts = (Uint8Array | FileRange)[]

export type Dispatch = (frame: Buffer, connection: ClientConnection) => Promise<Parts | null>

/** The function that answers every frame of a broker. */
export function createDispatch(declared: readonly AnyApiHandler[], broker: BrokerServices): Dispatch {
  const handlers = new Map<number, { api: Api; handler: AnyApiHandler }>()
  for (const handler of declared) {
    const api = [...apis.values()].find(({ name }) => name === handler.api)!
    handlers.set(api.key, { api, handler })
  }

  return async (frame, connection) => {
    const { apiKey, apiVersion, correlationId, clientId, bodyOffset } = readable(() =>
      decodeRequestHeader(frame),
    )
    const entry = handlers.get(apiKey)
    if (!entry) throw new MalformedFrameError(`API ${apis.get(apiKey)?.name ?? apiKey} is not served`)
    const { api, handler } = entry
    const [min, max] = handler.versions
    if (apiVersion < min || apiVersion > max) {
      if (api.name === 'ApiVersions') return unsupportedApiVersions(broker, correlationId)
      throw new MalformedFrameError(`${api.name} version ${apiVersion} is not served; ${min} to ${max} are`)
    }
    const startedMs = broker.traffic ? performance.now() : 0
    const request = readable(() => decode(`${api.name}Request`, apiVersion, frame, bodyOffset))
    const response = await handler.handle(request, {
      version: apiVersion,
      clientId,
      connection,
      broker,
      releaseFrame: () => recycleFrame(frame),
    })
    broker.traffic?.answered(api.name, performance.now() - startedMs)
    if (response === null) return null
    return encodeResponse<ApiName, FileRange>(
      api.name,
      apiVersion,
      correlationId,
      response as Encodable<ResponseOf<ApiName>>,
    )
  }
}

function unsupportedApiVersions(broker: BrokerServices, correlationId: number): Parts {
  const own = broker.supportedApis.filter(({ apiKey }) => apis.get(apiKey)!.name === 'ApiVersions')
  return encodeResponse<'ApiVersions', FileRange>('ApiVersions', 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: own,
  })
}

/** What the codec cannot read, in the network's terms. */
function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    throw new MalformedFrameError(error.message, { cause: error })
  }
}
