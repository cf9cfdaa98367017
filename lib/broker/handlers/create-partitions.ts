/** CreatePartitions: raises the number of a topic's partitions. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { defineHandler } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

type Wanted = RequestOf<'CreatePartitions'>['topics'][number]

export const createPartitions = defineHandler({
  api: 'CreatePartitions',
  versions: [0, 3],
  async handle({ topics, validateOnly }, { broker }) {
    const nameOf = ({ name }: Wanted) => name
    const repeated = repeatedKeys(topics, nameOf)
    const results = await Promise.all(
      oneOfEach(topics, nameOf).map(async ({ name, count, assignments }) => {
        try {
          if (repeated.has(name)) throw new KafkaError('INVALID_REQUEST', `Duplicate topic name ${name}.`)
          await broker.cluster.topics.createPartitions({
            name,
            count,
            assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
            validateOnly,
          })
          return { name, errorCode: ErrorCode.NONE, errorMessage: null }
        } catch (error) {
          return { name, ...kafkaFailure(error) }
        }
      }),
    )
    await broker.settled()
    return { results }
  },
})
