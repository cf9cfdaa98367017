/** What replicas have to know of the cluster, from its image. */
import type { Cluster } from '../../cluster/index.js'
import { type BrokerConfig, parseListeners } from '../../config/index.js'
import type { ReplicasEnvironment } from '../../replica/index.js'

export function replicasEnvironment(cluster: Cluster, config: BrokerConfig): ReplicasEnvironment {
  const { image, nodeId, isrWriter } = cluster
  const listenerName = parseListeners(config).interBroker
  return {
    nodeId,
    isrWriter,
    leaveIsr: (topicId, partition) => cluster.leaveIsr(topicId, partition),
    isFenced: () => cluster.isFenced,
    brokerEpoch: () => cluster.brokerEpoch,
    isRegistered: (brokerId, brokerEpoch) =>
      image.brokers.get(brokerId)?.brokerEpoch === brokerEpoch && image.memberState(brokerId) === 'live',
    addressOf: (brokerId) => image.brokers.get(brokerId)?.endpoints.find(({ name }) => name === listenerName),
    exists: (topic, partition) => image.topic(topic)?.partitions[partition] !== undefined,
  }
}
