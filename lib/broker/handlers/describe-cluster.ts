/** DescribeCluster. Version 1 tells brokers from controllers, 2 fenced brokers. */
import { ErrorCode } from '../../protocol/errors.js'
import { defineHandler } from '../api-handler.js'
import { clusterOperations, NOT_ASKED } from '../authorized-operations.js'
import { addressesOf, brokersOf } from '../topics/broker-endpoints.js'

const brokers = 1
const controllers = 2

export const describeCluster = defineHandler({
  api: 'DescribeCluster',
  versions: [0, 2],
  handle({ endpointType, includeClusterAuthorizedOperations, includeFencedBrokers }, { broker, session }) {
    const { cluster } = broker
    if (endpointType !== brokers) {
      const isKnown = endpointType === controllers
      return {
        errorCode: isKnown ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        errorMessage: isKnown
          ? 'This listener serves brokers; there are no controller endpoints.'
          : `There are no endpoints of type ${endpointType}; brokers are 1.`,
        endpointType: brokers,
        clusterId: cluster.clusterId,
        brokers: [],
      }
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
      clusterAuthorizedOperations: includeClusterAuthorizedOperations ? clusterOperations : NOT_ASKED,
    }
  },
})
