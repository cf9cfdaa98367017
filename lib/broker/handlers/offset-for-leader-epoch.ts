/** OffsetForLeaderEpoch: where an epoch ends in this log, so that a client sees whether its records were cut. */
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { unlessOnCluster } from '../pipeline/access.js'
import { eachItemNow } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'

type Topic = RequestOf<'OffsetForLeaderEpoch'>['topics'][number]
type Wanted = Topic['partitions'][number]

const refusePartition = ({ partition }: Wanted, { code }: KafkaError) => ({
  errorCode: code,
  partition,
  leaderEpoch: -1,
  endOffset: -1,
})

const refuseTopic = ({ topic, partitions }: Topic, error: KafkaError) => ({
  topic,
  partitions: partitions.map((each) => refusePartition(each, error)),
})

export const offsetForLeaderEpoch = defineHandler({
  api: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  access: unlessOnCluster(
    'CLUSTER_ACTION',
    topics('OffsetForLeaderEpoch', 'DESCRIBE', {
      items: 'topics',
      answers: 'topics',
      name: ({ topic }) => topic,
      refuse: refuseTopic,
    }),
  ),
  charge: 'request',
  refuse: (error, request) => ({ topics: request.topics.map((topic) => refuseTopic(topic, error)) }),
  handle(request, { broker }) {
    const find = (topic: string, { partition: index, currentLeaderEpoch, leaderEpoch }: Wanted) => {
      const partition = broker.replicas.get(topic, index)
      partition.requireLeader(currentLeaderEpoch)
      const { epoch, endOffset } = partition.endOffsetForEpoch(leaderEpoch)
      return { errorCode: ErrorCode.NONE, partition: index, leaderEpoch: epoch, endOffset }
    }
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: eachItemNow(partitions, (wanted) => find(topic, wanted), refusePartition),
      })),
    }
  },
})
