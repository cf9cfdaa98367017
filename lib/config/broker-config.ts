/**
 * The broker's settings: what was given at the start, what was changed while running (for this broker over for the
 * whole cluster), the defaults. One per broker; others read it by name and may listen for changes.
 */

import { checkBroker } from './broker-rules.js'
import { ConfigError } from './errors.js'
import { nearestName } from './nearest.js'
import { type AnySetting, parseSetting, valueText } from './setting.js'
import { type BrokerSettingName, type BrokerValue, brokerSettings, topicSettings } from './settings/index.js'
import {
  type Overrides,
  resolveTopicConfig,
  type TopicConfig,
  validateTopicOverrides,
} from './topic-config.js'

const nothing: Overrides = new Map()

export type ConfigListener = (changed: ReadonlySet<string>) => void

export class BrokerConfig {
  /** As given at the start. */
  readonly staticTexts: Overrides
  /** Settings given at the start that have no meaning here. */
  readonly ignored: readonly string[]
  #perBroker: Overrides = nothing
  #clusterDefault: Overrides = nothing
  #values: ReadonlyMap<string, unknown>
  #topicDefaults: ReadonlyMap<string, unknown>
  #plainTopic: TopicConfig | undefined
  #listeners = new Set<{ names: ReadonlySet<string> | undefined; listener: ConfigListener }>()

