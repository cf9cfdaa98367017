/** What DescribeConfigs says of a topic's or a broker's settings: value, where it comes from, and what it overrides. */

import type { BrokerConfig } from './broker-config.js'
import { type AnySetting, printedText, type SettingType } from './setting.js'
import { brokerSettings, topicSettings } from './settings/index.js'
import type { Overrides } from './topic-config.js'

/** Where a value comes from, by Kafka's code. */
export const ConfigSourceCode = {
  DYNAMIC_TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
} as const
export type ConfigSource = keyof typeof ConfigSourceCode

/** Types of settings, by Kafka's code. */
export const ConfigTypeCode: Readonly<Record<SettingType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}

export interface DescribedSynonym {
  readonly name: string
  /** Null where it is a secret. */
  readonly value: string | null
  readonly source: ConfigSource
}

export interface DescribedConfig extends DescribedSynonym {
  readonly readOnly: boolean
  readonly isSensitive: boolean
  readonly type: SettingType
  readonly documentation: string
  /** From the value that counts down to the default. */
  readonly synonyms: readonly DescribedSynonym[]
}

/** Settings that say the same in other units, or under an older name: the first that is set counts. */
const brokerSynonyms: readonly (readonly string[])[] = [
  ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
]
const synonymsByName = new Map(brokerSynonyms.flatMap((group) => group.map((name) => [name, group] as const)))
synonymsByName.set('log.flush.interval.ms', ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'])

/** The settings of a topic with these overrides; all, or those that `names` asks for (unknown ones are left out). */
export function describeTopic(
  config: BrokerConfig,
  overrides: Overrides,
  names?: readonly string[] | null,
): DescribedConfig[] {
  const described: DescribedConfig[] = []
  for (const name of asked(names, topicSettings)) {
    const declaration = topicSettings.get(name)
    if (declaration === undefined || (declaration.setting.internal && !overrides.has(name))) continue
    const { setting, broker } = declaration
    const synonyms: DescribedSynonym[] = []
    const text = overrides.get(name)
    const own = text === undefined ? undefined : printedText(name, setting, text)
    if (own !== undefined) synonyms.push({ name, value: own, source: 'DYNAMIC_TOPIC_CONFIG' })
    synonyms.push(
      ...brokerLevels(
        config,
        broker.map(([synonym]) => synonym),
      ),
    )
    described.push(entry(name, setting, synonyms, own ?? config.topicDefaultText(name), false))
  }
  return described
}

/** The settings of this broker; all, or those that `names` asks for (unknown ones are left out). */
export function describeBroker(config: BrokerConfig, names?: readonly string[] | null): DescribedConfig[] {
  const described: DescribedConfig[] = []
  for (const name of asked(names, brokerSettings)) {
    const setting = brokerSettings.get(name)
    if (setting === undefined || setting.internal) continue
    const synonyms = brokerLevels(config, synonymsByName.get(name) ?? [name])
    const own = synonyms.find((synonym) => synonym.name === name)
    const readOnly = setting.change === 'read-only' || setting.standing !== 'used'
    const value = own === undefined ? setting.defaultText : own.value
    described.push({
      ...entry(name, setting, synonyms, value, readOnly),
      source: own?.source ?? 'DEFAULT_CONFIG',
    })
  }
  return described
}

/** What was changed for all brokers, which is what Kafka shows of the cluster-wide default resource. */
export function describeClusterDefault(
  config: BrokerConfig,
  names?: readonly string[] | null,
): DescribedConfig[] {
  const described: DescribedConfig[] = []
  for (const [name, text] of config.clusterDefault) {
    const setting = brokerSettings.get(name)
    if (setting === undefined || (names?.length && !names.includes(name))) continue
    const value = printedText(name, setting, text)
    const synonyms: DescribedSynonym[] = [{ name, value, source: 'DYNAMIC_DEFAULT_BROKER_CONFIG' }]
    described.push(entry(name, setting, synonyms, value, false))
  }
  return described
}

/** As in Kafka an empty list asks for all, as none does. */
function asked(
  names: readonly string[] | null | undefined,
  all: ReadonlyMap<string, unknown>,
): Iterable<string> {
  return names?.length ? new Set(names) : all.keys()
}

function entry(
  name: string,
  setting: AnySetting,
  synonyms: readonly DescribedSynonym[],
  value: string | null,
  readOnly: boolean,
): DescribedConfig {
  const isSensitive = setting.type === 'password'
  return {
    name,
    value: isSensitive ? null : value,
    source: synonyms[0]?.source ?? 'DEFAULT_CONFIG',
    readOnly,
    isSensitive,
    type: setting.type,
    documentation: setting.doc,
    synonyms: isSensitive ? synonyms.map((synonym) => ({ ...synonym, value: null })) : synonyms,
  }
}

/** Every level at which one of these broker settings has a value, the one that counts first. */
function brokerLevels(config: BrokerConfig, names: readonly string[]): DescribedSynonym[] {
  const levels: DescribedSynonym[] = []
  const add = (overrides: Overrides, source: ConfigSource) => {
    for (const name of names) {
      const text = overrides.get(name)
      if (text === undefined) continue
      levels.push({ name, value: printedText(name, brokerSettings.get(name)!, text), source })
    }
  }
  add(config.perBroker, 'DYNAMIC_BROKER_CONFIG')
  add(config.clusterDefault, 'DYNAMIC_DEFAULT_BROKER_CONFIG')
  add(config.staticTexts, 'STATIC_BROKER_CONFIG')
  for (const name of names) {
    const value = brokerSettings.get(name)?.defaultText ?? null
    if (value !== null) levels.push({ name, value, source: 'DEFAULT_CONFIG' })
  }
  return levels
}
