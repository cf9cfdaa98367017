/** ListPartitionReassignments (KIP-455): of the partitions asked for, or of all, those that are being reassigned. */
import { isReassigning, type PartitionImage, type TopicImage } from '../../cluster/index.js'
import { ErrorCode } from '../../protocol/errors.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { errorFields } from '../pipeline/kafka-error.js'

export const listPartitionReassignments = defineHandler({
  api: 'ListPartitionReassignments',
  versions: [0, 0],
  access: cluster('DESCRIBE'),
  charge: 'request',
  refuse: (error) => ({ ...errorFields(error), topics: [] }),
  handle({ topics: wanted }, { broker }) {
    const { image } = broker.cluster
    const asked = wanted
      ? wanted.map(({ name, partitionIndexes }) => describe(image.topic(name), new Set(partitionIndexes)))
      : [...image.topics.values()].map((topic) => describe(topic))
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      topics: asked.filter(({ partitions }) => partitions.length > 0),
    }
  },
})

function describe(topic: TopicImage | undefined, indexes?: ReadonlySet<number>) {
  const isAsked = (partition: PartitionImage) =>
    isReassigning(partition) && (indexes?.has(partition.partition) ?? true)
  return {
    name: topic?.name ?? '',
    partitions: (topic?.partitions ?? [])
      .filter(isAsked)
      .map(({ partition, replicas, addingReplicas, removingReplicas }) => ({
        partitionIndex: partition,
        replicas,
        addingReplicas,
        removingReplicas,
      })),
  }
}
