/** Settings: declared once, typed by name, changed while the broker runs. Imports nothing of the other rooms. */

export { alterFully, alterIncrementally, type ConfigOperation, ConfigOperationCode } from './alter.js'
export { BrokerConfig, type ConfigListener } from './broker-config.js'
export { parseIpOverrides } from './broker-rules.js'
export {
  type CoordinatedTopic,
  coordinatedTopic,
  coordinatedTopicFor,
  coordinatedTopics,
  offsetsTopic,
} from './coordinated-topics.js'
export {
  type ConfigSource,
  ConfigSourceCode,
  ConfigTypeCode,
  type DescribedConfig,
  type DescribedSynonym,
  describeBroker,
  describeClusterDefault,
  describeTopic,
} from './describe.js'
export { ConfigError, type ConfigErrorCode } from './errors.js'
export { type Endpoint, type Listeners, parseListeners, parseMetricsListener } from './listeners.js'
export { formatProperty, parseProperties } from './properties.js'
export {
  collectSettings,
  environmentName,
  type SettingSources,
  setDataDir,
  setPort,
} from './server-properties.js'
export { Password } from './setting.js'
export type { BrokerSettingName, BrokerValue, TopicSettingName, TopicValue } from './settings/index.js'
export { RACK_AWARE_SELECTOR } from './settings/replication.js'
export type { CompressionType, TimestampType } from './settings/values.js'
export type { Overrides, TopicConfig } from './topic-config.js'
