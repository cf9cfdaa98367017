/** What settings belong to: the resources that DescribeConfigs and its like name. */
import type { Cluster } from '../../cluster/index.js'
import { KafkaError } from '../../protocol/errors.js'
import type { Need } from '../pipeline/access.js'
import { CLUSTER_NAME, type Operation } from '../pipeline/authorizer.js'
import { repeatedKeys } from '../repeated-names.js'

interface Resource {
  resourceType: number
  resourceName: string
}

export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const

/** Changed at once: more would wait in the metadata store until their time is up. */
export const resourcesAtOnce = 64

/** What the settings of a resource need; nothing for a type without settings, which is answered so. */
export function needOfConfigs(operation: Operation): (resource: Resource) => Need | undefined {
  return ({ resourceType, resourceName }) => {
    switch (resourceType) {
      case ResourceType.TOPIC:
        return { operation, resourceType: 'TOPIC', name: resourceName }
      case ResourceType.GROUP:
        return { operation, resourceType: 'GROUP', name: resourceName }
      case ResourceType.BROKER:
      case ResourceType.BROKER_LOGGER:
      case ResourceType.CLIENT_METRICS:
        return { operation, resourceType: 'CLUSTER', name: CLUSTER_NAME }
      default:
        return undefined
    }
  }
}

/** Throws INVALID_REQUEST for a resource that a request changes more than once. */
export function distinctResources(resources: readonly Resource[]): (resource: Resource) => void {
  const keyOf = ({ resourceType, resourceName }: Resource) => `${resourceType} ${resourceName}`
  const repeated = repeatedKeys(resources, keyOf)
  return (resource) => {
    if (!repeated.has(keyOf(resource))) return
    throw new KafkaError('INVALID_REQUEST', 'Each resource may be named once in a request.')
  }
}

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
