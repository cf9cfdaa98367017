/**
 * Messages that Apache Kafka encoded: each must decode to the JSON beside it and encode back to the same bytes.
 * GOLDEN_FILE names another file of the same form: JSON lines (gzipped or not) of name, version, hex and json,
 * with uuids as text, bytes as base64, and the size of records in place of the records.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { decode, encode, type MessageName } from '../../lib/protocol/index.js'
import { type Field, includes, schemaOf } from '../../lib/protocol/schema.js'

interface GoldenCase {
  name: MessageName
  version: number
  hex: string
  json: Record<string, unknown>
}

const folder = new URL('../../../test/golden/', import.meta.url)
const messages = new URL('golden.ndjson.gz', folder)
/** Keys and values of internal topics and other messages that no request or response holds (java/record-messages.sh). */
const recordMessages = new URL('record-messages.ndjson.gz', folder)

function readCases(file: string | URL): GoldenCase[] {
  const bytes = readFileSync(file)
  const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(quoteLargeNumbers(line)))
}

/** Puts numbers that JSON.parse would round in quotes; decoded ones are compared as text. */
function quoteLargeNumbers(line: string): string {
  return line.replace(/([:[,])(-?\d{16,})(?=[,}\]])/g, (whole, before, digits) =>
    Number.isSafeInteger(Number(digits)) ? whole : `${before}"${digits}"`,
  )
}

/** A value as the golden JSON has it. A field that is not in it must have its default. */
function toJson(
  fields: readonly Field[],
  version: number,
  value: Record<string, unknown>,
  path: string,
): unknown {
  const result: Record<string, unknown> = {}
  for (const field of fields) {
    const fieldPath = `${path}.${field.name}`
    if (!(field.name in value)) throw new Error(`${fieldPath} is missing`)
    const json = fieldJson(field, version, value[field.name], fieldPath)
    if (!includes(field.versions, version) || field.tag >= 0) {
      if (isDefault(field, value[field.name])) continue
      if (field.tag < 0 || !includes(field.versions, version)) {
        throw new Error(`${fieldPath} is not in version ${version}, and yet ${JSON.stringify(json)}`)
      }
    }
    result[field.type === 'records' ? `${field.name}SizeInBytes` : field.name] = json
  }
  return result
}

function fieldJson(field: Field, version: number, value: unknown, path: string): unknown {
  if (value === null) return null
  if (field.isArray) {
    const element = { ...field, isArray: false }
    return (value as unknown[]).map((v, i) => fieldJson(element, version, v, `${path}[${i}]`))
  }
  if (field.type === 'struct') return toJson(field.fields, version, value as Record<string, unknown>, path)
  if (field.type === 'records') return (value as Uint8Array).byteLength
  if (field.type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64')
  return typeof value === 'bigint' ? String(value) : value
}

function isDefault(field: Field, value: unknown): boolean {
  if (value === null) return field.default === null
  if (field.default === null) return false
  if (field.isArray || field.type === 'bytes') return (value as unknown[]).length === 0
  if (field.type === 'struct') {
    return field.fields.every((inner) => isDefault(inner, (value as Record<string, unknown>)[inner.name]))
  }
  if (field.type === 'string') return value === ''
  if (field.type === 'uuid') return value === 'AAAAAAAAAAAAAAAAAAAAAA'
  if (field.type === 'boolean') return value === (field.default ?? false)
  return String(value) === String(field.default ?? 0)
}

function verify(t: ExecutionContext, cases: GoldenCase[]): void {
  const failures: string[] = []
  for (const [i, { name, version, hex, json }] of cases.entries()) {
    const line = `line ${i + 1}, ${name} v${version}`
    try {
      const value = decode(name, version, Buffer.from(hex, 'hex'))
      const decoded = toJson(schemaOf(name).fields, version, value as never, name)
      if (!isDeepStrictEqual(decoded, json)) {
        failures.push(`${line}: decoded to ${JSON.stringify(decoded)}, not ${JSON.stringify(json)}`)
        continue
      }
      const encoded = Buffer.from(encode(name, version, value as never)).toString('hex')
      if (encoded !== hex) failures.push(`${line}: encoded to ${encoded}, not ${hex}`)
    } catch (error) {
      failures.push(`${line}: ${(error as Error).stack}`)
    }
  }
  t.log(`${cases.length - failures.length} of ${cases.length} golden cases decode and encode`)
  t.deepEqual(failures.slice(0, 5), [])
}

if (process.env.GOLDEN_FILE === undefined) {
  test('requests, responses, headers and the consumer protocol', (t) => {
    const cases = readCases(messages)
    t.is(cases.length, 1845)
    verify(t, cases)
  })
  test('record messages', (t) => {
    const cases = readCases(recordMessages)
    t.is(cases.length, 225)
    verify(t, cases)
  })
} else {
  test(`the cases of ${process.env.GOLDEN_FILE}`, (t) => {
    const cases = readCases(process.env.GOLDEN_FILE!)
    t.true(cases.length > 0)
    verify(t, cases)
  })
}
