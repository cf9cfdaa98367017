/** AlterConfigs: what a topic or broker is set to, as a whole; what is not given goes back to its default. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import {
  brokerResource,
  distinctResources,
  ResourceType,
  unknownResource,
} from '../configs/config-resources.js'
import { kafkaFailure } from '../kafka-failure.js'

export const alterConfigs = defineHandler({
  api: 'AlterConfigs',
  versions: [0, 2],
  async handle({ resources, validateOnly }, { broker }) {
    const { cluster } = broker
    const checkDistinct = distinctResources(resources)
    const responses = await Promise.all(
      resources.map(async ({ resourceType, resourceName, configs }) => {
        try {
          checkDistinct({ resourceType, resourceName })
          if (resourceType === ResourceType.TOPIC) {
            await cluster.topics.replaceTopicConfigs(resourceName, configs, validateOnly)
          } else if (resourceType === ResourceType.BROKER) {
            const id = brokerResource(resourceName, cluster)
            await cluster.brokerSettings.replaceBrokerConfigs(id, configs, validateOnly)
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
