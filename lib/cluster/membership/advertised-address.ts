/** Whether the other brokers of a cluster can have this one where it says that it is: asked before it takes part. */

import { connect } from 'node:net'
import { ConfigError } from '../../config/index.js'
import { clearTimeout, setTimeout } from '../../time/index.js'
import type { BrokerImage } from '../image/cluster-image.js'
import type { BrokerEndpoint } from '../store/metadata-keys.js'

/** A look-up of a name that nobody knows may take this long. */
const patienceMs = 10_000

/** Throws ConfigError where one of `others`, the other brokers that live, does not have the listener that all share. */
export function checkSharedListener(listenerName: string, others: readonly BrokerImage[]): void {
  for (const { id, endpoints } of others) {
    if (endpoints.some(({ name }) => name === listenerName)) continue
    fail(
      'inter.broker.listener.name',
      `brokers reach each other by the listener ${listenerName} here, and broker ${id} has none of that name: give all the same inter.broker.listener.name`,
    )
  }
}

/** Throws ConfigError where an address is that of another broker, or this one cannot reach itself where others would. */
export async function checkAdvertised(
  endpoints: readonly BrokerEndpoint[],
  listenerName: string,
  others: readonly BrokerImage[],
): Promise<void> {
  for (const other of others) {
    for (const { host, port } of endpoints) {
      if (!other.endpoints.some((endpoint) => endpoint.host === host && endpoint.port === port)) continue
      fail(
        'advertised.listeners',
        `${host}:${port} is the address of broker ${other.id} already, which lives: each broker needs its own in advertised.listeners`,
      )
    }
  }
  const own = endpoints.find(({ name }) => name === listenerName)
  if (!own) return
  const failure = await reach(own)
  if (failure === undefined) return
  fail(
    'advertised.listeners',
    `other brokers are told to reach this one at ${own.host}:${own.port}, and it cannot reach itself there (${failure}): see advertised.listeners`,
  )
}

/** Resolves to why it cannot be reached. */
function reach({ host, port }: BrokerEndpoint): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const settle = (failure: string | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(failure)
    }
    const timer = setTimeout(() => settle('no answer'), patienceMs)
    socket.once('connect', () => settle(undefined))
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
  })
}

function fail(setting: string, message: string): never {
  throw new ConfigError('INVALID_VALUE', message, setting)
}
