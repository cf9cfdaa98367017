/**
 * Encodes and decodes any version of any message. The code for a version is compiled when first used.
 */
import { compileDecoder, type Decoder } from './compile-decoder.js'
import { compileEncoder, type Encoder } from './compile-encoder.js'
import type { Messages } from './generated/messages.js'
import type { Encodable, RecordsSource } from './records-field.js'
import { type MessageName, requireVersion, schemaOf } from './schema.js'
import { Writer } from './writer.js'

const decoders = new Map<MessageName, (Decoder | undefined)[]>()
const encoders = new Map<MessageName, (Encoder | undefined)[]>()
const writer = new Writer()

/**
 * The message that starts at `offset`. Fields that the version does not have get their default; bytes behind the
 * message are left alone. Throws MalformedFrameError, or UNSUPPORTED_VERSION.
 */
export function decode<N extends MessageName>(
  name: N,
  version: number,
  bytes: Uint8Array,
  offset = 0,
): Messages[N] {
  const decoder = decoders.get(name)?.[version] ?? addDecoder(name, version)
  return decoder(bytes, offset) as Messages[N]
}

/** The message's bytes. Throws EncodeError naming the field that does not fit, or UNSUPPORTED_VERSION. */
export function encode<N extends MessageName>(
  name: N,
  version: number,
  value: Encodable<Messages[N]>,
): Uint8Array {
  writer.start(false)
  return writer.finish(encoderOf(name, version)(value, writer, 0))
}

/** The message's bytes in parts: large records, and those that are not in memory, stand in it uncopied. */
export function encodeParts<N extends MessageName, P extends RecordsSource = RecordsSource>(
  name: N,
  version: number,
  value: Encodable<Messages[N]>,
): (Uint8Array | P)[] {
  writer.start(true)
  return writer.finishParts<P>(encoderOf(name, version)(value, writer, 0))
}

/** `encodeParts` behind a header that `writeHeader` writes, with the size of it all in the first 4 bytes if asked for. */
export function encodeFrame<P extends RecordsSource>(
  name: MessageName,
  version: number,
  value: unknown,
  sizePrefix: boolean,
  writeHeader: (writer: Writer, position: number) => number,
): (Uint8Array | P)[] {
  const encoder = encoderOf(name, version)
  writer.start(true)
  const end = encoder(value, writer, writeHeader(writer, sizePrefix ? 4 : 0))
  if (sizePrefix) writer.bytes.writeInt32BE(end - 4 + writer.splicedBytes, 0)
  return writer.finishParts<P>(end)
}

function addDecoder(name: MessageName, version: number): Decoder {
  const schema = schemaOf(name)
  requireVersion(schema, version)
  const decoder = compileDecoder(schema, version)
  let versions = decoders.get(name)
  if (versions === undefined) decoders.set(name, (versions = []))
  versions[version] = decoder
  return decoder
}

function encoderOf(name: MessageName, version: number): Encoder {
  return encoders.get(name)?.[version] ?? addEncoder(name, version)
}

function addEncoder(name: MessageName, version: number): Encoder {
  const schema = schemaOf(name)
  requireVersion(schema, version)
  const encoder = compileEncoder(schema, version)
  let versions = encoders.get(name)
  if (versions === undefined) encoders.set(name, (versions = []))
  versions[version] = encoder
  return encoder
}
