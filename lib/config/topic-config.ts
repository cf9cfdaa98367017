/**
 * The settings of one topic, resolved: its own over the broker's dynamic and static ones over the defaults. A plain
 * frozen object, made anew when one of them changes, so that reading it on the way of the data costs nothing.
 */

import { ConfigError } from './errors.js'
import { nearestName } from './nearest.js'
import { parseSetting } from './setting.js'
import { type TopicSettingName, type TopicValue, topicSettings } from './settings/index.js'
import type { CompressionType, TimestampType } from './settings/values.js'

type Camel<S extends string> = S extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S

type Resolved = { readonly [N in TopicSettingName as Camel<N>]: TopicValue<N> }

/** `retention.ms` is `retentionMs`, and so on. Infinity: never. −1 as in Kafka. */
export interface TopicConfig extends Resolved {
  readonly compressionType: CompressionType
  readonly messageTimestampType: TimestampType
  /** `cleanup.policy` holds `compact`. */
  readonly compact: boolean
  /** `cleanup.policy` holds `delete`. */
  readonly delete: boolean
}

/** What a topic overrides, as given: setting name → text. */
export type Overrides = ReadonlyMap<string, string>

const fields: readonly (readonly [name: string, field: string])[] = [...topicSettings]
  .filter(([, declaration]) => declaration.setting.standing === 'used')
  .map(([name]) => [name, name.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase())])

/** Resolves the overrides over `defaults` (typed values by topic setting name, from the broker's settings). */
export function resolveTopicConfig(
  overrides: Overrides,
  defaults: ReadonlyMap<string, unknown>,
): TopicConfig {
  const resolved: Record<string, unknown> = {}
  for (const [name, field] of fields) {
    const text = overrides.get(name)
    resolved[field] =
      text === undefined ? defaults.get(name) : parseSetting(name, topicSettings.get(name)!.setting, text)
  }
  const policy = resolved.cleanupPolicy as readonly string[]
  resolved.compact = policy.includes('compact')
  resolved.delete = policy.includes('delete')
  resolved.segmentBytes = resolved.internalSegmentBytes ?? resolved.segmentBytes
  return Object.freeze(resolved) as unknown as TopicConfig
}

/** Throws ConfigError where an override is unknown, refused, out of range, or at odds with the rest. */
export function validateTopicOverrides(overrides: Overrides, defaults: ReadonlyMap<string, unknown>): void {
  for (const [name, text] of overrides) {
    const declaration = topicSettings.get(name)
    if (declaration === undefined) throw unknownTopicSetting(name)
    const { setting } = declaration
    const value = parseSetting(name, setting, text)
    if (setting.standing === 'refused' && String(value) !== setting.defaultText) {
      throw new ConfigError('REFUSED_SETTING', `${name}=${text} is refused: ${setting.doc}`, name)
    }
  }
  const config = resolveTopicConfig(overrides, defaults)
  if (config.minCompactionLagMs > config.maxCompactionLagMs) {
    throw new ConfigError(
      'INVALID_VALUE',
      `min.compaction.lag.ms (${config.minCompactionLagMs}) is larger than max.compaction.lag.ms (${config.maxCompactionLagMs})`,
      'min.compaction.lag.ms',
    )
  }
}

export function unknownTopicSetting(name: string): ConfigError {
  const near = nearestName(name, topicSettings.keys())
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  return new ConfigError('UNKNOWN_SETTING', `Unknown topic config name: ${name}${hint}`, name)
}
