/** Where the broker listens and what it tells clients: `listeners`, `advertised.listeners` and their protocol map. */

import { hostname } from 'node:os'
import type { BrokerConfig } from './broker-config.js'
import { ConfigError } from './errors.js'

export interface Endpoint {
  /** Listener name, in capitals. */
  readonly name: string
  readonly protocol: 'PLAINTEXT'
  /** Address to bind; empty for every interface. Without brackets. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly advertisedHost: string
  /** 0: the port that was bound. */
  readonly advertisedPort: number
}

export interface Listeners {
  readonly endpoints: readonly Endpoint[]
  /** The name of the listener that other brokers use. */
  readonly interBroker: string
}

interface Address {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Throws ConfigError where the listener settings do not fit together, or ask for a protocol that is not there. */
export function parseListeners(config: BrokerConfig): Listeners {
  const controllers = new Set(config.get('controller.listener.names').map((name) => name.toUpperCase()))
  const protocols = parseProtocolMap(config.get('listener.security.protocol.map'))
  const bound = config
    .get('listeners')
    .map((text) => parseAddress('listeners', text))
    .filter((address) => !controllers.has(address.name))
  if (bound.length === 0) fail('listeners', 'listeners names no listener for clients')
  requireDistinct(bound)

  const advertised = new Map<string, Address>()
  for (const text of config.get('advertised.listeners') ?? []) {
    const address = parseAddress('advertised.listeners', text)
    if (controllers.has(address.name)) continue
    if (!bound.some((listener) => listener.name === address.name)) {
      fail('advertised.listeners', `advertised.listeners names ${address.name}, which is not in listeners`)
    }
    if (advertised.has(address.name)) {
      fail('advertised.listeners', `advertised.listeners names ${address.name} more than once`)
    }
    advertised.set(address.name, address)
  }

  const endpoints = bound.map((listener): Endpoint => {
    const protocol = protocols.get(listener.name)
    if (protocol === undefined) {
      fail(
        'listener.security.protocol.map',
        `listener ${listener.name} has no entry in listener.security.protocol.map`,
      )
    }
    if (protocol !== 'PLAINTEXT') {
      fail(
        'listeners',
        `listener ${listener.name} is refused: ${protocol} does not exist yet, only PLAINTEXT does`,
      )
    }
    const told = advertised.get(listener.name)
    const advertisedHost = (told ?? listener).host || hostname()
    if (advertisedHost === '0.0.0.0' || advertisedHost === '::') {
      fail(
        'advertised.listeners',
        `clients cannot reach ${advertisedHost}: name an address for ${listener.name} in advertised.listeners`,
      )
    }
    return {
      name: listener.name,
      protocol,
      host: listener.host,
      port: listener.port,
      advertisedHost,
      advertisedPort: told?.port ?? listener.port,
    }
  })
  return { endpoints, interBroker: interBrokerListener(config, endpoints) }
}

function interBrokerListener(config: BrokerConfig, endpoints: readonly Endpoint[]): string {
  const given = config.get('inter.broker.listener.name')
  if (given === null) return (endpoints.find(({ name }) => name === 'PLAINTEXT') ?? endpoints[0]!).name
  const name = given.toUpperCase()
  if (endpoints.some((endpoint) => endpoint.name === name)) return name
  return fail(
    'inter.broker.listener.name',
    `inter.broker.listener.name is ${given}, which is not in listeners`,
  )
}

/** Where metrics are served; undefined where `metrics.listener` is empty. Throws ConfigError. */
export function parseMetricsListener(config: BrokerConfig): { host: string; port: number } | undefined {
  const text = config.get('metrics.listener')
  if (text === '') return undefined
  const found = parseHostPort(text)
  return found ?? fail('metrics.listener', `metrics.listener is '${text}', not host:port (IPv6 in brackets)`)
}

/** `NAME://host:port`; IPv6 in brackets, the host may be left out. */
export function parseAddress(setting: string, text: string): Address {
  const match = /^([A-Za-z0-9_-]+):\/\/(.*)$/.exec(text)
  const address = match ? parseHostPort(match[2]!) : undefined
  if (!match || !address)
    fail(setting, `'${text}' in ${setting} is not NAME://host:port (IPv6 addresses in brackets)`)
  return { name: match[1]!.toUpperCase(), ...address }
}

function parseHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%A-Za-z]+)\]|([^:[\]/]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) return undefined
  return { host: match[1] ?? match[2] ?? '', port }
}

function parseProtocolMap(text: string): Map<string, string> {
  const setting = 'listener.security.protocol.map'
  const protocols = new Map<string, string>()
  for (const item of text.split(',')) {
    const [name, protocol, ...rest] = item.split(':').map((part) => part.trim().toUpperCase())
    if (!name || !protocol || rest.length > 0)
      fail(setting, `'${item.trim()}' in ${setting} is not NAME:PROTOCOL`)
    if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
      fail(setting, `${setting} gives ${name} the unknown protocol ${protocol}`)
    }
    if (protocols.has(name)) fail(setting, `${setting} names ${name} more than once`)
    protocols.set(name, protocol)
  }
  return protocols
}

/** Names must differ; ports too, but for one IPv4 and one IPv6 address, and for free ports. */
function requireDistinct(addresses: readonly Address[]): void {
  addresses.forEach((one, index) => {
    for (const other of addresses.slice(0, index)) {
      if (one.name === other.name) fail('listeners', `listeners names ${one.name} more than once`)
      if (one.port === 0 || one.port !== other.port) continue
      if (family(one.host) + family(other.host) !== 10) {
        fail('listeners', `listeners ${other.name} and ${one.name} have the same port ${one.port}`)
      }
    }
  })
}

/** 4 or 6 for an address, 0 for a name or none. */
function family(host: string): number {
  if (host.includes(':')) return 6
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) ? 4 : 0
}

function fail(setting: string, message: string): never {
  throw new ConfigError('INVALID_VALUE', message, setting)
}
