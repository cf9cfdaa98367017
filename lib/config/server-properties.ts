/**
 * Where the settings of a start come from: a properties file, the environment, `--override`, and the options that
 * stand for one setting. The later in this list wins.
 */

import { ConfigError } from './errors.js'
import { nearestName } from './nearest.js'
import { parseProperties } from './properties.js'
import { brokerSettings } from './settings/index.js'

export interface SettingSources {
  /** The text of a properties file, and its name for errors. */
  readonly file?: { readonly path: string; readonly text: string }
  readonly env?: Readonly<Record<string, string | undefined>>
  /** `name=value`, as after `--override`. */
  readonly overrides?: readonly string[]
  readonly port?: number
  readonly dataDir?: string
}

/** `ODRADEK_LOG_SEGMENT_BYTES` stands for `log.segment.bytes`. */
const ENV_PREFIX = 'ODRADEK_'

/** Throws ConfigError for a text that cannot be read, and for an environment variable that misspells a setting. */
export function collectSettings(sources: SettingSources): Map<string, string> {
  const { file, env = {}, overrides = [], port, dataDir } = sources
  const settings = file === undefined ? new Map<string, string>() : parseProperties(file.text, file.path)
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(ENV_PREFIX) || value === undefined) continue
    const name = variable.slice(ENV_PREFIX.length).toLowerCase().replaceAll('_', '.')
    if (!brokerSettings.has(name)) {
      // What is near no setting is no misspelling: other programs may use the prefix too.
      const near = nearestName(name, brokerSettings.keys())
      if (near === undefined) continue
      throw new ConfigError(
        'UNKNOWN_SETTING',
        `${variable} stands for ${name}, which is no setting; did you mean ${environmentName(near)}?`,
        name,
      )
    }
    settings.set(name, value)
  }
  for (const override of overrides) {
    const at = override.indexOf('=')
    if (at <= 0) throw new ConfigError('SYNTAX', `--override ${override} is not name=value`)
    settings.set(override.slice(0, at).trim(), override.slice(at + 1).trim())
  }
  if (port !== undefined) setPort(settings, port)
  if (dataDir !== undefined) setDataDir(settings, dataDir)
  return settings
}

export function environmentName(setting: string): string {
  return ENV_PREFIX + setting.toUpperCase().replaceAll('.', '_')
}

/** Gives the first listener for clients another port; what it advertises follows where it named the same port. */
export function setPort(settings: Map<string, string>, port: number): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ConfigError('INVALID_VALUE', `${port} is no port: it must be between 0 and 65535`)
  }
  const given = settings.get('listeners') ?? brokerSettings.get('listeners')!.defaultText!
  const controllers = (settings.get('controller.listener.names') ?? '').toUpperCase().split(/\s*,\s*/)
  const addresses = given.split(',').map((text) => text.trim())
  const index = addresses.findIndex((text) => !controllers.includes(text.split('://')[0]!.toUpperCase()))
  const address = addresses[index]
  if (address === undefined) return
  const before = portOf(address)
  addresses[index] = withPort(address, port)
  settings.set('listeners', addresses.join(','))

  const advertised = settings.get('advertised.listeners')
  if (advertised === undefined) return
  const name = address.split('://')[0]!.toUpperCase()
  const follow = (text: string) =>
    text.split('://')[0]!.toUpperCase() === name && portOf(text) === before ? withPort(text, port) : text
  settings.set(
    'advertised.listeners',
    advertised
      .split(',')
      .map((text) => follow(text.trim()))
      .join(','),
  )
}

/** Takes the place of `log.dirs` and `log.dir`. */
export function setDataDir(settings: Map<string, string>, dataDir: string): void {
  settings.delete('log.dir')
  settings.set('log.dirs', dataDir)
}

function portOf(address: string): string | undefined {
  return /:(\d+)$/.exec(address)?.[1]
}

function withPort(address: string, port: number): string {
  return address.replace(/:\d+$/, `:${port}`)
}
