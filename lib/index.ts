/** Odradek in a program: a Kafka broker of one's own. */
export { type Broker, type BrokerListener, type BrokerOptions, createBroker } from './broker/broker.js'
export { ConfigError, type ConfigErrorCode } from './config/index.js'
