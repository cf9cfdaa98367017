/**
 * CreateTopics. Version 4 lets partitions and replicas default, 5 answers with the topic's settings, 7 with its id.
 * The answer comes when the topic's logs are open.
 */

import { mapInParallel } from '../../concurrency/in-parallel.js'
import { ConfigSourceCode, describeTopic } from '../../config/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type RequestOf, ZERO_UUID } from '../../protocol/index.js'
import { defineHandler, type RequestContext } from '../api-handler.js'
import { kafkaFailure } from '../kafka-failure.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

/** More would wait in etcd until their time is up, and hold up what else is written there. */
const topicsAtOnce = 64

type Wanted = RequestOf<'CreateTopics'>['topics'][number]

export const createTopics = defineHandler({
  api: 'CreateTopics',
  versions: [2, 7],
  async handle({ topics, validateOnly }, context) {
    const nameOf = ({ name }: Wanted) => name
    const repeated = repeatedKeys(topics, nameOf)
    const answers = await mapInParallel(oneOfEach(topics, nameOf), topicsAtOnce, async (wanted) => {
      try {
        if (repeated.has(wanted.name))
          throw new KafkaError('INVALID_REQUEST', `Duplicate topic name ${wanted.name}.`)
        return await create(wanted, validateOnly, context)
      } catch (error) {
        return { name: wanted.name, topicId: ZERO_UUID, ...kafkaFailure(error) }
      }
    })
    await context.broker.settled()
    return { topics: answers }
  },
})

async function create(wanted: Wanted, validateOnly: boolean, { broker }: RequestContext) {
  const { name, numPartitions, replicationFactor, assignments, configs } = wanted
  const topic = await broker.cluster.topics.createTopic({
    name,
    numPartitions,
    replicationFactor,
    assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
      partition: partitionIndex,
      brokerIds,
    })),
    configs: overridesOf(configs),
    validateOnly,
  })
  return {
    name,
    topicId: validateOnly ? ZERO_UUID : topic.topicId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]!.replicas.length,
    configs: describeTopic(broker.config, topic.overrides).map((config) => ({
      name: config.name,
      value: config.value,
      readOnly: config.readOnly,
      configSource: ConfigSourceCode[config.source],
      isSensitive: config.isSensitive,
    })),
  }
}

function overridesOf(configs: Wanted['configs']): Map<string, string> {
  return new Map(
    configs.map(({ name, value }) => {
      if (value === null) throw new KafkaError('INVALID_CONFIG', `The setting ${name} has no value.`)
      return [name, value]
    }),
  )
}
