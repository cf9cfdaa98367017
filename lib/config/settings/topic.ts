/** Settings of topics. Each names the broker settings that give its default. */

import { type AnySetting, boolean, double, int, list, long, string } from '../setting.js'
import { cleanupPolicies, compressionTypes, timestampTypes } from './values.js'

/** Broker settings that give a topic setting's default, the first that is set counts; with the factor to its unit. */
export type BrokerDefaults = readonly (readonly [name: string, factor: number])[]

export interface TopicDeclaration<S extends AnySetting> {
  readonly setting: S
  readonly broker: BrokerDefaults
}

function topic<S extends AnySetting>(
  setting: S,
  ...broker: (string | [string, number])[]
): TopicDeclaration<S> {
  return { setting, broker: broker.map((entry) => (typeof entry === 'string' ? [entry, 1] : entry)) }
}

const MIB = 1024 * 1024
const MINUTE = 60_000
const HOUR = 3_600_000

/** A list of replicas: `partition:broker` each, or `*` alone for all. */
function throttled(doc: string) {
  return list([], {
    doc,
    range: 'partition:broker,… or *',
    check: (items) =>
      items.every((item) => /^\d+:\d+$/.test(item)) || (items.length === 1 && items[0] === '*')
        ? undefined
        : 'Replicas are listed as partition:broker, or * stands for all',
  })
}

const NO_DELAY = 'Deleted files go at once: whoever reads one holds it open until done.'

