/**
 * CreateTopics. Version 4 lets partitions and replicas default, 5 answers with the topic's settings, 7 with its id.
 * The answer comes when the topic's logs are open.
 */

import type { TopicImage } from '../../cluster/index.js'
import { ConfigSourceCode, describeTopic } from '../../config/index.js'
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { type RequestOf, ZERO_UUID } from '../../protocol/index.js'
import { unlessOnCluster } from '../pipeline/access.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

/** More would wait in etcd until their time is up, and hold up what else is written there. */
const topicsAtOnce = 64

type Wanted = RequestOf<'CreateTopics'>['topics'][number]

const refuseTopic = ({ name }: Wanted, error: KafkaError) => ({
  name,
  topicId: ZERO_UUID,
  ...errorFields(error),
})

export const createTopics = defineHandler({
  api: 'CreateTopics',
  versions: [2, 7],
  access: unlessOnCluster(
    'CREATE',
    topics('CreateTopics', 'CREATE', {
      items: 'topics',
      answers: 'topics',
      refuse: refuseTopic,
      // The settings of a topic are part of the answer only for a client that may describe them.
      permits: (rights) => (name) => rights.has('DESCRIBE_CONFIGS', 'TOPIC', name),
    }),
  ),
  charge: 'controller-mutation',
  refuse: (error, request) => ({ topics: request.topics.map((topic) => refuseTopic(topic, error)) }),
  async handle(request, context) {
    const permits = context.permits(request)
    const nameOf = ({ name }: Wanted) => name
    const repeated = repeatedKeys(request.topics, nameOf)
    const answer = async (wanted: Wanted) => {
      const { name } = wanted
      if (repeated.has(name)) throw new KafkaError('INVALID_REQUEST', `Duplicate topic name ${name}.`)
      const topic = await create(wanted, request.validateOnly, context)
      const created = {
        name,
        topicId: request.validateOnly ? ZERO_UUID : topic.topicId,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
      }
      if (permits?.(name) === false) {
        return { ...created, topicConfigErrorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }
      }
      return { ...created, ...settingsOf(topic, context) }
    }
    const answers = await eachItem(oneOfEach(request.topics, nameOf), topicsAtOnce, answer, refuseTopic)
    await context.broker.settled()
    return { topics: answers }
  },
})

async function create(wanted: Wanted, validateOnly: boolean, context: RequestContext): Promise<TopicImage> {
  const { name, numPartitions, replicationFactor, assignments, configs } = wanted
  const topic = await context.broker.cluster.topics.createTopic({
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
  if (!validateOnly) context.mutated(topic.partitions.length)
  return topic
}

function settingsOf(topic: TopicImage, { broker }: RequestContext) {
  return {
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
