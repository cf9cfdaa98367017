/**
 * Writes the JavaScript that encodes one version of one message, in the manner of the decoder's. Every value is
 * checked before it is written: a wrong one is refused by the path of its field.
 */
import { EncodeError } from './codec-errors.js'
import { fixedRun } from './compile-decoder.js'
import { isInt64, writeInt64 } from './int64.js'
import { type Field, fixedSizes, includes, type Schema } from './schema.js'
import { writeUuid, ZERO_UUID } from './uuid.js'
import type { Writer } from './writer.js'

export type Encoder = (value: unknown, writer: Writer, position: number) => number

function wrongType(path: string, expected: string, value: unknown): never {
  const shown =
    typeof value === 'bigint' ? `${value}n` : typeof value === 'object' ? kindOf(value) : String(value)
  throw new EncodeError(`${path}: ${shown} is no ${expected}`)
}

function kindOf(value: object | null): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
}

function writeFloat64(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset + at, 8).setFloat64(0, value)
}

const runtime = { wrongType, writeFloat64, writeInt64, writeUuid, isInt64, absent: Object.freeze({}) }

export function compileEncoder(schema: Schema, version: number): Encoder {
  const body = new EncoderSource(schema, version).write()
  return new Function(
    'runtime',
    `'use strict'\nconst { ${Object.keys(runtime).join(', ')} } = runtime\n${body}`,
  )(runtime) as Encoder
}

class EncoderSource {
  readonly #schema: Schema
  readonly #version: number
  readonly #flexible: boolean
  readonly #lines: string[] = []
  #variables = 0

  constructor(schema: Schema, version: number) {
    this.#schema = schema
    this.#version = version
    this.#flexible = version >= schema.flexibleFrom
  }

