/** The options by which every client command finds its cluster, and what they come to. */
import { readFile } from 'node:fs/promises'
import { parseProperties } from '../../config/index.js'
import { UsageError } from '../usage-error.js'

const DEFAULT_BROKER = '127.0.0.1:9092'

export const connectionOptions = {
  'bootstrap-server': {
    type: 'string',
    short: 'b',
    value: 'HOST:PORT',
    help: `a broker to ask first, or several with commas (default: bootstrap.servers of the file, or ${DEFAULT_BROKER})`,
  },
  'command-config': {
    type: 'string',
    value: 'FILE',
    aliases: ['consumer.config', 'producer.config', 'config-file', 'admin.config'],
    help: 'client settings in a properties file, such as client.id and request.timeout.ms',
  },
} as const

export interface ConnectionSettings {
  readonly bootstrapBrokers: string[]
  /** Kafka's names of client settings: from the file, then from the command line. */
  readonly properties: ReadonlyMap<string, string>
}

interface ConnectionValues {
  'bootstrap-server': string | undefined
  'command-config': string | undefined
}

/**
 * `properties` are name=value words of the command line and win over the file. Settings outside `known` are
 * refused: one that did nothing would look as if it did.
 */
export async function connectionSettings(
  values: ConnectionValues,
  known: readonly string[] = [],
  properties: readonly string[] = [],
): Promise<ConnectionSettings> {
  const settings = new Map<string, string>()
  const file = values['command-config']
  if (file !== undefined) {
    for (const [name, value] of parseProperties(await readFile(file, 'utf8'), file)) settings.set(name, value)
  }
  for (const [name, value] of nameValues(properties)) settings.set(name, value)
  const all = [...CONNECTION_PROPERTIES, ...known]
  for (const name of settings.keys()) {
    if (!all.includes(name)) {
      throw new UsageError(`the client setting ${name} is not supported; there are ${all.join(', ')}`)
    }
  }
  const protocol = settings.get('security.protocol') ?? 'PLAINTEXT'
  if (protocol !== 'PLAINTEXT') {
    throw new UsageError(`security.protocol ${protocol} is not supported; only PLAINTEXT is`)
  }
  const bootstrap = values['bootstrap-server'] ?? settings.get('bootstrap.servers') ?? DEFAULT_BROKER
  return {
    bootstrapBrokers: bootstrap.split(',').map(hostAndPort),
    properties: settings,
  }
}

/** Reads `name=value` words. */
export function nameValues(words: readonly string[]): [name: string, value: string][] {
  return words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) throw new UsageError(`${word} is not of the form name=value`)
    return [word.slice(0, at), word.slice(at + 1)]
  })
}

export function integerProperty(
  properties: ReadonlyMap<string, string>,
  name: string,
  fallback: number,
): number {
  const text = properties.get(name)
  if (text === undefined) return fallback
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new UsageError(`${name} is a whole number, not ${text}`)
  }
  return number
}

export function booleanProperty(
  properties: ReadonlyMap<string, string>,
  name: string,
  fallback: boolean,
): boolean {
  const text = properties.get(name)
  if (text === undefined) return fallback
  if (text !== 'true' && text !== 'false') throw new UsageError(`${name} is true or false, not ${text}`)
  return text === 'true'
}

const CONNECTION_PROPERTIES = [
  'bootstrap.servers',
  'client.id',
  'request.timeout.ms',
  'retries',
  'retry.backoff.ms',
  'security.protocol',
]

function hostAndPort(text: string): string {
  const address = text.trim()
  const match = /^(.+?)(?::(\d+))?$/.exec(address)
  if (!match || (match[2] !== undefined && Number(match[2]) > 65535)) {
    throw new UsageError(`${text} is not of the form host:port`)
  }
  return match[2] === undefined ? `${address}:9092` : address
}
