/** Turns lines into records by the properties of kafka-console-producer's line reader. */
import { UsageError } from '../usage-error.js'
import { booleanProperty } from './connection-options.js'

export interface LineRecord {
  key: Buffer | undefined
  value: Buffer | undefined
  headers: Map<Buffer, Buffer>
}

export const LINE_PROPERTIES = [
  'parse.key',
  'key.separator',
  'parse.headers',
  'headers.delimiter',
  'headers.separator',
  'headers.key.separator',
  'null.marker',
  'ignore.error',
]

/** Reads one line; REQUIRES lines in the order of the input, for the numbers in errors. */
export type LineParser = (line: Buffer) => LineRecord

export function lineParser(
  properties: ReadonlyMap<string, string>,
  fixed: { key: Buffer | undefined; headers: readonly (readonly [Buffer, Buffer])[] },
): LineParser {
  for (const name of properties.keys()) {
    if (!LINE_PROPERTIES.includes(name)) {
      throw new UsageError(`the property ${name} is not supported; there are ${LINE_PROPERTIES.join(', ')}`)
    }
  }
  const parseKey = booleanProperty(properties, 'parse.key', false)
  const parseHeaders = booleanProperty(properties, 'parse.headers', false)
  const ignoreError = booleanProperty(properties, 'ignore.error', false)
  const text = (name: string, fallback: string) => {
    const value = unescapeText(properties.get(name) ?? fallback)
    if (value === '') throw new UsageError(`${name} may not be empty`)
    return Buffer.from(value)
  }
  const keySeparator = text('key.separator', '\t')
  const headersDelimiter = text('headers.delimiter', '\t')
  const headersSeparator = text('headers.separator', ',')
  const headerKeySeparator = text('headers.key.separator', ':')
  const nullMarker = properties.has('null.marker') ? Buffer.from(properties.get('null.marker')!) : undefined
  const orNull = (bytes: Buffer) => (nullMarker?.equals(bytes) ? undefined : bytes)

  let number = 0
  return (line) => {
    number++
    let rest = line
    const headers = new Map(fixed.headers)
    if (parseHeaders) {
      const parts = split(rest, headersDelimiter)
      if (parts) {
        rest = parts[1]
        if (orNull(parts[0])) {
          for (const header of splitAll(parts[0], headersSeparator)) {
            const pair = split(header, headerKeySeparator)
            if (pair) headers.set(pair[0], pair[1])
            else if (!ignoreError) throw new Error(`line ${number} has a header without a key separator`)
          }
        }
      } else if (!ignoreError) throw new Error(`line ${number} has no headers delimiter`)
    }
    let key = fixed.key
    if (parseKey) {
      const parts = split(rest, keySeparator)
      if (parts) {
        key = orNull(parts[0])
        rest = parts[1]
      } else if (!ignoreError) throw new Error(`line ${number} has no key separator`)
    }
    return { key, value: orNull(rest), headers }
  }
}

/** Shells pass `\t` as two characters. */
export function unescapeText(text: string): string {
  return text.replace(/\\([tnr0\\])/g, (_, letter: string) => {
    return { t: '\t', n: '\n', r: '\r', '0': '\0', '\\': '\\' }[letter]!
  })
}

function split(bytes: Buffer, separator: Buffer): [Buffer, Buffer] | undefined {
  const at = bytes.indexOf(separator)
  return at < 0 ? undefined : [bytes.subarray(0, at), bytes.subarray(at + separator.length)]
}

function splitAll(bytes: Buffer, separator: Buffer): Buffer[] {
  const parts: Buffer[] = []
  let rest = bytes
  for (let pair = split(rest, separator); pair; pair = split(rest, separator)) {
    parts.push(pair[0])
    rest = pair[1]
  }
  parts.push(rest)
  return parts
}
