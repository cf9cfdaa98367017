/** IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single settings. */
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import type { RequestOf } from '../../protocol/index.js'
import {
  brokerResource,
  distinctResources,
  needOfConfigs,
  ResourceType,
  resourcesAtOnce,
  unknownResource,
} from '../configs/config-resources.js'
import { eachItem } from '../pipeline/each-item.js'
import { defineHandler } from '../pipeline/handler.js'
import { items } from '../pipeline/item-access.js'
import { errorFields } from '../pipeline/kafka-error.js'

type Resource = RequestOf<'IncrementalAlterConfigs'>['resources'][number]

const refuseResource = ({ resourceType, resourceName }: Resource, error: KafkaError) => ({
  ...errorFields(error),
  resourceType,
  resourceName,
})

export const incrementalAlterConfigs = defineHandler({
  api: 'IncrementalAlterConfigs',
  versions: [0, 1],
  access: items(
    'IncrementalAlterConfigs',
    'ALTER_CONFIGS on each topic, or on the cluster for brokers',
    { items: 'resources', answers: 'responses', refuse: refuseResource },
    needOfConfigs('ALTER_CONFIGS'),
  ),
  charge: 'request',
  refuse: (error, request) => ({ responses: request.resources.map((each) => refuseResource(each, error)) }),
  async handle(request, { broker }) {
    const { cluster } = broker
    const checkDistinct = distinctResources(request.resources)
    const alter = async ({ resourceType, resourceName, configs }: Resource) => {
      checkDistinct({ resourceType, resourceName })
      const operations = configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      }))
      if (resourceType === ResourceType.TOPIC) {
        await cluster.topics.alterTopicConfigs(resourceName, operations, request.validateOnly)
      } else if (resourceType === ResourceType.BROKER) {
        const id = brokerResource(resourceName, cluster)
        await cluster.brokerSettings.alterBrokerConfigs(id, operations, request.validateOnly)
      } else throw unknownResource(resourceType)
      return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName }
    }
    return { responses: await eachItem(request.resources, resourcesAtOnce, alter, refuseResource) }
  },
})
