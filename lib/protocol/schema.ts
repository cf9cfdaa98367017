/**
 * The tables of one message, parsed when first asked for, and what they say about a version.
 */
import { KafkaError } from './errors.js'
import type { Messages } from './generated/messages.js'
import { tables } from './generated/tables.js'

export type MessageName = keyof Messages

export type FieldType =
  | 'string'
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'bytes'
  | 'records'
  | 'struct'

export interface VersionRange {
  readonly first: number
  readonly last: number
}

export interface Field {
  readonly name: string
  /** The element's type where `isArray`. */
  readonly type: FieldType
  readonly isArray: boolean
  readonly versions: VersionRange
  /** Versions in which the field may be null; undefined where it never may. */
  readonly nullable: VersionRange | undefined
  /** −1 for a field that is not tagged. */
  readonly tag: number
  /** Undefined where the type's own default holds. */
  readonly default: unknown
  /** True for a string whose length is never a varint: a header's clientId, read before the version is known. */
  readonly neverCompact: boolean
  /** In wire order; empty unless a struct. */
  readonly fields: readonly Field[]
}

export interface Schema {
  readonly name: MessageName
  readonly versions: VersionRange
  /** First flexible version, or Infinity. */
  readonly flexibleFrom: number
  readonly fields: readonly Field[]
}

type CompactField = [
  name: string,
  type: string,
  versions: string,
  nullable?: string | 0,
  tag?: number,
  defaultValue?: [unknown] | 0,
  fields?: CompactField[] | 0,
  neverCompact?: 0 | 1,
]

const parsed = new Map<MessageName, Schema>()

/** The bytes that a value of a fixed size takes; 0 for the others. */
export const fixedSizes: Readonly<Record<FieldType, number>> = {
  boolean: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
  string: 0,
  bytes: 0,
  records: 0,
  struct: 0,
}

export function schemaOf(name: MessageName): Schema {
  let schema = parsed.get(name)
  if (schema === undefined) {
    const text = tables[name] as string | undefined
    if (text === undefined) throw new TypeError(`no message is called ${name}`)
    const [first, last, flexible, fields] = JSON.parse(text) as [number, number, number, CompactField[]]
    schema = {
      name,
      versions: { first, last },
      flexibleFrom: flexible < 0 ? Number.POSITIVE_INFINITY : flexible,
      fields: fields.map(expandField),
    }
    parsed.set(name, schema)
  }
  return schema
}

function expandField(compact: CompactField): Field {
  const [name, type, versions, nullable = 0, tag = -1, defaultValue = 0, fields = 0, neverCompact = 0] =
    compact
  const isArray = type.startsWith('[]')
  return {
    name,
    type: (isArray ? type.slice(2) : type) as FieldType,
    isArray,
    versions: parseRange(versions),
    nullable: nullable === 0 ? undefined : parseRange(nullable),
    tag,
    default: defaultValue === 0 ? undefined : defaultValue[0],
    fields: fields === 0 ? [] : fields.map(expandField),
    neverCompact: neverCompact === 1,
  }
}

function parseRange(text: string): VersionRange {
  if (text.endsWith('+')) return { first: Number(text.slice(0, -1)), last: Number.POSITIVE_INFINITY }
  const [first, last = first] = text.split('-')
  return { first: Number(first), last: Number(last) }
}

export function includes(range: VersionRange | undefined, version: number): boolean {
  return range !== undefined && version >= range.first && version <= range.last
}

/** Throws UNSUPPORTED_VERSION for a version that the message does not have. */
export function requireVersion(schema: Schema, version: number): void {
  if (!Number.isInteger(version) || !includes(schema.versions, version)) {
    const { first, last } = schema.versions
    throw new KafkaError(
      'UNSUPPORTED_VERSION',
      `${schema.name} has versions ${first} to ${last}, not ${version}`,
    )
  }
}

/** Fewest bytes that an array's element takes: what bounds its count by the bytes left. */
export function minElementSize(field: Field, version: number, flexible: boolean): number {
  return minSize({ ...field, isArray: false, nullable: undefined, tag: -1 }, version, flexible)
}

function minSize(field: Field, version: number, flexible: boolean): number {
  if (!includes(field.versions, version) || field.tag >= 0) return 0
  if (field.type === 'struct' && !field.isArray) {
    if (includes(field.nullable, version)) return 1
    return field.fields.reduce((sum, inner) => sum + minSize(inner, version, flexible), flexible ? 1 : 0)
  }
  const fixed = fixedSizes[field.type]
  if (fixed > 0 && !field.isArray) return fixed
  if (flexible) return 1
  return field.type === 'string' && !field.isArray ? 2 : 4
}
