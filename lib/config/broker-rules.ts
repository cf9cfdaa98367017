/** What must hold between broker settings. */

import { ConfigError } from './errors.js'

/** Throws ConfigError where two settings are at odds. May raise a default that another setting outgrew. */
export function checkBroker(values: Map<string, unknown>, given: ReadonlyMap<string, string>): void {
  const number = (name: string) => values.get(name) as number

  if (given.has('broker.id') && number('broker.id') !== -1) {
    if (given.has('node.id') && number('node.id') !== number('broker.id')) {
      fail('broker.id', 'node.id and broker.id must have the same value')
    }
    values.set('node.id', number('broker.id'))
  }
  const queued = number('queued.max.request.bytes')
  if (queued !== -1 && queued < number('socket.request.max.bytes')) {
    if (given.has('queued.max.request.bytes')) {
      fail('queued.max.request.bytes', 'queued.max.request.bytes must be at least socket.request.max.bytes')
    }
    values.set('queued.max.request.bytes', number('socket.request.max.bytes'))
  }
  if (number('group.min.session.timeout.ms') > number('group.max.session.timeout.ms')) {
    fail(
      'group.min.session.timeout.ms',
      'group.min.session.timeout.ms is larger than group.max.session.timeout.ms',
    )
  }
  const overrides = parseIpOverrides(values.get('max.connections.per.ip.overrides') as string)
  if (number('max.connections.per.ip') === 0 && overrides.size === 0) {
    fail(
      'max.connections.per.ip',
      'max.connections.per.ip=0 lets nobody in without max.connections.per.ip.overrides',
    )
  }
  checkEtcd(values)
  const folders = (values.get('log.dirs') ?? values.get('log.dir')) as readonly string[]
  if (folders.length !== 1) {
    fail('log.dirs', `one data folder is supported, log.dirs names ${folders.length}`)
  }
}

function checkEtcd(values: ReadonlyMap<string, unknown>): void {
  for (const endpoint of values.get('etcd.endpoints') as readonly string[]) {
    const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^:[\]/]+):(\d{1,5})$/.exec(endpoint)?.[1])
    if (!(port >= 1 && port <= 65_535)) {
      fail('etcd.endpoints', `'${endpoint}' in etcd.endpoints is not host:port`)
    }
  }
  const isGiven = (name: string) => values.get(name) !== null
  const pairs = [
    ['etcd.username', 'etcd.password'],
    ['etcd.tls.cert.file', 'etcd.tls.key.file'],
  ] as const
  for (const [one, other] of pairs) {
    if (isGiven(one) !== isGiven(other)) fail(one, `${one} and ${other} must be given together`)
  }
}

/** `max.connections.per.ip.overrides`: `host:count,host:count`; a host may be IPv6. */
export function parseIpOverrides(text: string): Map<string, number> {
  const overrides = new Map<string, number>()
  for (const item of text.split(',')) {
    const trimmed = item.trim()
    if (trimmed === '') continue
    const colon = trimmed.lastIndexOf(':')
    const count = Number(trimmed.slice(colon + 1))
    if (colon <= 0 || !Number.isInteger(count) || count < 0) {
      fail(
        'max.connections.per.ip.overrides',
        `'${trimmed}' in max.connections.per.ip.overrides is not host:count`,
      )
    }
    overrides.set(
      trimmed
        .slice(0, colon)
        .trim()
        .replace(/^\[(.*)\]$/, '$1'),
      count,
    )
  }
  return overrides
}

function fail(setting: string, message: string): never {
  throw new ConfigError('INVALID_VALUE', message, setting)
}
