/**
 * What one setting is: its type, default, range, what a change does, and its standing here. Declared in settings/,
 * by the builders below, and nowhere else.
 */

import { ConfigError } from './errors.js'

export type SettingType =
  | 'boolean'
  | 'string'
  | 'int'
  | 'short'
  | 'long'
  | 'double'
  | 'list'
  | 'class'
  | 'password'

/** What a change of a broker setting does: nothing before a restart, this broker only, or any level. */
export type Change = 'read-only' | 'per-broker' | 'cluster-wide'

/**
 * `used`: has its effect. `ignored`: Kafka's, without meaning here; named in one warning. `refused`: ignoring it
 * would weaken security or durability; any value but the default stops the start.
 */
export type Standing = 'used' | 'ignored' | 'refused'

/** A secret: shows itself to nobody who does not ask for `value`. */
export class Password {
  readonly value: string

  constructor(value: string) {
    this.value = value
  }

  toString(): string {
    return '[hidden]'
  }

  toJSON(): string {
    return '[hidden]'
  }
}

export interface Setting<T> {
  readonly type: SettingType
  /** The default as Kafka prints it; null where there is none. */
  readonly defaultText: string | null
  readonly change: Change
  readonly standing: Standing
  /** The valid values in words, for the documentation; empty where all are. */
  readonly range: string
  /** What it does, or why it is ignored or refused. */
  readonly doc: string
  /** Not served by DescribeConfigs. */
  readonly internal: boolean
  /** Says what is wrong with a value of the right type. */
  readonly check: (value: NonNullable<T>) => string | undefined
  /** Carries T; never set. */
  readonly valueType?: T
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds settings of every type
export type AnySetting = Setting<any>
export type Declarations = Readonly<Record<string, AnySetting>>
export type ValueOf<S> = S extends Setting<infer T> ? T : never

export interface Traits<V> {
  doc?: string
  change?: Change
  standing?: Standing
  internal?: boolean
  min?: number
  max?: number
  /** Valid beside min…max. */
  or?: number
  oneOf?: readonly string[]
  /** The range in words, where min, max and oneOf do not say it. */
  range?: string
  check?: (value: V) => string | undefined
}

const INT_MAX = 2 ** 31 - 1
const LONG_MAX = 2n ** 63n - 1n
export const LONG_MAX_TEXT = LONG_MAX.toString()
const DOUBLE_MAX_TEXT = '1.7976931348623157E308'

function declare<T>(
  type: SettingType,
  defaultText: string | null,
  traits: Traits<NonNullable<T>>,
  check: (value: NonNullable<T>) => string | undefined,
  range: string,
): Setting<T> {
  return {
    type,
    defaultText,
    change: traits.change ?? 'read-only',
    standing: traits.standing ?? 'used',
    range: traits.range ?? range,
    doc: traits.doc ?? '',
    internal: traits.internal ?? false,
    check: (value) => check(value) ?? traits.check?.(value),
  }
}

function numeric<D extends number | null>(
  type: 'int' | 'short' | 'long' | 'double',
  defaultValue: D,
  traits: Traits<number>,
): Setting<number | Extract<D, null>> {
  const { min, max, or } = traits
  const check = (value: number): string | undefined => {
    if (value === or) return undefined
    if (or !== undefined && min !== undefined && max !== undefined && (value < min || value > max)) {
      return `Value must be between ${min} and ${max} or equal to ${or}`
    }
    if (min !== undefined && value < min) return `Value must be at least ${min}`
    if (max !== undefined && value > max) return `Value must be no more than ${max}`
    return undefined
  }
  let range = ''
  if (min !== undefined || max !== undefined) {
    range = max === undefined ? `[${min},...]` : `[${min},...,${max}]`
    if (or !== undefined) range += ` or ${or}`
  }
  const text = defaultValue === null ? null : numberText(type, defaultValue)
  return declare<number>(type, text, traits, check, range) as Setting<number | Extract<D, null>>
}

export const int = <D extends number | null>(value: D, traits: Traits<number> = {}) =>
  numeric('int', value, traits)
export const short = <D extends number | null>(value: D, traits: Traits<number> = {}) =>
  numeric('short', value, traits)
/** Kafka's "never" (the largest long) is Infinity here. */
export const long = <D extends number | null>(value: D, traits: Traits<number> = {}) =>
  numeric('long', value, traits)
export const double = <D extends number | null>(value: D, traits: Traits<number> = {}) =>
  numeric('double', value, traits)

export function boolean(value: boolean, traits: Traits<boolean> = {}): Setting<boolean> {
  return declare<boolean>('boolean', String(value), traits, () => undefined, '')
}

export function string<D extends string | null>(
  value: D,
  traits: Traits<string> = {},
): Setting<string | Extract<D, null>> {
  return declare<string | Extract<D, null>>(
    'string',
    value,
    traits,
    (text) => oneOfCheck(text, traits.oneOf),
    traits.oneOf === undefined ? '' : `[${traits.oneOf.join(', ')}]`,
  )
}

export function list<D extends readonly string[] | null>(
  value: D,
  traits: Traits<readonly string[]> = {},
): Setting<readonly string[] | Extract<D, null>> {
  return declare<readonly string[]>(
    'list',
    value === null ? null : value.join(','),
    traits,
    (items) => {
      for (const item of items) {
        const wrong = oneOfCheck(item, traits.oneOf)
        if (wrong !== undefined) return wrong
      }
      return undefined
    },
    traits.oneOf === undefined ? '' : `[${traits.oneOf.join(', ')}]`,
  ) as Setting<readonly string[] | Extract<D, null>>
}

/** A Java class name: known to Kafka only, so never a used setting. */
export function className(value: string | null, traits: Traits<string> = {}): Setting<string | null> {
  return declare<string | null>('class', value, traits, () => undefined, '')
}

export function password(traits: Traits<Password> = {}): Setting<Password | null> {
  return declare<Password | null>('password', null, traits, () => undefined, '')
}

function oneOfCheck(text: string, oneOf: readonly string[] | undefined): string | undefined {
  if (oneOf === undefined || oneOf.includes(text)) return undefined
  return `String must be one of: ${oneOf.join(', ')}`
}

function numberText(type: SettingType, value: number): string {
  if (type === 'double') {
    if (value === Number.POSITIVE_INFINITY) return DOUBLE_MAX_TEXT
    return Number.isInteger(value) ? `${value}.0` : String(value)
  }
  return value === Number.POSITIVE_INFINITY ? LONG_MAX_TEXT : String(value)
}

/** A value as Kafka prints it. */
export function valueText(setting: AnySetting, value: unknown): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'number' ? numberText(setting.type, value) : String(value)
}