  /** Throws ConfigError for a setting that is unknown, refused, out of range, or at odds with another. */
  constructor(properties: Overrides | Readonly<Record<string, string>> = {}) {
    this.staticTexts = properties instanceof Map ? properties : new Map(Object.entries(properties))
    const ignored: string[] = []
    for (const [name, text] of this.staticTexts) {
      const setting = known(name)
      if (setting.standing === 'ignored') ignored.push(name)
      if (setting.standing === 'refused') refuseUnlessDefault(name, setting, text)
    }
    this.ignored = ignored
    this.#values = this.#resolve(nothing, nothing)
    this.#topicDefaults = topicDefaults(this.#values)
    validateTopicOverrides(nothing, this.#topicDefaults)
  }

  get<N extends BrokerSettingName>(name: N): BrokerValue<N> {
    return this.#values.get(name) as BrokerValue<N>
  }

  /** The settings of a topic with these overrides. */
  topic(overrides: Overrides = nothing): TopicConfig {
    if (overrides.size > 0) return resolveTopicConfig(overrides, this.#topicDefaults)
    // Most topics have none, so that they share one object.
    this.#plainTopic ??= resolveTopicConfig(nothing, this.#topicDefaults)
    return this.#plainTopic
  }

  /** Throws ConfigError where a topic cannot have these overrides. */
  validateTopic(overrides: Overrides): void {
    validateTopicOverrides(overrides, this.#topicDefaults)
  }

  /** Typed values of topics without overrides, by topic setting name; another map when one of them changed. */
  get topicDefaults(): ReadonlyMap<string, unknown> {
    return this.#topicDefaults
  }

  /** The value of a topic setting without an override, as Kafka prints it. */
  topicDefaultText(name: string): string | null {
    const setting = topicSettings.get(name)!.setting
    return valueText(setting, this.#topicDefaults.get(name))
  }

  /** What was changed for this broker alone. */
  get perBroker(): Overrides {
    return this.#perBroker
  }

  /** What was changed for all brokers. */
  get clusterDefault(): Overrides {
    return this.#clusterDefault
  }

  /** Throws ConfigError where these cannot be set while the broker runs. */
  validateDynamic(overrides: Overrides, scope: 'per-broker' | 'cluster-wide'): void {
    for (const [name, text] of overrides) {
      const setting = known(name)
      if (setting.standing !== 'used') {
        throw new ConfigError('REFUSED_SETTING', `${name} has no effect here: ${setting.doc}`, name)
      }
      if (setting.change === 'read-only') {
        throw new ConfigError('NOT_DYNAMIC', `Cannot update ${name} while the broker runs`, name)
      }
      if (setting.change === 'per-broker' && scope === 'cluster-wide') {
        throw new ConfigError('NOT_DYNAMIC', `${name} can only be set for a single broker`, name)
      }
      parseSetting(name, setting, text)
    }
    const values = this.#resolve(
      scope === 'per-broker' ? overrides : this.#perBroker,
      scope === 'cluster-wide' ? overrides : this.#clusterDefault,
    )
    validateTopicOverrides(nothing, topicDefaults(values))
  }

  /** Takes over what was changed while running, and tells the listeners of the settings whose value is another now. */
  applyDynamic(perBroker: Overrides, clusterDefault: Overrides): void {
    const values = this.#resolve(perBroker, clusterDefault)
    const changed = new Set<string>()
    for (const [name, value] of values) {
      if (String(value) !== String(this.#values.get(name))) changed.add(name)
    }
    this.#perBroker = new Map(perBroker)
    this.#clusterDefault = new Map(clusterDefault)
    this.#values = values
    const defaults = topicDefaults(values)
    if (!sameValues(defaults, this.#topicDefaults)) {
      this.#topicDefaults = defaults
      this.#plainTopic = undefined
    }
    if (changed.size === 0) return
    for (const { names, listener } of [...this.#listeners]) {
      const mine = names === undefined ? changed : new Set([...changed].filter((name) => names.has(name)))
      if (mine.size > 0) listener(mine)
    }
  }

  /** Calls `listener` after any of these settings (all, where none is named) changed. Returns how to stop it. */
  onChange(names: readonly BrokerSettingName[] | undefined, listener: ConfigListener): () => void {
    const entry = { names: names === undefined ? undefined : new Set<string>(names), listener }
    this.#listeners.add(entry)
    return () => this.#listeners.delete(entry)
  }

  #resolve(perBroker: Overrides, clusterDefault: Overrides): Map<string, unknown> {
    const values = new Map<string, unknown>()
    for (const [name, setting] of brokerSettings) {
      const text =
        perBroker.get(name) ?? clusterDefault.get(name) ?? this.staticTexts.get(name) ?? setting.defaultText
      values.set(name, text === null ? null : parseSetting(name, setting, text))
    }
    checkBroker(values, this.staticTexts)
    return values
  }
}

function known(name: string): AnySetting {
  const setting = brokerSettings.get(name)
  if (setting !== undefined) return setting
  if (name.startsWith('listener.name.')) {
    throw new ConfigError(
      'REFUSED_SETTING',
      `${name} is refused: listeners have no settings of their own yet`,
      name,
    )
  }
  const near = nearestName(name, brokerSettings.keys())
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  throw new ConfigError('UNKNOWN_SETTING', `Unknown setting ${name}${hint}`, name)
}

function refuseUnlessDefault(name: string, setting: AnySetting, text: string): void {
  const value = parseSetting(name, setting, text)
  if (setting.defaultText === null) {
    if (text.trim() === '') return
  } else if (String(value) === String(parseSetting(name, setting, setting.defaultText))) {
    return
  }
  const shown = setting.type === 'password' ? name : `${name}=${text}`
  throw new ConfigError('REFUSED_SETTING', `${shown} is refused: ${setting.doc}`, name)
}

/** The defaults of topics that follow from the broker's settings: typed values by topic setting name. */
function topicDefaults(broker: ReadonlyMap<string, unknown>): ReadonlyMap<string, unknown> {
  const defaults = new Map<string, unknown>()
  for (const [name, { setting, broker: synonyms }] of topicSettings) {
    let value: unknown = setting.defaultText === null ? null : undefined
    for (const [synonym, factor] of synonyms) {
      const given = broker.get(synonym)
      if (given === undefined || given === null) continue
      value = factor === 1 ? given : scaled(given as number, factor)
      break
    }
    defaults.set(name, value === undefined ? parseSetting(name, setting, setting.defaultText!) : value)
  }
  return defaults
}

/** Hours or minutes in ms; any negative number means "no bound". */
function scaled(value: number, factor: number): number {
  return value < 0 ? -1 : value * factor
}

function sameValues(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return [...a].every(([name, value]) => String(value) === String(b.get(name)))
}
