/** ListConfigResources. Version 0 lists client metrics alone, of which this broker has none. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { ResourceType } from '../configs/config-resources.js'
import { cluster } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'

const supported: readonly number[] = Object.values(ResourceType)

export const listConfigResources = defineHandler({
  api: 'ListConfigResources',
  versions: [0, 1],
  access: cluster('DESCRIBE_CONFIGS'),
  charge: 'request',
  refuse: ({ code }) => ({ errorCode: code, configResources: [] }),
  handle({ resourceTypes }, { version, broker }) {
    const wanted = new Set(version === 0 ? [ResourceType.CLIENT_METRICS] : resourceTypes)
    for (const type of wanted) {
      if (!supported.includes(type)) {
        throw new KafkaError('UNSUPPORTED_VERSION', `There are no resources of type ${type}.`)
      }
    }
    const has = (type: number) => wanted.size === 0 || wanted.has(type)
    const { image, nodeId } = broker.cluster
    const topics = has(ResourceType.TOPIC)
      ? [...image.topics.keys()].map((resourceName) => ({ resourceName, resourceType: ResourceType.TOPIC }))
      : []
    const brokers = [ResourceType.BROKER, ResourceType.BROKER_LOGGER]
      .filter(has)
      .map((resourceType) => ({ resourceName: String(nodeId), resourceType }))
    return { errorCode: ErrorCode.NONE, configResources: [...topics, ...brokers] }
  },
})
