/** DescribeCluster. Version 1 tells brokers from controllers, 2 fenced brokers. */
import { ErrorCode, KafkaError } from '../../protocol/errors.js'
import { openToAll } from '../pipeline/access.js'
import { defineHandler } from '../pipeline/handler.js'
import { errorFields } from '../pipeline/kafka-error.js'
import { OPERATIONS_NOT_ASKED } from '../pipeline/rights.js'
import { addressesOf, brokersOf } from '../topics/broker-endpoints.js'

const brokers = 1
const controllers = 2

export const describeCluster = defineHandler({
  api: 'DescribeCluster',
  versions: [0, 2],
  access: openToAll('every client has to find the brokers'),
  charge: 'request',
  refuse: (error, _, { broker }) => ({
    ...errorFields(error),
    endpointType: brokers,
    clusterId: broker.cluster.clusterId,
    brokers: [],
  }),
  handle({ endpointType, includeClusterAuthorizedOperations, includeFencedBrokers }, { broker, session }) {
    const { cluster } = broker
    if (endpointType === controllers) {
      const reason = 'This listener serves brokers; there are no controller endpoints.'
      throw new KafkaError('MISMATCHED_ENDPOINT_TYPE', reason)
    }
    if (endpointType !== brokers) {
      const reason = `There are no endpoints of type ${endpointType}; brokers are 1.`
      throw new KafkaError('UNSUPPORTED_ENDPOINT_TYPE', reason)
    }
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      endpointType: brokers,
      clusterId: cluster.clusterId,
      controllerId: cluster.image.controllerId,
      brokers: (includeFencedBrokers ? addressesOf : brokersOf)(cluster, session.listenerName).map(
        ({ id, ...address }) => ({
          brokerId: id,
          ...address,
          isFenced: cluster.image.memberState(id) === 'fenced',
        }),
      ),
      clusterAuthorizedOperations: includeClusterAuthorizedOperations
        ? session.rights.operationsOnCluster()
        : OPERATIONS_NOT_ASKED,
    }
  },
})
