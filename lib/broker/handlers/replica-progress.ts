/**
 * ReplicaProgress, between brokers alone: a follower tells how far its logs are on disk, which a fetch that waits
 * cannot, and has such a fetch answered when it has more to fetch. It has no answer: what it says is said anew over
 * the next connection.
 */
import { clusterAction } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { waitingFetch } from './fetch.js'

export const replicaProgress = defineHandler({
  api: 'ReplicaProgress',
  versions: [0, 0],
  betweenBrokers: true,
  access: clusterAction(),
  charge: 'none',
  refuse: () => null,
  handle({ replicaId, replicaEpoch, endFetch, topics }, { broker, session }) {
    const follower = { id: replicaId, brokerEpoch: Number(replicaEpoch) }
    for (const { topicId, partitions } of topics) {
      const topic = broker.cluster.image.topicById(topicId)?.name
      if (topic === undefined) continue
      for (const { partition, leaderEpoch, flushedOffset } of partitions) {
        broker.replicas.find(topic, partition)?.recordFlush(follower, leaderEpoch, Number(flushedOffset))
      }
    }
    if (endFetch) session.get(waitingFetch)?.finish()
    return null
  },
})
