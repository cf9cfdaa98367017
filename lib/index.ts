/** Odradek in a program: a Kafka broker of one's own. */
export { type Broker, type BrokerListener, type BrokerOptions, createBroker } from './broker/broker.js'
export type { BrokerClient, BrokerClientOptions } from './broker/in-process/broker-client.js'
export { BrokerClientError, type BrokerClientErrorCode } from './broker/in-process/broker-client-error.js'
export { ConfigError, type ConfigErrorCode } from './config/index.js'
