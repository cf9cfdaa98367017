/** Settings as the rooms below read them: by names of their own, and live, so that a dynamic change takes effect. */
import { type BrokerConfig, parseIpOverrides } from '../../config/index.js'
import type { GroupSettings } from '../../coordinator/index.js'
import { defaultLimits, type NetworkLimits } from '../../network/index.js'

const msPerMinute = 60_000

/** `partitionsOfOffsetsTopic` gives what `__consumer_offsets` has, once it exists. */
export function groupSettings(
  config: BrokerConfig,
  partitionsOfOffsetsTopic: () => number | undefined,
): GroupSettings {
  return {
    get minSessionTimeoutMs() {
      return config.get('group.min.session.timeout.ms')
    },
    get maxSessionTimeoutMs() {
      return config.get('group.max.session.timeout.ms')
    },
    get initialRebalanceDelayMs() {
      return config.get('group.initial.rebalance.delay.ms')
    },
    get maxSize() {
      return config.get('group.max.size')
    },
    get offsetsRetentionMs() {
      return config.get('offsets.retention.minutes') * msPerMinute
    },
    get offsetsRetentionCheckIntervalMs() {
      return config.get('offsets.retention.check.interval.ms')
    },
    get offsetMetadataMaxBytes() {
      return config.get('offset.metadata.max.bytes')
    },
    get offsetsTopicNumPartitions() {
      return partitionsOfOffsetsTopic() ?? config.get('offsets.topic.num.partitions')
    },
    get offsetsTopicCompressionCodec() {
      return config.get('offsets.topic.compression.codec')
    },
    get offsetsLoadBufferSize() {
      return config.get('offsets.load.buffer.size')
    },
    get offsetsCommitTimeoutMs() {
      return config.get('offsets.commit.timeout.ms')
    },
  }
}

/** One object for all listeners; it follows the settings for as long as `stop` is not called. */
export function networkLimits(config: BrokerConfig): { limits: NetworkLimits; stop: () => void } {
  const limits: NetworkLimits = { ...defaultLimits }
  const read = () => {
    const idleMs = config.get('connections.max.idle.ms')
    limits.maxRequestBytes = config.get('socket.request.max.bytes')
    limits.maxIdleMs = idleMs < 0 ? Number.POSITIVE_INFINITY : idleMs
    limits.maxConnections = config.get('max.connections')
    limits.maxConnectionsPerIp = config.get('max.connections.per.ip')
    limits.maxConnectionsPerIpOverrides = parseIpOverrides(config.get('max.connections.per.ip.overrides'))
  }
  read()
  return { limits, stop: config.onChange(undefined, read) }
}
