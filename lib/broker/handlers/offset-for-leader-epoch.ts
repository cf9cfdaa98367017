/** OffsetForLeaderEpoch: where an epoch ends in this log, so that a client sees whether its records were cut. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'

export const offsetForLeaderEpoch = defineHandler({
  api: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  handle({ topics }, { broker }) {
    return {
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
          try {
            const partition = broker.replicas.get(topic, index)
            partition.requireLeader(currentLeaderEpoch)
            const { epoch, endOffset } = partition.endOffsetForEpoch(leaderEpoch)
            return { errorCode: ErrorCode.NONE, partition: index, leaderEpoch: epoch, endOffset }
          } catch (error) {
            if (!(error instanceof KafkaError)) throw error
            return { errorCode: error.code, partition: index, leaderEpoch: -1, endOffset: -1 }
          }
        }),
      })),
    }
  },
})