/** The text of a value as Kafka prints it again, however it was written. REQUIRES: `parseSetting` takes the text. */
export function printedText(name: string, setting: AnySetting, text: string): string {
  // A number of JavaScript has not all digits of a large one.
  if (['int', 'short', 'long'].includes(setting.type)) return String(BigInt(text.trim()))
  return valueText(setting, parseSetting(name, setting, text))!
}

/** Reads a value as Kafka does: trimmed, no fractions, and in the bounds of its type. */
export function parseSetting<T>(name: string, setting: Setting<T>, text: string): NonNullable<T> {
  const trimmed = text.trim()
  let value: unknown
  switch (setting.type) {
    case 'boolean':
      value = parseBoolean(trimmed)
      break
    case 'int':
    case 'short':
    case 'long':
      value = parseInteger(setting.type, trimmed)
      break
    case 'double':
      value = parseDouble(trimmed)
      break
    case 'list':
      value = parseList(trimmed)
      break
    case 'password':
      value = new Password(trimmed)
      break
    default:
      value = trimmed
  }
  const shown = setting.type === 'password' ? '[hidden]' : text
  if (value instanceof Refusal) {
    throw new ConfigError(
      'INVALID_VALUE',
      `Invalid value ${shown} for configuration ${name}: ${value.why}`,
      name,
    )
  }
  const wrong = setting.check(value as NonNullable<T>)
  if (wrong !== undefined) {
    throw new ConfigError('INVALID_VALUE', `Invalid value ${shown} for configuration ${name}: ${wrong}`, name)
  }
  return value as NonNullable<T>
}

/** Why a text is no value of its type. */
class Refusal {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

function parseBoolean(text: string): boolean | Refusal {
  const lower = text.toLowerCase()
  if (lower === 'true') return true
  if (lower === 'false') return false
  return new Refusal('Expected value to be either true or false')
}

const integerLimits = { short: 2n ** 15n - 1n, int: BigInt(INT_MAX), long: LONG_MAX }

function parseInteger(type: 'int' | 'short' | 'long', text: string): number | Refusal {
  const wrong = `Not a number of type ${type.toUpperCase()}`
  if (!/^[+-]?\d{1,20}$/.test(text)) return new Refusal(wrong)
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  const limit = integerLimits[type]
  if (value > limit || value < -limit - 1n) return new Refusal(wrong)
  return value === LONG_MAX ? Number.POSITIVE_INFINITY : Number(value)
}

function parseDouble(text: string): number | Refusal {
  const value = Number(text)
  if (text === '' || Number.isNaN(value)) return new Refusal('Not a number of type DOUBLE')
  return value >= Number.MAX_VALUE ? Number.POSITIVE_INFINITY : value
}

/** Splits at commas; empty items are refused, duplicates dropped. */
export function parseList(text: string): readonly string[] | Refusal {
  if (text === '') return []
  const items = text.split(',').map((item) => item.trim())
  if (items.includes('')) return new Refusal('list items must not be empty')
  return [...new Set(items)]
}