  write(): string {
    this.#emit('return function encode(value, w, p) {')
    this.#emit('let b = w.bytes')
    this.#emit(
      `if (typeof value !== 'object' || value === null) wrongType('${this.#schema.name}', 'object', value)`,
    )
    this.#structBody(this.#schema.fields, 'value', this.#schema.name)
    this.#emit('return p\n}')
    return this.#lines.join('\n')
  }

  #emit(line: string): void {
    this.#lines.push(line)
  }

  #variable(): string {
    return `v${this.#variables++}`
  }

  #room(size: number): void {
    this.#emit(`if (b.length - p < ${size}) b = w.grow(p, ${size})`)
  }

  #structBody(fields: readonly Field[], object: string, path: string): void {
    const present = fields.filter((field) => includes(field.versions, this.#version))
    const untagged = present.filter((field) => field.tag < 0)
    for (let i = 0; i < untagged.length; ) {
      const run = fixedRun(untagged, i)
      if (run.length > 0) {
        this.#room(run.reduce((sum, field) => sum + fixedSizes[field.type], 0))
        for (const field of run) this.#fixed(field, this.#take(field, object), `${path}.${field.name}`)
        i += run.length
      } else {
        const field = untagged[i++]!
        this.#value(field, this.#take(field, object), `${path}.${field.name}`)
      }
    }
    if (!this.#flexible) return
    const tagged = present.filter((field) => field.tag >= 0).sort((a, b) => a.tag - b.tag)
    this.#tagSection(tagged, object, path)
  }

  /** The field's value in a variable, its default where it is missing. */
  #take(field: Field, object: string): string {
    const variable = this.#variable()
    this.#emit(`let ${variable} = ${object}.${field.name}`)
    this.#emit(`if (${variable} === undefined) ${variable} = ${missingValue(field)}`)
    return variable
  }

  #fixed(field: Field, v: string, path: string): void {
    const bad = `wrongType(\`${path}\`, '${field.type}', ${v})`
    const size = fixedSizes[field.type]
    switch (field.type) {
      case 'boolean':
        this.#emit(`if (typeof ${v} !== 'boolean') ${bad}`)
        this.#emit(`b[p] = ${v} ? 1 : 0`)
        break
      case 'int8':
      case 'int16':
      case 'uint16':
      case 'int32': {
        const fits = {
          int8: `${v} << 24 >> 24`,
          int16: `${v} << 16 >> 16`,
          uint16: `${v} & 0xffff`,
          int32: `${v} | 0`,
        }
        // The shifts turn whatever is no number into one, so that it differs from itself.
        this.#emit(`if (typeof ${v} !== 'number' || (${fits[field.type]}) !== ${v}) ${bad}`)
        for (let i = 0; i < size; i++) {
          const shift = (size - 1 - i) * 8
          this.#emit(`b[p${i === 0 ? '' : ` + ${i}`}] = ${v}${shift === 0 ? '' : ` >> ${shift}`}`)
        }
        break
      }
      case 'int64':
        this.#emit(`if (!isInt64(${v})) ${bad}`)
        this.#emit(`writeInt64(b, p, ${v})`)
        break
      case 'float64':
        this.#emit(`if (typeof ${v} !== 'number') ${bad}`)
        this.#emit(`writeFloat64(b, p, ${v})`)
        break
      default:
        this.#emit(`if (typeof ${v} !== 'string' || !writeUuid(b, p, ${v})) ${bad}`)
    }
    this.#emit(`p += ${size}`)
  }

  #value(field: Field, v: string, path: string): void {
    const nullable = includes(field.nullable, this.#version)
    if (field.type === 'struct' && !field.isArray) this.#struct(field, v, path, nullable)
    else if (fixedSizes[field.type] > 0 && !field.isArray) {
      this.#room(fixedSizes[field.type])
      this.#fixed(field, v, path)
    } else {
      if (nullable) {
        this.#emit(`if (${v} === null) {`)
        this.#writeNull(field)
        this.#emit('} else {')
      }
      if (field.isArray) this.#array(field, v, path)
      else this.#variableLength(field, v, path)
      if (nullable) this.#emit('}')
    }
  }

  #writeNull(field: Field): void {
    this.#room(5)
    if (this.#flexible && !field.neverCompact) {
      this.#emit('b[p++] = 0')
      return
    }
    const size = field.type === 'string' && !field.isArray ? 2 : 4
    this.#emit(`b.fill(255, p, p += ${size})`)
  }

  #variableLength(field: Field, v: string, path: string): void {
    const quoted = `\`${path}\``
    if (field.type === 'string') {
      this.#emit(`if (typeof ${v} !== 'string') wrongType(${quoted}, 'string', ${v})`)
      this.#emit(`p = w.string(p, ${v}, ${this.#flexible && !field.neverCompact}, '${staticPath(path)}')`)
    } else if (field.type === 'bytes') {
      this.#emit(`if (!(${v} instanceof Uint8Array)) wrongType(${quoted}, 'Uint8Array', ${v})`)
      this.#emit(`p = w.content(w.length(p, ${v}.byteLength, ${this.#flexible}), ${v})`)
    } else {
      this.#emit(`if (typeof ${v} !== 'object' || ${v} === null) wrongType(${quoted}, 'records', ${v})`)
      this.#emit(`p = w.records(p, ${v}, ${this.#flexible}, '${staticPath(path)}')`)
    }
    this.#emit('b = w.bytes')
  }

  #array(field: Field, v: string, path: string): void {
    const [index, element] = [this.#variable(), this.#variable()]
    const elementPath = `${path}[\${${index}}]`
    this.#emit(`if (!Array.isArray(${v})) wrongType(\`${path}\`, 'array', ${v})`)
    this.#emit(`p = w.length(p, ${v}.length, ${this.#flexible}); b = w.bytes`)
    this.#emit(`for (let ${index} = 0; ${index} < ${v}.length; ${index}++) {`)
    this.#emit(`const ${element} = ${v}[${index}]`)
    this.#value({ ...field, isArray: false, nullable: undefined }, element, elementPath)
    this.#emit('}')
  }

  #struct(field: Field, v: string, path: string, nullable: boolean): void {
    if (nullable) {
      this.#room(1)
      this.#emit(`if (${v} === null) b[p++] = ${field.tag < 0 ? 255 : 0}`)
      this.#emit('else {')
      this.#emit('b[p++] = 1')
    }
    this.#emit(`if (typeof ${v} !== 'object' || ${v} === null) wrongType(\`${path}\`, 'object', ${v})`)
    this.#structBody(field.fields, v, path)
    if (nullable) this.#emit('}')
  }

  /** Tagged fields in the order of their tags, those with their default left out. */
  #tagSection(tagged: readonly Field[], object: string, path: string): void {
    this.#room(5)
    if (tagged.length === 0) {
      this.#emit('b[p++] = 0')
      return
    }
    const values = tagged.map((field) => this.#take(field, object))
    const written = tagged.map((field, i) => {
      const flag = this.#variable()
      this.#emit(`const ${flag} = ${differsFromDefault(field, values[i]!)}`)
      return flag
    })
    // Fewer than 128 tagged fields, so that the count is one byte.
    this.#emit(`b[p++] = ${written.map((flag) => `(${flag} ? 1 : 0)`).join(' + ')}`)
    for (const [i, field] of tagged.entries()) {
      const start = this.#variable()
      this.#emit(`if (${written[i]}) {`)
      this.#room(6)
      this.#emit(`p = w.varint(p, ${field.tag}) + 1`)
      this.#emit(`const ${start} = p`)
      this.#value(field, values[i]!, `${path}.${field.name}`)
      this.#emit(`p = w.taggedSize(${start}, p); b = w.bytes`)
      this.#emit('}')
    }
    this.#room(5)
  }
}

/** A path without its indexes: those of an outer loop are not known where the writer refuses a value. */
function staticPath(path: string): string {
  return path.replaceAll(/\$\{\w+\}/g, '')
}

/** What stands in for a value that is missing, as an expression that allocates as little as possible. */
function missingValue(field: Field): string {
  if (field.default === null) return 'null'
  if (field.isArray) return '[]'
  if (field.type === 'struct') return 'absent'
  if (field.type === 'bytes' || field.type === 'records') return 'new Uint8Array(0)'
  if (field.type === 'string') return "''"
  if (field.type === 'uuid') return `'${ZERO_UUID}'`
  if (field.type === 'boolean') return String(field.default ?? false)
  return typeof field.default === 'string' ? `${field.default}n` : `${field.default ?? 0}`
}

/** An expression that is true where `v` is not the field's default: what puts a tagged field on the wire. */
function differsFromDefault(field: Field, v: string): string {
  if (field.default === null) return `${v} !== null`
  if (field.type === 'struct' && !field.isArray) {
    const inner = field.fields.map((child) => {
      const value = `${v}.${child.name}`
      return `(${value} !== undefined && ${differsFromDefault(child, value)})`
    })
    return `(typeof ${v} !== 'object' || ${v} === null || ${inner.join(' || ')})`
  }
  if (field.isArray || field.type === 'bytes' || field.type === 'records') return `${v}?.length !== 0`
  // A bigint counts as the number that it equals.
  return field.type === 'int64' ? `${v} != ${missingValue(field)}` : `${v} !== ${missingValue(field)}`
}
