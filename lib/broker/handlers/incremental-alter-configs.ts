/** IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single settings. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import {
  brokerResource,
  distinctResources,
  ResourceType,
  unknownResource,
} from '../configs/config-resources.js'
import { kafkaFailure } from '../kafka-failure.js'

export const incrementalAlterConfigs = defineHandler({
  api: 'IncrementalAlterConfigs',
  versions: [0, 1],
  async handle({ resources, validateOnly }, { broker }) {
    const { cluster } = broker
    const checkDistinct = distinctResources(resources)
    const responses = await Promise.all(
      resources.map(async ({ resourceType, resourceName, configs }) => {
        try {
          checkDistinct({ resourceType, resourceName })
          const operations = configs.map(({ name, configOperation, value }) => ({
            name,
            operation: configOperation,
            value,
          }))
          if (resourceType === ResourceType.TOPIC) {
            await cluster.topics.alterTopicConfigs(resourceName, operations, validateOnly)
          } else if (resourceType === ResourceType.BROKER) {
            const id = brokerResource(resourceName, cluster)
            await cluster.brokerSettings.alterBrokerConfigs(id, operations, validateOnly)
          } else throw unknownResource(resourceType)
          return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName }
        } catch (error) {
          return { ...kafkaFailure(error), resourceType, resourceName }
        }
      }),
    )
    return { responses }
  },
})
