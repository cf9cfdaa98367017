/** ElectLeaders (KIP-460). Version 0 has preferred leaders alone, 1 brings unclean elections. */
import type { ElectionResult, ElectionType } from '../../cluster/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

const types: ReadonlyMap<number, ElectionType> = new Map([
  [0, 'preferred'],
  [1, 'unclean'],
])

export const electLeaders = defineHandler({
  api: 'ElectLeaders',
  versions: [0, 2],
  access: cluster('ALTER'),
  charge: 'request',
  // As Kafka does, also at each partition: version 0 has no error for the whole.
  refuse: ({ code, message }, { topicPartitions }) => ({
    errorCode: code,
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({
        partitionId,
        errorCode: code,
        errorMessage: message,
      })),
    })),
  }),
  async handle({ electionType, topicPartitions, timeoutMs }, { broker }) {
    const type = types.get(electionType)
    if (!type) throw new KafkaError('INVALID_REQUEST', `There is no election of type ${electionType}.`)
    const partitions = topicPartitions?.flatMap(({ topic, partitions }) =>
      [...new Set(partitions)].map((partition) => ({ topic, partition })),
    )
    const results = await broker.cluster.elections.elect(type, partitions ?? null, timeoutMs)
    await broker.settled()
    return { errorCode: ErrorCode.NONE, replicaElectionResults: byTopic(results) }
  },
})

function byTopic(results: readonly ElectionResult[]) {
  const topics = new Map<string, { partitionId: number; errorCode: number; errorMessage: string | null }[]>()
  for (const { topic, partition: partitionId, error } of results) {
    const answer = {
      partitionId,
      errorCode: error?.code ?? ErrorCode.NONE,
      errorMessage: error?.message ?? null,
    }
    const answers = topics.get(topic)
    if (answers) answers.push(answer)
    else topics.set(topic, [answer])
  }
  return [...topics].map(([topic, partitionResult]) => ({ topic, partitionResult }))
}
