/** DescribeConfigs, for topics and brokers. Version 3 brings types and documentation. */

import { setImmediate } from 'node:timers/promises'
import {
  ConfigSourceCode,
  ConfigTypeCode,
  type DescribedConfig,
  describeBroker,
  describeClusterDefault,
  describeTopic,
} from '../../config/index.js'
import { ErrorCode, type KafkaError } from '../../protocol/errors.js'
import type { Encodable, RequestOf, ResponseOf } from '../../protocol/index.js'
import {
  brokerResource,
  needOfConfigs,
  ResourceType,
  unknownResource,
  unknownTopic,
} from '../configs/config-resources.js'
import { defineHandler } from '../pipeline/handler.js'
import { items } from '../pipeline/item-access.js'
import { errorFields, kafkaErrorOf } from '../pipeline/kafka-error.js'
import type { RequestContext } from '../pipeline/request-context.js'
import { oneOfEach } from '../repeated-names.js'

type Request = RequestOf<'DescribeConfigs'>
type Resource = Request['resources'][number]
type Result = Encodable<ResponseOf<'DescribeConfigs'>['results'][number]>

/** Described before others have their turn on the event loop: each takes some 0.3 ms. */
const resourcesPerTurn = 32

const refuseResource = ({ resourceType, resourceName }: Resource, error: KafkaError): Result => ({
  ...errorFields(error),
  resourceType,
  resourceName,
  configs: [],
})

export const describeConfigs = defineHandler({
  api: 'DescribeConfigs',
  versions: [1, 4],
  access: items(
    'DescribeConfigs',
    'DESCRIBE_CONFIGS on each topic or group, or on the cluster for brokers',
    { items: 'resources', answers: 'results', refuse: refuseResource },
    needOfConfigs('DESCRIBE_CONFIGS'),
  ),
  charge: 'request',
  refuse: (error, request) => ({ results: request.resources.map((each) => refuseResource(each, error)) }),
  async handle(request, context) {
    // One that stands in the request a thousand times would fill the memory with its answers.
    const resources = oneOfEach(request.resources, (resource) => JSON.stringify(resource))
    const results: Result[] = []
    for (const resource of resources) {
      results.push(resultOf(resource, request, context))
      if (results.length % resourcesPerTurn === 0) await setImmediate()
    }
    return { results }
  },
})

function resultOf(
  resource: Resource,
  { includeSynonyms, includeDocumentation }: Request,
  context: RequestContext,
): Result {
  const { resourceType, resourceName } = resource
  try {
    const configs = describe(resource, context).map((config) => ({
      name: config.name,
      value: config.value,
      readOnly: config.readOnly,
      configSource: ConfigSourceCode[config.source],
      isSensitive: config.isSensitive,
      synonyms: includeSynonyms
        ? config.synonyms.map(({ name, value, source }) => ({
            name,
            value,
            source: ConfigSourceCode[source],
          }))
        : [],
      configType: ConfigTypeCode[config.type],
      documentation: includeDocumentation ? config.documentation : null,
    }))
    return { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName, configs }
  } catch (error) {
    return refuseResource(resource, kafkaErrorOf(error))
  }
}

function describe(
  { resourceType, resourceName, configurationKeys }: Resource,
  { broker }: RequestContext,
): DescribedConfig[] {
  if (resourceType === ResourceType.TOPIC) {
    const topic = broker.cluster.image.topic(resourceName)
    if (!topic) throw unknownTopic(resourceName)
    return describeTopic(broker.config, topic.overrides, configurationKeys)
  }
  if (resourceType === ResourceType.BROKER) {
    return brokerResource(resourceName, broker.cluster) === null
      ? describeClusterDefault(broker.config, configurationKeys)
      : describeBroker(broker.config, configurationKeys)
  }
  throw unknownResource(resourceType)
}
