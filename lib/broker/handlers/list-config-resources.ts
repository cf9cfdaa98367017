/** ListConfigResources. Version 0 lists client metrics alone, of which this broker has none. */
import { ErrorCode, errorName } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { ResourceType } from '../configs/config-resources.js'

const supported: readonly number[] = Object.values(ResourceType)

export const listConfigResources = defineHandler({
  api: 'ListConfigResources',
  versions: [0, 1],
  handle({ resourceTypes }, { version, broker }) {
    const wanted = new Set(version === 0 ? [ResourceType.CLIENT_METRICS] : resourceTypes)
    for (const type of wanted) {
      if (!supported.includes(type)) {
        broker.log.debug(`${errorName(ErrorCode.UNSUPPORTED_VERSION)}: resource type ${type}`)
        return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] }
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
