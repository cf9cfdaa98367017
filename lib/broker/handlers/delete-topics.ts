/** DeleteTopics. Version 5 brings messages, 6 deletion by id. The answer comes when the logs are out of service. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { ZERO_UUID } from '../../protocol/index.js'
import { both, fromVersion, unlessOnCluster } from '../pipeline/access.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

/** More would wait in the metadata store until their time is up, and hold up what else is written there. */
const topicsAtOnce = 64

interface Wanted {
  name: string | null
  topicId: string
}

const byName = (name: string): Wanted => ({ name, topicId: ZERO_UUID })

const refuseTopic = ({ name, topicId }: Wanted, error: KafkaError) => ({
  name,
  topicId,
  ...errorFields(error),
})

function nameOf({ name, topicId }: Wanted, { broker }: RequestContext): string | undefined {
  return name ?? broker.cluster.image.topicById(topicId)?.name
}

/** Only a client that may describe a topic learns the name that belongs to an id. */
const describable = topics('DeleteTopics', 'DESCRIBE', {
  items: 'topics',
  answers: 'responses',
  name: nameOf,
  refuse: refuseTopic,
})

const deletable = topics('DeleteTopics', 'DELETE', {
  items: 'topics',
  answers: 'responses',
  name: nameOf,
  refuse: ({ name, topicId }, error, context) =>
    refuseTopic({ name: nameOf({ name, topicId }, context) ?? null, topicId }, error),
})

const deletableNames = topics('DeleteTopics', 'DELETE', {
  items: 'topicNames',
  answers: 'responses',
  refuse: (name, error) => refuseTopic(byName(name), error),
})

export const deleteTopics = defineHandler({
  api: 'DeleteTopics',
  versions: [1, 6],
  access: unlessOnCluster('DELETE', fromVersion(6, both(describable, deletable), deletableNames)),
  charge: 'controller-mutation',
  refuse: (error, request, { version }) => ({
    responses: (version >= 6 ? request.topics : request.topicNames.map(byName)).map((topic) =>
      refuseTopic(topic, error),
    ),
  }),
  async handle(request, context) {
    const { version, broker } = context
    const wanted = version >= 6 ? request.topics : request.topicNames.map(byName)
    const { image, topics: changes } = broker.cluster
    const keyOf = (topic: Wanted) => nameOf(topic, context) ?? topic.topicId
    const repeated = repeatedKeys(wanted, keyOf)
    const remove = async (topic: Wanted) => {
      const { name, topicId } = topic
      if ((name === null) === (topicId === ZERO_UUID)) {
        throw new KafkaError('INVALID_REQUEST', 'A topic is named or given by its id, one of both.')
      }
      if (repeated.has(keyOf(topic))) {
        throw new KafkaError('INVALID_REQUEST', 'The topic is named more than once.')
      }
      const { length: partitions } = image.topic(keyOf(topic))?.partitions ?? []
      const deleted = await changes.deleteTopic(name === null ? { topicId } : { name })
      context.mutated(partitions)
      return {
        name: deleted.name,
        topicId: deleted.topicId,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
      }
    }
    const responses = await eachItem(oneOfEach(wanted, keyOf), topicsAtOnce, remove, refuseTopic)
    await broker.settled()
    return { responses }
  },
})
