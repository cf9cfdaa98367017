/**
 * Writes the JavaScript that decodes one version of one message: one function, positions in a local variable,
 * nested structs and arrays in place. Runs of fixed-size fields share one bounds check.
 */
import { readInt64 } from './int64.js'
import * as reader from './reader.js'
import { type Field, fixedSizes, includes, minElementSize, type Schema } from './schema.js'
import { readUuid } from './uuid.js'

export type Decoder = (bytes: Uint8Array, position: number) => unknown

const runtime = { ...reader, readInt64, readUuid }

/** The longest string that Kafka takes, also where the length is a varint. */
const maxStringLength = 0x7fff

export function compileDecoder(schema: Schema, version: number): Decoder {
  const body = new DecoderSource(schema, version).write()
  return new Function(
    'runtime',
    `'use strict'\nconst { ${Object.keys(runtime).join(', ')} } = runtime\n${body}`,
  )(runtime) as Decoder
}

class DecoderSource {
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
    const value = this.#structBody(this.#schema.fields, this.#schema.name)
    const start = 'return function decode(b, p) {\nconst end = b.length\nlet n = 0, budget = elementBudget'
    return `${start}\n${this.#lines.join('\n')}\nreturn ${value}\n}`
  }

  #emit(line: string): void {
    this.#lines.push(line)
  }

  #variable(): string {
    return `v${this.#variables++}`
  }

  /** Reads the fields of a struct and returns the expression of the object that they make. */
  #structBody(fields: readonly Field[], path: string): string {
    const values = new Map<Field, string>()
    const present = fields.filter((field) => includes(field.versions, this.#version))
    const untagged = present.filter((field) => field.tag < 0)
    for (let i = 0; i < untagged.length; ) {
      const run = fixedRun(untagged, i)
      if (run.length > 0) {
        this.#fixedRun(run, path, values)
        i += run.length
      } else {
        const field = untagged[i++]!
        values.set(field, this.#field(field, `${path}.${field.name}`))
      }
    }
    if (this.#flexible) this.#tagSection(present, path, values)
    const parts = fields.map((field) => `${field.name}: ${values.get(field) ?? defaultLiteral(field)}`)
    return `{ ${parts.join(', ')} }`
  }

  #fixedRun(run: readonly Field[], path: string, values: Map<Field, string>): void {
    const size = run.reduce((sum, field) => sum + fixedSizes[field.type], 0)
    this.#emit(`if (end - p < ${size}) endsInside('${path}.${run[0]!.name}')`)
    let at = 0
    for (const field of run) {
      const variable = this.#variable()
      this.#emit(`const ${variable} = ${fixedRead(field.type, at)}`)
      values.set(field, variable)
      at += fixedSizes[field.type]
    }
    this.#emit(`p += ${size}`)
  }

  /** Reads one field that is in this version and returns the variable that holds it. */
  #field(field: Field, path: string): string {
    const variable = this.#variable()
    this.#emit(`let ${variable}`)
    this.#assign(field, path, variable)
    return variable
  }

  #assign(field: Field, path: string, variable: string): void {
    const nullable = includes(field.nullable, this.#version)
    if (field.isArray) this.#array(field, path, variable, nullable)
    else if (field.type === 'struct') this.#struct(field, path, variable, nullable)
    else if (fixedSizes[field.type] > 0) {
      const size = fixedSizes[field.type]
      this.#emit(`if (end - p < ${size}) endsInside('${path}')`)
      this.#emit(`${variable} = ${fixedRead(field.type, 0)}; p += ${size}`)
    } else this.#variableLength(field, path, variable, nullable)
  }

  #struct(field: Field, path: string, variable: string, nullable: boolean): void {
    if (!nullable) {
      this.#emit(`${variable} = ${this.#structBody(field.fields, path)}`)
      return
    }
    if (field.tag >= 0) {
      // Where a nullable struct is a tagged field, a varint says whether it is there, elsewhere a signed byte.
      this.#varint('n', path)
      this.#emit(`if (n === 0) ${variable} = null`)
    } else {
      this.#emit(`if (p >= end) endsInside('${path}')`)
      this.#emit(`if (b[p++] > 127) ${variable} = null`)
    }
    this.#emit('else {')
    this.#emit(`${variable} = ${this.#structBody(field.fields, path)}`)
    this.#emit('}')
  }

  /** Reads a length or count into `n`, −1 for null. */
  #length(path: string, shortForm: boolean, compact = this.#flexible): void {
    if (compact) {
      this.#varint('n', path)
      this.#emit('n--')
      return
    }
    const size = shortForm ? 2 : 4
    this.#emit(`if (end - p < ${size}) endsInside('${path}')`)
    this.#emit(`n = ${fixedRead(shortForm ? 'int16' : 'int32', 0)}; p += ${size}`)
  }

  #varint(variable: string, path: string): void {
    this.#emit(`if (p >= end) endsInside('${path}')`)
    this.#emit(`${variable} = b[p++]`)
    this.#emit(
      `if (${variable} > 127) { ${variable} = readVarintRest(b, p, end, ${variable}, '${path}'); p = readState.position }`,
    )
  }

  #negative(path: string, variable: string, nullable: boolean): void {
    this.#emit('if (n < 0) {')
    this.#emit(`if (n < -1) badLength('${path}', n)`)
    this.#emit(nullable ? `${variable} = null` : `notNullable('${path}')`)
    this.#emit('} else {')
  }

  #variableLength(field: Field, path: string, variable: string, nullable: boolean): void {
    const isString = field.type === 'string'
    this.#length(path, isString, this.#flexible && !field.neverCompact)
    this.#negative(path, variable, nullable)
    this.#emit(`if (n > end - p) tooLong('${path}', n, end - p)`)
    if (isString && this.#flexible) this.#emit(`if (n > ${maxStringLength}) badLength('${path}', n)`)
    const read = { string: 'readText', bytes: 'copyBytes', records: 'viewBytes' }[field.type as 'string']
    this.#emit(`${variable} = ${read}(b, p, n)`)
    this.#emit('p += n')
    this.#emit('}')
  }

  #array(field: Field, path: string, variable: string, nullable: boolean): void {
    const element: Field = { ...field, isArray: false, nullable: undefined }
    const minSize = minElementSize(field, this.#version, this.#flexible)
    if (minSize < 1) throw new Error(`${path}: elements without bytes cannot be bounded`)
    const weight = ['struct', 'string', 'uuid'].includes(field.type) ? 8 : 1
    const index = this.#variable()
    this.#length(path, false)
    this.#negative(path, variable, nullable)
    this.#emit(`if (n * ${minSize} > end - p) tooLong('${path}', n, end - p)`)
    this.#emit(`if ((budget -= n * ${weight}) < 0) tooManyElements('${path}')`)
    this.#emit(`${variable} = []`)
    this.#emit(`for (let ${index} = n; ${index} > 0; ${index}--) {`)
    if (field.type === 'struct') {
      this.#emit(`${variable}.push(${this.#structBody(field.fields, path)})`)
    } else {
      this.#emit(`${variable}.push(${this.#field(element, path)})`)
    }
    this.#emit('}')
    this.#emit('}')
  }

  #tagSection(present: readonly Field[], path: string, values: Map<Field, string>): void {
    const tagged = present.filter((field) => field.tag >= 0)
    for (const field of tagged) {
      const variable = this.#variable()
      this.#emit(`let ${variable} = ${defaultLiteral(field)}`)
      values.set(field, variable)
    }
    this.#varint('n', path)
    if (tagged.length === 0) {
      this.#emit(`if (n !== 0) p = skipTaggedFields(b, p, end, n, '${path}')`)
      return
    }
    const [count, tag, next] = [this.#variable(), this.#variable(), this.#variable()]
    this.#emit(`for (let ${count} = n; ${count} > 0; ${count}--) {`)
    this.#varint('n', path)
    this.#emit(`const ${tag} = n`)
    this.#varint('n', path)
    this.#emit(`if (n > end - p) tooLong('${path}', n, end - p)`)
    this.#emit(`const ${next} = p + n`)
    this.#emit(`switch (${tag}) {`)
    for (const field of tagged) {
      this.#emit(`case ${field.tag}: {`)
      this.#assign(field, `${path}.${field.name}`, values.get(field)!)
      this.#emit(`if (p !== ${next}) badTagSize('${path}.${field.name}')`)
      this.#emit('break }')
    }
    this.#emit(`default: p = ${next}`)
    this.#emit('}')
    this.#emit('}')
  }
}

