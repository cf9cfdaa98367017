/**
 * From a frame into the pipeline and back: reads the header, decodes the body, encodes the answer. What is malformed,
 * unknown or of an unsupported version ends the connection that it came over, as in Kafka.
 */
import type { FileRange } from '../../native/types.js'
import { type Connection, type FrameHandler, MalformedFrameError } from '../../network/index.js'
import {
  type ApiName,
  apis,
  decode,
  decodeRequestHeader,
  type Encodable,
  ErrorCode,
  encodeResponse,
  MalformedFrameError as MalformedMessageError,
  type ResponseOf,
} from '../../protocol/index.js'
import type { SupportedApi } from '../services.js'
import type { Pipeline } from './pipeline.js'
import { RequestContext } from './request-context.js'

type Parts = (Uint8Array | FileRange)[]

/** The handler of the frames of each new connection. */
export function createDispatch(pipeline: Pipeline): (connection: Connection) => FrameHandler {
  const { broker } = pipeline
  return (connection) => {
    const session = pipeline.open(connection)
    return (frame) => {
      const { apiKey, apiVersion, correlationId, clientId, bodyOffset } = readable(() =>
        decodeRequestHeader(frame),
      )
      const handler = pipeline.handler(apiKey)
      if (!handler) throw new MalformedFrameError(`API ${apis.get(apiKey)?.name ?? apiKey} is not served`)
      const { api, versions } = handler
      const [min, max] = versions
      if (apiVersion < min || apiVersion > max) {
        if (api === 'ApiVersions') return unsupportedApiVersions(broker.supportedApis, correlationId)
        throw new MalformedFrameError(`${api} version ${apiVersion} is not served; ${min} to ${max} are`)
      }
      const startedMs = performance.now()
      const request = readable(() => decode(`${api}Request`, apiVersion, frame, bodyOffset))
      const source = { session, version: apiVersion, clientId }
      const context = new RequestContext(handler, source, broker, startedMs, correlationId, frame)
      return pipeline.run(handler, request, context, encoded)
    }
  }
}

function encoded(answer: object | null, { api, version, correlationId }: RequestContext): Parts | null {
  if (answer === null) return null
  return encodeResponse<ApiName, FileRange>(
    api,
    version,
    correlationId,
    answer as Encodable<ResponseOf<ApiName>>,
  )
}

function unsupportedApiVersions(supported: readonly SupportedApi[], correlationId: number): Parts {
  const own = supported.filter(({ apiKey }) => apis.get(apiKey)!.name === 'ApiVersions')
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
