/**
 * The options of the embedded log: declared once, with defaults and ranges, checked when a log is opened.
 */
import { nearestName } from '../config/nearest.js'
import type { CompressionName } from '../protocol/compression.js'
import { LogError } from './log-error.js'

/** How a log is opened. Every option may be left out. */
export interface LogOptions {
  /**
   * When an append resolves. `fsync` (the default): when its records are on disk. `interval`: when they are in the
   * page cache; the log is flushed every `flushIntervalMs`. `os`: the same, and the system flushes when it likes.
   */
  durability?: 'fsync' | 'interval' | 'os'
  /** With `interval` only: the longest time that a record waits for its flush. Default 1,000. */
  flushIntervalMs?: number
  /** A new segment begins when the active one would grow beyond this. Default 1 GiB, at most 2^31 − 1. */
  segmentBytes?: number
  /** A new segment begins when the first record of the active one is older than this. Default 7 days. */
  segmentMs?: number
  /** Whole segments are deleted, the oldest first, as long as what stays is at least this much. Default Infinity. */
  retentionBytes?: number
  /** Whole segments are deleted when their newest record is older than this. Default Infinity. */
  retentionMs?: number
  /** How the batches that `append` makes are compressed. Default `none`. */
  compression?: CompressionName
  /** Largest batch; the records of one call are one batch at most. Default 1 MiB, or `segmentBytes` if less. */
  maxBatchBytes?: number
  /** Appends are refused with BACKPRESSURE while so much waits to be written. Default 64 MiB. */
  maxPendingBytes?: number
  /** Bytes that an iterator reads at once; it holds two such chunks. Default 1 MiB. */
  readAheadBytes?: number
  /** Every record must have a key. Needed for `compact`. Default false. */
  requireKeys?: boolean
  /** Checkpoints are written and retention is enforced every so often. Default 10,000. */
  maintenanceIntervalMs?: number
  /** Read beside whoever writes, without a lock. Default false. */
  readOnly?: boolean
}

export type ResolvedLogOptions = Readonly<Required<LogOptions>>

interface NumberRule {
  readonly kind: 'number'
  readonly min: number
  readonly max: number
  /** Infinity is allowed beside. */
  readonly unbounded?: boolean
}
type Rule =
  | NumberRule
  | { readonly kind: 'boolean' }
  | { readonly kind: 'one of'; readonly values: readonly string[] }

const never = Number.POSITIVE_INFINITY
const longestMs = Number.MAX_SAFE_INTEGER
/** What a timer takes. */
const longestTimerMs = 0x7fff_ffff
/** Positions in Kafka's indexes have 31 bits. */
const largestSegment = 0x7fff_ffff

const rules: { readonly [Name in keyof Required<LogOptions>]: Rule } = {
  durability: { kind: 'one of', values: ['fsync', 'interval', 'os'] },
  flushIntervalMs: { kind: 'number', min: 1, max: longestTimerMs },
  segmentBytes: { kind: 'number', min: 1_024, max: largestSegment },
  segmentMs: { kind: 'number', min: 1, max: longestMs, unbounded: true },
  retentionBytes: { kind: 'number', min: 0, max: Number.MAX_SAFE_INTEGER, unbounded: true },
  retentionMs: { kind: 'number', min: 0, max: longestMs, unbounded: true },
  compression: { kind: 'one of', values: ['none', 'gzip', 'snappy', 'lz4', 'zstd'] },
  maxBatchBytes: { kind: 'number', min: 128, max: 1 << 30 },
  maxPendingBytes: { kind: 'number', min: 1_024, max: Number.MAX_SAFE_INTEGER },
  readAheadBytes: { kind: 'number', min: 1_024, max: 1 << 30 },
  requireKeys: { kind: 'boolean' },
  maintenanceIntervalMs: { kind: 'number', min: 10, max: longestTimerMs },
  readOnly: { kind: 'boolean' },
}

const defaults: ResolvedLogOptions = {
  durability: 'fsync',
  flushIntervalMs: 1_000,
  segmentBytes: 1 << 30,
  segmentMs: 7 * 24 * 3_600_000,
  retentionBytes: never,
  retentionMs: never,
  compression: 'none',
  maxBatchBytes: 1 << 20,
  maxPendingBytes: 64 << 20,
  readAheadBytes: 1 << 20,
  requireKeys: false,
  maintenanceIntervalMs: 10_000,
  readOnly: false,
}

/** What only a writer uses. */
const writerOptions: readonly (keyof LogOptions)[] = [
  'durability',
  'flushIntervalMs',
  'segmentBytes',
  'segmentMs',
  'retentionBytes',
  'retentionMs',
  'compression',
  'maxBatchBytes',
  'maxPendingBytes',
  'requireKeys',
  'maintenanceIntervalMs',
]