/** The fields from `start` on that have a fixed size, up to the first that has not. */
export function fixedRun(fields: readonly Field[], start: number): Field[] {
  const run: Field[] = []
  for (let i = start; i < fields.length; i++) {
    const field = fields[i]!
    if (field.isArray || fixedSizes[field.type] === 0) break
    run.push(field)
  }
  return run
}

/** The value that a field has where it is not on the wire. */
export function defaultLiteral(field: Field): string {
  if (field.default === null) return 'null'
  if (field.isArray) return '[]'
  if (field.type === 'struct') {
    return `{ ${field.fields.map((inner) => `${inner.name}: ${defaultLiteral(inner)}`).join(', ')} }`
  }
  switch (field.type) {
    case 'string':
      return "''"
    case 'uuid':
      return "'AAAAAAAAAAAAAAAAAAAAAA'"
    case 'boolean':
      return field.default === true ? 'true' : 'false'
    case 'bytes':
    case 'records':
      return 'new Uint8Array(0)'
    case 'int64':
      return typeof field.default === 'string' ? `${field.default}n` : `${field.default ?? 0}`
    default:
      return `${field.default ?? 0}`
  }
}

function fixedRead(type: Field['type'], offset: number): string {
  const byte = (i: number) => (offset + i === 0 ? 'b[p]' : `b[p + ${offset + i}]`)
  const at = offset === 0 ? 'p' : `p + ${offset}`
  switch (type) {
    case 'boolean':
      return `${byte(0)} !== 0`
    case 'int8':
      return `${byte(0)} << 24 >> 24`
    case 'int16':
      return `(${byte(0)} << 24 | ${byte(1)} << 16) >> 16`
    case 'uint16':
      return `${byte(0)} << 8 | ${byte(1)}`
    case 'int32':
      return `${byte(0)} << 24 | ${byte(1)} << 16 | ${byte(2)} << 8 | ${byte(3)}`
    case 'int64':
      return `readInt64(b, ${at})`
    case 'float64':
      return `readFloat64(b, ${at})`
    case 'uuid':
      return `readUuid(b, ${at})`
    default:
      throw new Error(`${type} has no fixed size`)
  }
}
