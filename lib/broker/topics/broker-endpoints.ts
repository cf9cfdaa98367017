/** Where clients of a listener reach the cluster's brokers. */
import type { Cluster } from '../../cluster/index.js'

export interface BrokerAddress {
  id: number
  host: string
  port: number
  rack: string | null
}

/** The brokers that have this listener and are not fenced, by id. */
export function brokersOf(cluster: Cluster, listenerName: string): BrokerAddress[] {
  return addressesOf(cluster, listenerName).filter(({ id }) => cluster.image.memberState(id) !== 'fenced')
}

/** As `brokersOf`, and those that are fenced: where they were reached last. */
export function addressesOf({ image }: Cluster, listenerName: string): BrokerAddress[] {
  const addresses: BrokerAddress[] = []
  for (const { id, rack, endpoints } of image.brokers.values()) {
    const endpoint = endpoints.find(({ name }) => name === listenerName)
    if (endpoint) addresses.push({ id, host: endpoint.host, port: endpoint.port, rack })
  }
  return addresses.sort((a, b) => a.id - b.id)
}
