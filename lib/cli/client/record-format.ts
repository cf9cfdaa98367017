/** Writes records as text in the form of kafka-console-consumer, or as JSON. */
import { UsageError } from '../usage-error.js'
import { booleanProperty } from './connection-options.js'
import { unescapeText } from './line-record.js'
import type { ConsumedRecord } from './record-reader.js'

export type RecordFormat = (record: ConsumedRecord) => Buffer[]

const FORMAT_PROPERTIES = [
  'print.timestamp',
  'print.partition',
  'print.offset',
  'print.headers',
  'print.key',
  'print.value',
  'key.separator',
  'line.separator',
  'headers.separator',
  'null.literal',
]

export function textFormat(properties: ReadonlyMap<string, string>): RecordFormat {
  for (const name of properties.keys()) {
    if (!FORMAT_PROPERTIES.includes(name)) {
      throw new UsageError(`the property ${name} is not supported; there are ${FORMAT_PROPERTIES.join(', ')}`)
    }
  }
  const prints = (name: string, fallback = false) => booleanProperty(properties, `print.${name}`, fallback)
  const bytes = (name: string, fallback: string) =>
    Buffer.from(unescapeText(properties.get(name) ?? fallback))
  const timestamp = prints('timestamp')
  const partition = prints('partition')
  const offset = prints('offset')
  const headers = prints('headers')
  const key = prints('key')
  const value = prints('value', true)
  const separator = bytes('key.separator', '\t')
  const lineSeparator = bytes('line.separator', '\n')
  const headersSeparator = bytes('headers.separator', ',')
  const nullLiteral = bytes('null.literal', 'null')
  const colon = Buffer.from(':')

  return (record) => {
    const fields: Buffer[][] = []
    if (timestamp) fields.push([Buffer.from(timestampText(record))])
    if (partition) fields.push([Buffer.from(`Partition:${record.partition}`)])
    if (offset) fields.push([Buffer.from(`Offset:${record.offset}`)])
    if (headers) {
      const pairs = record.headers.map(([name, text]) => [name ?? nullLiteral, colon, text ?? nullLiteral])
      fields.push(pairs.length === 0 ? [Buffer.from('NO_HEADERS')] : join(pairs, headersSeparator))
    }
    if (key) fields.push([record.key ?? nullLiteral])
    if (value) fields.push([record.value ?? nullLiteral])
    return [...join(fields, separator), lineSeparator]
  }
}

/** One object a line. Bytes that are no UTF-8 stand in base64 under `keyBase64` and `valueBase64`. */
export const jsonFormat: RecordFormat = (record) => {
  const line = {
    topic: record.topic,
    partition: record.partition,
    offset: number(record.offset),
    timestamp: number(record.timestamp),
    timestampType: record.timestampType,
    headers: record.headers.map(([name, value]) => ({ ...text('name', name), ...text('value', value) })),
    ...text('key', record.key),
    ...text('value', record.value),
  }
  return [Buffer.from(`${JSON.stringify(line)}\n`)]
}

function text(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const decoded = bytes.toString('utf8')
  if (decoded.includes('\ufffd') && !Buffer.from(decoded).equals(bytes)) {
    return { [`${name}Base64`]: bytes.toString('base64') }
  }
  return { [name]: decoded }
}

/** JSON has no integers beyond 2^53; such a value stands as text. */
function number(value: bigint): number | string {
  const asNumber = Number(value)
  return Number.isSafeInteger(asNumber) ? asNumber : String(value)
}

function timestampText({ timestamp, timestampType }: ConsumedRecord): string {
  return timestamp < 0n ? 'NO_TIMESTAMP' : `${timestampType}:${timestamp}`
}

function join(parts: readonly Buffer[][], separator: Buffer): Buffer[] {
  return parts.flatMap((part, index) => (index === 0 ? part : [separator, ...part]))
}
