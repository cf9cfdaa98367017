/**
 * AlterPartitionReassignments (KIP-455). Version 1 brings the choice not to change the number of replicas. The answer
 * comes when what is wanted is written down; data is moved after it.
 */
import { ErrorCode } from '../../protocol/errors.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { errorFields, kafkaErrorOf } from '../pipeline/kafka-error.js'

/** For what needs no data to be moved: a cancellation, fewer replicas. */
const patienceMs = 2_000

export const alterPartitionReassignments = defineHandler({
  api: 'AlterPartitionReassignments',
  versions: [0, 1],
  access: cluster('ALTER'),
  charge: 'request',
  refuse: (error, { topics }) => ({
    ...errorFields(error),
    responses: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...errorFields(error) })),
    })),
  }),
  async handle({ timeoutMs, topics, ...request }, { broker, version }) {
    const allowReplicationFactorChange = version < 1 || request.allowReplicationFactorChange
    const wanted = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas }) => ({
        topic: name,
        partition: partitionIndex,
        replicas,
      })),
    )
    const failures = await broker.cluster.reassignments.alter(wanted, {
      allowReplicationFactorChange,
      patienceMs: Math.min(Math.max(timeoutMs, 0), patienceMs),
    })
    await broker.settled()
    let next = 0
    return {
      allowReplicationFactorChange,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      responses: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => {
          const failure = failures[next++]
          const answer =
            failure === undefined
              ? { errorCode: ErrorCode.NONE, errorMessage: null }
              : errorFields(kafkaErrorOf(failure))
          return { partitionIndex, ...answer }
        }),
      })),
    }
  },
})
