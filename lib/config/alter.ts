/** Changes of settings as AlterConfigs and IncrementalAlterConfigs ask for them: pure functions over what is set. */

import { ConfigError } from './errors.js'
import { type AnySetting, parseList } from './setting.js'
import { brokerSettings, topicSettings } from './settings/index.js'
import type { Overrides } from './topic-config.js'

/** The operations of IncrementalAlterConfigs, by their code. */
export const ConfigOperationCode = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

export interface ConfigOperation {
  readonly name: string
  /** One of ConfigOperationCode. */
  readonly operation: number
  /** Null only with DELETE. */
  readonly value: string | null
}

/**
 * Applies the operations to `current`. `effective` gives the value that a list has without an override, which
 * append and subtract start from. What comes out is still to be validated.
 */
export function alterIncrementally(
  kind: 'topic' | 'broker',
  current: Overrides,
  operations: readonly ConfigOperation[],
  effective: (name: string) => readonly string[],
): Map<string, string> {
  const altered = new Map(current)
  const seen = new Set<string>()
  for (const { name, operation, value } of operations) {
    if (name === '') throw new ConfigError('INVALID_OPERATION', 'A setting without a name', name)
    if (seen.has(name)) {
      throw new ConfigError('INVALID_OPERATION', `${name} stands more than once in one request`, name)
    }
    seen.add(name)
    if (operation === ConfigOperationCode.DELETE) {
      altered.delete(name)
      continue
    }
    if (value === null) throw new ConfigError('INVALID_OPERATION', `No value is given for ${name}`, name)
    if (operation === ConfigOperationCode.SET) {
      altered.set(name, value)
      continue
    }
    if (operation !== ConfigOperationCode.APPEND && operation !== ConfigOperationCode.SUBTRACT) {
      throw new ConfigError('INVALID_OPERATION', `Unknown operation ${operation} for ${name}`, name)
    }
    const setting = settingOf(kind, name)
    if (setting === undefined || setting.type !== 'list') {
      throw new ConfigError('NOT_A_LIST', `${name} is no list: nothing can be appended or subtracted`, name)
    }
    const items = listItems(name, value)
    const before = altered.has(name) ? listItems(name, altered.get(name)!) : effective(name)
    const after =
      operation === ConfigOperationCode.APPEND
        ? [...before, ...items.filter((item) => !before.includes(item))]
        : before.filter((item) => !items.includes(item))
    altered.set(name, after.join(','))
  }
  return altered
}

/** What AlterConfigs leaves: the given entries alone. What comes out is still to be validated. */
export function alterFully(entries: readonly { name: string; value: string | null }[]): Map<string, string> {
  const altered = new Map<string, string>()
  for (const { name, value } of entries) {
    if (name === '') throw new ConfigError('INVALID_OPERATION', 'A setting without a name', name)
    if (altered.has(name)) {
      throw new ConfigError('INVALID_OPERATION', `${name} stands more than once in one request`, name)
    }
    if (value === null) throw new ConfigError('INVALID_OPERATION', `No value is given for ${name}`, name)
    altered.set(name, value)
  }
  return altered
}

function settingOf(kind: 'topic' | 'broker', name: string): AnySetting | undefined {
  return kind === 'topic' ? topicSettings.get(name)?.setting : brokerSettings.get(name)
}

function listItems(name: string, text: string): readonly string[] {
  const items = parseList(text.trim())
  if ('why' in items)
    throw new ConfigError('INVALID_VALUE', `Invalid value ${text} for ${name}: ${items.why}`, name)
  return items
}