/**
 * Options that belong to the log rather than to a handle: handles of one process that have the same log open must
 * agree on them.
 */
export const sharedOptions = [
  'durability',
  'flushIntervalMs',
  'segmentBytes',
  'segmentMs',
  'retentionBytes',
  'retentionMs',
  'maxBatchBytes',
  'requireKeys',
  'maintenanceIntervalMs',
] as const satisfies readonly (keyof LogOptions)[]

/** Checks the options and fills in the defaults. Throws INVALID_OPTION. */
export function resolveOptions(given: LogOptions = {}): ResolvedLogOptions {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw new LogError('INVALID_OPTION', 'options: give an object, as in { durability: "fsync" }')
  }
  const resolved: Record<string, unknown> = { ...defaults }
  for (const [name, value] of Object.entries(given)) {
    const rule = (rules as Record<string, Rule | undefined>)[name]
    if (rule === undefined) throw unknownOption(name)
    if (value === undefined) continue
    checkOption(name, rule, value)
    resolved[name] = value
  }
  const options = resolved as unknown as ResolvedLogOptions
  checkTogether(given, options)
  if (given.maxBatchBytes !== undefined) return options
  return { ...options, maxBatchBytes: Math.min(options.maxBatchBytes, options.segmentBytes) }
}

function unknownOption(name: string): LogError {
  const nearest = nearestName(name, Object.keys(rules))
  const hint = nearest ? `did you mean ${nearest}?` : `the options are ${Object.keys(rules).join(', ')}`
  return new LogError('INVALID_OPTION', `there is no option ${name}: ${hint}`, { option: name })
}

function checkOption(name: string, rule: Rule, value: unknown): void {
  const expected = expectation(rule, value)
  if (expected === undefined) return
  const shown = typeof value === 'string' ? `"${value}"` : String(value)
  throw new LogError('INVALID_OPTION', `${name} is ${expected}, not ${shown}`, { option: name })
}

/** What a value that the rule does not allow should be. */
function expectation(rule: Rule, value: unknown): string | undefined {
  switch (rule.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false'
    case 'one of':
      return rule.values.includes(value as string) ? undefined : `one of ${rule.values.join(', ')}`
    case 'number': {
      if (rule.unbounded && value === never) return undefined
      const isInRange = Number.isSafeInteger(value) && Number(value) >= rule.min && Number(value) <= rule.max
      const orInfinity = rule.unbounded ? ', or Infinity' : ''
      return isInRange ? undefined : `a whole number from ${rule.min} to ${rule.max}${orInfinity}`
    }
  }
}

function checkTogether(given: LogOptions, options: ResolvedLogOptions): void {
  const refuse = (option: keyof LogOptions, why: string): never => {
    throw new LogError('INVALID_OPTION', `${option} ${why}`, { option })
  }
  if (options.readOnly) {
    const written = writerOptions.find((name) => given[name] !== undefined)
    if (written) refuse(written, 'has no effect with readOnly: leave it out')
  }
  if (given.flushIntervalMs !== undefined && options.durability !== 'interval') {
    refuse(
      'flushIntervalMs',
      `has no effect with durability "${options.durability}": it goes with "interval"`,
    )
  }
  if (given.maxBatchBytes !== undefined && options.maxBatchBytes > options.segmentBytes) {
    refuse('maxBatchBytes', `is more than segmentBytes (${options.segmentBytes}): a batch must fit a segment`)
  }
}

/** What handles must agree on, for those that come later. */
export function sharedOptionsOf(options: ResolvedLogOptions): string {
  return JSON.stringify(sharedOptions.map((name) => (options[name] === never ? 'Infinity' : options[name])))
}

/**
 * The options of a handle on a log that is open already: those of the log, where they belong to it. Throws
 * OPTIONS_CONFLICT where `given` says otherwise.
 */
export function adoptOptions(
  given: LogOptions,
  resolved: ResolvedLogOptions,
  note: string,
): ResolvedLogOptions {
  const values = JSON.parse(note) as unknown[]
  const adopted: Record<string, unknown> = { ...resolved }
  for (const [i, name] of sharedOptions.entries()) {
    const value = values[i] === 'Infinity' ? never : values[i]
    if (given[name] !== undefined && given[name] !== value) {
      throw new LogError(
        'OPTIONS_CONFLICT',
        `the log is open in this process with ${name} ${value}, not ${given[name]}: leave the option out, or close the log first`,
        { option: name },
      )
    }
    adopted[name] = value
  }
  return adopted as unknown as ResolvedLogOptions
}