export const usedTopicSettings = {
  'cleanup.policy': topic(
    list(['delete'], {
      oneOf: cleanupPolicies,
      doc: 'What happens to old records: `delete` removes whole segments by retention, `compact` keeps the last record of each key; both may stand together, none keeps everything.',
    }),
    'log.cleanup.policy',
  ),
  'compression.type': topic(
    string('producer', {
      oneOf: compressionTypes,
      doc: 'Keep the compression that the producer chose, or compress every batch anew.',
    }),
    'compression.type',
  ),
  'compression.gzip.level': topic(
    int(-1, { min: 1, max: 9, or: -1, doc: 'The level of gzip when batches are compressed anew.' }),
    'compression.gzip.level',
  ),
  'compression.lz4.level': topic(
    int(9, { min: 1, max: 17, doc: 'The level of lz4 when batches are compressed anew.' }),
    'compression.lz4.level',
  ),
  'compression.zstd.level': topic(
    int(3, { min: -131072, max: 22, doc: 'The level of zstd when batches are compressed anew.' }),
    'compression.zstd.level',
  ),
  'delete.retention.ms': topic(
    long(24 * HOUR, { min: 0, doc: 'How long a compacted log keeps tombstones.' }),
    'log.cleaner.delete.retention.ms',
  ),
  'file.delete.delay.ms': topic(long(MINUTE, { min: 0, standing: 'ignored', doc: NO_DELAY })),
  'flush.messages': topic(
    long(Number.POSITIVE_INFINITY, { min: 1, doc: 'Flush after so many records.' }),
    'log.flush.interval.messages',
  ),
  'flush.ms': topic(
    long(Number.POSITIVE_INFINITY, { min: 0, doc: 'Flush what has waited for so long.' }),
    'log.flush.interval.ms',
    'log.flush.scheduler.interval.ms',
  ),
  'follower.replication.throttled.replicas': topic(
    throttled(
      'Replicas that fetch at no more than follower.replication.throttled.rate of their broker until they are in sync.',
    ),
  ),
  'index.interval.bytes': topic(
    int(4096, { min: 0, doc: 'An index entry stands for about so many bytes.' }),
    'log.index.interval.bytes',
  ),
  'internal.segment.bytes': topic(
    int(null, { internal: true, doc: 'Stands in for segment.bytes without its lower bound; for tests.' }),
  ),
  'leader.replication.throttled.replicas': topic(
    throttled(
      'Replicas that, leading, send at no more than leader.replication.throttled.rate of their broker to those not in sync.',
    ),
  ),
  'max.compaction.lag.ms': topic(
    long(Number.POSITIVE_INFINITY, {
      min: 1,
      doc: 'Records are compacted by this age, however little of the log is new.',
    }),
    'log.cleaner.max.compaction.lag.ms',
  ),
  'max.message.bytes': topic(
    int(MIB + 12, { min: 0, doc: 'The largest batch that is taken.' }),
    'message.max.bytes',
  ),
  'message.timestamp.after.max.ms': topic(
    long(HOUR, { min: 0, doc: 'Records that lie further in the future are refused.' }),
    'log.message.timestamp.after.max.ms',
  ),
  'message.timestamp.before.max.ms': topic(
    long(Number.POSITIVE_INFINITY, { min: 0, doc: 'Records that are older are refused.' }),
    'log.message.timestamp.before.max.ms',
  ),
  'message.timestamp.type': topic(
    string('CreateTime', {
      oneOf: timestampTypes,
      doc: 'Keep the producer’s timestamps, or set the time of the append.',
    }),
    'log.message.timestamp.type',
  ),
  'min.cleanable.dirty.ratio': topic(
    double(0.5, { min: 0, max: 1, doc: 'The log is cleaned when so much of it is new.' }),
    'log.cleaner.min.cleanable.ratio',
  ),
  'min.compaction.lag.ms': topic(
    long(0, { min: 0, doc: 'Younger records are not compacted.' }),
    'log.cleaner.min.compaction.lag.ms',
  ),
  'min.insync.replicas': topic(
    int(1, { min: 1, doc: 'acks=all is refused with fewer replicas in sync.' }),
    'min.insync.replicas',
  ),
  'retention.bytes': topic(
    long(-1, { doc: 'The oldest segments go while a partition is larger. -1 sets no bound.' }),
    'log.retention.bytes',
  ),
  'retention.ms': topic(
    long(168 * HOUR, { min: -1, doc: 'Segments whose newest record is older go. -1 keeps them.' }),
    'log.retention.ms',
    ['log.retention.minutes', MINUTE],
    ['log.retention.hours', HOUR],
  ),
  'segment.bytes': topic(
    int(1024 * MIB, { min: MIB, doc: 'The size at which a new segment starts.' }),
    'log.segment.bytes',
  ),
  'segment.index.bytes': topic(
    int(10 * MIB, { min: 4, doc: 'A full index starts a new segment.' }),
    'log.index.size.max.bytes',
  ),
  'segment.jitter.ms': topic(
    long(0, { min: 0, doc: 'Up to so much is taken off segment.ms, so that logs do not roll together.' }),
    'log.roll.jitter.ms',
    ['log.roll.jitter.hours', HOUR],
  ),
  'segment.ms': topic(
    long(168 * HOUR, { min: 1, doc: 'The age at which a new segment starts.' }),
    'log.roll.ms',
    ['log.roll.hours', HOUR],
  ),
  'unclean.leader.election.enable': topic(
    boolean(false, {
      doc: 'When no replica in sync lives, let another one lead, though it loses acknowledged records.',
    }),
    'unclean.leader.election.enable',
  ),
  'write.caching': topic(
    boolean(false, {
      doc: 'Answer acks=all once all replicas in sync have the records in memory, as Kafka does, and not only when they are on disk.',
    }),
    'log.write.caching',
  ),
} satisfies Record<string, TopicDeclaration<AnySetting>>

const NO_TIERS = 'There is no tiered storage.'

/** Kafka's, taken and shown again, without effect. */
export const ignoredTopicSettings: Readonly<Record<string, TopicDeclaration<AnySetting>>> = {
  'local.retention.bytes': topic(
    long(-2, { min: -2, standing: 'ignored', doc: NO_TIERS }),
    'log.local.retention.bytes',
  ),
  'local.retention.ms': topic(
    long(-2, { min: -2, standing: 'ignored', doc: NO_TIERS }),
    'log.local.retention.ms',
  ),
  preallocate: topic(
    boolean(false, { standing: 'ignored', doc: 'Segment files grow as they are written.' }),
    'log.preallocate',
  ),
  'remote.log.copy.disable': topic(boolean(false, { standing: 'ignored', doc: NO_TIERS })),
  'remote.log.delete.on.disable': topic(boolean(false, { standing: 'ignored', doc: NO_TIERS })),
}

/** Kafka's; any value but the default is refused. */
export const refusedTopicSettings: Readonly<Record<string, TopicDeclaration<AnySetting>>> = {
  'remote.storage.enable': topic(
    boolean(false, { standing: 'refused', doc: 'There is no tiered storage: records would not be copied.' }),
  ),
}
