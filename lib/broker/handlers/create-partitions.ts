/** CreatePartitions: raises the number of a topic's partitions. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { topics } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'
import { oneOfEach, repeatedKeys } from '../repeated-names.js'

/** More would wait in the metadata store until their time is up, and hold up what else is written there. */
const topicsAtOnce = 64

type Wanted = RequestOf<'CreatePartitions'>['topics'][number]

const refuseTopic = ({ name }: Wanted, error: KafkaError) => ({ name, ...errorFields(error) })

export const createPartitions = defineHandler({
  api: 'CreatePartitions',
  versions: [0, 3],
  access: topics('CreatePartitions', 'ALTER', { items: 'topics', answers: 'results', refuse: refuseTopic }),
  charge: 'controller-mutation',
  refuse: (error, request) => ({ results: request.topics.map((topic) => refuseTopic(topic, error)) }),
  async handle(request, context) {
    const { broker } = context
    const { cluster } = broker
    const nameOf = ({ name }: Wanted) => name
    const repeated = repeatedKeys(request.topics, nameOf)
    const create = async ({ name, count, assignments }: Wanted) => {
      if (repeated.has(name)) throw new KafkaError('INVALID_REQUEST', `Duplicate topic name ${name}.`)
      const before = cluster.image.topic(name)?.partitions.length ?? 0
      await cluster.topics.createPartitions({
        name,
        count,
        assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null,
        validateOnly: request.validateOnly,
      })
      if (!request.validateOnly) context.mutated(count - before)
      return { name, errorCode: ErrorCode.NONE, errorMessage: null }
    }
    const results = await eachItem(oneOfEach(request.topics, nameOf), topicsAtOnce, create, refuseTopic)
    await broker.settled()
    return { results }
  },
})
