/** A topic's settings as the engine takes them. */
import type { TopicConfig } from '../config/index.js'
import type { LogSettings } from '../native/types.js'

/** The engine's settings of a topic. */
export function logSettings(config: TopicConfig): LogSettings {
  return {
    segmentBytes: config.segmentBytes,
    segmentMs: segmentMsOf(config),
    indexIntervalBytes: config.indexIntervalBytes,
    segmentIndexBytes: config.segmentIndexBytes,
    maxMessageBytes: config.maxMessageBytes,
    timestampType: config.messageTimestampType,
    timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    requireKey: config.compact,
    flushMessages: config.flushMessages,
    flushMs: config.flushMs,
  }
}

/** What must be compacted by some age must not wait in the active segment any longer. */
function segmentMsOf({ compact, maxCompactionLagMs, segmentMs, segmentJitterMs }: TopicConfig): number {
  const longest = compact ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs
  return longest - Math.floor(Math.random() * Math.min(segmentJitterMs, longest))
}
