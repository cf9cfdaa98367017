/** Requests and responses of every API in every version: an input begins with the golden case that it is read as. */
import {
  apis,
  decode,
  decodeRequestHeader,
  encode,
  encodeRequest,
  MalformedFrameError,
  type MessageName,
} from '../../lib/protocol/index.js'
import { fuzz, goldenLines } from './fuzzing.js'

interface GoldenCase {
  name: MessageName
  version: number
  hex: string
}

const cases = goldenLines<GoldenCase>('golden.ndjson.gz')
const isMalformed = (error: Error) => error instanceof MalformedFrameError

fuzz('messages', {
  share: 4,
  corpus: cases.map(({ hex }, index) => {
    const number = Buffer.alloc(2)
    number.writeUInt16BE(index)
    return Buffer.concat([number, Buffer.from(hex, 'hex')])
  }),
  run: (input) => {
    if (input.length < 2) throw new MalformedFrameError('no case')
    const { name, version } = cases[input.readUInt16BE(0) % cases.length]!
    const value = decode(name, version, input.subarray(2))
    // What was taken must be something that can be said again, and means the same then.
    const said = Buffer.from(encode(name, version, value as never))
    const again = Buffer.from(encode(name, version, decode(name, version, said) as never))
    if (!said.equals(again)) throw new Error(`${name} v${version} says ${again.toString('hex')}`)
  },
  isExpected: isMalformed,
})

fuzz('request-headers', {
  share: 12,
  corpus: [...apis.values()].flatMap(({ name, minVersion, maxVersion }) =>
    [minVersion, maxVersion].map((version) => {
      const parts = encodeRequest(name, version, { correlationId: 7, clientId: 'client' }, {} as never)
      return Buffer.concat(parts as Uint8Array[])
    }),
  ),
  run: (input) => {
    const { apiKey, apiVersion, bodyOffset } = decodeRequestHeader(input)
    const api = apis.get(apiKey)
    if (api === undefined || apiVersion < api.minVersion || apiVersion > api.maxVersion) return
    decode(`${api.name}Request`, apiVersion, input, bodyOffset)
  },
  isExpected: isMalformed,
})
