/**
 * Requests and responses with their headers, as they stand in a frame behind its 4 bytes of size.
 */
import { apiByName, apis } from './apis.js'
import { decode, encodeFrame } from './codec.js'
import { MalformedFrameError } from './codec-errors.js'
import type { ApiName, Messages } from './generated/messages.js'
import { readState, readText, readVarintRest, skipTaggedFields, tooLong } from './reader.js'
import type { Encodable, RecordsSource } from './records-field.js'
import type { Writer } from './writer.js'

export interface RequestFrameHeader {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
  /** Where the request's body starts in the frame. */
  bodyOffset: number
}

export type RequestOf<A extends ApiName> = Messages[`${A}Request`]
export type ResponseOf<A extends ApiName> = Messages[`${A}Response`]

/** Reads a request's header. An API or a version that nobody knows is no error here: it is answered by name. */
export function decodeRequestHeader(frame: Uint8Array): RequestFrameHeader {
  const end = frame.length
  if (end < 10) throw new MalformedFrameError(`a request of ${end} bytes has no header`)
  const apiKey = readInt16(frame, 0)
  const apiVersion = readInt16(frame, 2)
  const correlationId = readInt32(frame, 4)
  // Not compact in any header version: a broker must read it before it knows the version.
  const length = readInt16(frame, 8)
  if (length < -1) throw new MalformedFrameError(`RequestHeader.clientId: length ${length} is not allowed`)
  let position = 10
  let clientId: string | null = null
  if (length >= 0) {
    if (length > end - position) tooLong('RequestHeader.clientId', length, end - position)
    clientId = readText(frame, position, length)
    position += length
  }
  const api = apis.get(apiKey)
  if (api !== undefined && apiVersion >= api.requestFlexibleFrom) {
    position = skipTagSection(frame, position, 'RequestHeader')
  }
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: position }
}

/**
 * A response with its header. With `sizePrefix`, the first part starts with the frame's size. ApiVersions always
 * has header version 0: a client reads it before it knows what the broker speaks.
 */
export function encodeResponse<A extends ApiName, P extends RecordsSource = RecordsSource>(
  api: A,
  version: number,
  correlationId: number,
  body: Encodable<ResponseOf<A>>,
  sizePrefix = false,
): (Uint8Array | P)[] {
  const tagged = api !== 'ApiVersions' && version >= apiByName(api).responseFlexibleFrom
  return encodeFrame<P>(`${api}Response`, version, body, sizePrefix, (writer, position) => {
    position = writeInt32(writer, position, correlationId)
    return tagged ? writeNoTags(writer, position) : position
  })
}

export function encodeRequest<A extends ApiName, P extends RecordsSource = RecordsSource>(
  api: A,
  version: number,
  header: { correlationId: number; clientId: string | null },
  body: Encodable<RequestOf<A>>,
  sizePrefix = false,
): (Uint8Array | P)[] {
  const { key, requestFlexibleFrom } = apiByName(api)
  return encodeFrame<P>(`${api}Request`, version, body, sizePrefix, (writer, position) => {
    position = writeInt32(writer, position, (key << 16) | version)
    position = writeInt32(writer, position, header.correlationId)
    if (header.clientId === null) {
      writer.grow(position, 2).fill(255, position, position + 2)
      position += 2
    } else position = writer.string(position, header.clientId, false, 'RequestHeader.clientId')
    return version >= requestFlexibleFrom ? writeNoTags(writer, position) : position
  })
}

/** The correlation id that a response starts with. */
export function readCorrelationId(frame: Uint8Array): number {
  if (frame.length < 4) throw new MalformedFrameError(`a response of ${frame.length} bytes has no header`)
  return readInt32(frame, 0)
}

export function decodeResponse<A extends ApiName>(
  api: A,
  version: number,
  frame: Uint8Array,
): { correlationId: number; body: ResponseOf<A> } {
  const correlationId = readCorrelationId(frame)
  const tagged = api !== 'ApiVersions' && version >= apiByName(api).responseFlexibleFrom
  const offset = tagged ? skipTagSection(frame, 4, 'ResponseHeader') : 4
  return { correlationId, body: decode(`${api}Response`, version, frame, offset) as ResponseOf<A> }
}

function skipTagSection(frame: Uint8Array, position: number, path: string): number {
  if (position >= frame.length) throw new MalformedFrameError(`${path}: the frame ends inside of it`)
  let count = frame[position++]!
  if (count > 127) {
    count = readVarintRest(frame, position, frame.length, count, path)
    position = readState.position
  }
  return skipTaggedFields(frame, position, frame.length, count, path)
}

function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16)) >> 16
}

function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function writeInt32(writer: Writer, position: number, value: number): number {
  const bytes = writer.grow(position, 4)
  bytes[position] = value >> 24
  bytes[position + 1] = value >> 16
  bytes[position + 2] = value >> 8
  bytes[position + 3] = value
  return position + 4
}

function writeNoTags(writer: Writer, position: number): number {
  writer.grow(position, 1)[position] = 0
  return position + 1
}
