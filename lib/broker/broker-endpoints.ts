/** Where clients of a listener reach the cluster's brokers. */
import type { Cluster } from '../cluster/index.js'

export interface BrokerAddress {
  id: number
  host: string
  port: number
  rack: string | null
}

/** The brokers that have this listener and are not fenced, by id. */
export function brokersOf({ image }: Cluster, listenerName: string): BrokerAddress[] {
  const addresses: BrokerAddress[] = []
  for (const { id, rack, endpoints } of image.brokers.values()) {
    if (image.memberState(id) === 'fenced') continue
    const endpoint = endpoints.find(({ name }) => name === listenerName)
    if (endpoint) addresses.push({ id, host: endpoint.host, port: endpoint.port, rack })
  }
  return addresses.sort((a, b) => a.id - b.id)
}
