/** What settings belong to: the resources that DescribeConfigs and its like name. */
import type { Cluster } from '../cluster/index.js'
import { KafkaError } from '../protocol/errors.js'

export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const

/** The broker's id, or null for the default of all brokers. Throws INVALID_REQUEST where it is not this broker. */
export function brokerResource(name: string, cluster: Cluster): number | null {
  if (name === '') return null
  const id = Number(name)
  if (!/^\d+$/.test(name) || id !== cluster.nodeId) {
    throw new KafkaError('INVALID_REQUEST', `Unexpected broker id ${name}: this is broker ${cluster.nodeId}.`)
  }
  return id
}

export function unknownResource(type: number): KafkaError {
  return new KafkaError('INVALID_REQUEST', `This broker has no settings for resources of type ${type}.`)
}

export function unknownTopic(name: string): KafkaError {
  return new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${name}.`)
}
