/** Settings of logs: defaults of topics, retention, flushing, the cleaner. */

import { boolean, type Declarations, double, int, list, long, string } from '../setting.js'
import { cleanupPolicies, compressionTypes, timestampTypes } from './values.js'

const MIB = 1024 * 1024
const DAY = 86_400_000

export const logSettings = {
  'log.segment.bytes': int(1024 * MIB, {
    min: MIB,
    change: 'cluster-wide',
    doc: 'Default of segment.bytes: the size at which a new segment starts.',
  }),
  'log.roll.ms': long(null, {
    min: 1,
    change: 'cluster-wide',
    doc: 'Default of segment.ms: the age at which a new segment starts. Comes before log.roll.hours.',
  }),
  'log.roll.hours': int(168, { min: 1, doc: 'The same in hours.' }),
  'log.roll.jitter.ms': long(null, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of segment.jitter.ms: up to so much is taken off segment.ms, so that logs do not roll together. Comes before log.roll.jitter.hours.',
  }),
  'log.roll.jitter.hours': int(0, { min: 0, doc: 'The same in hours.' }),
  'log.index.interval.bytes': int(4096, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of index.interval.bytes: an index entry stands for about so many bytes.',
  }),
  'log.index.size.max.bytes': int(10 * MIB, {
    min: 4,
    change: 'cluster-wide',
    doc: 'Default of segment.index.bytes: a full index starts a new segment.',
  }),
  'message.max.bytes': int(MIB + 12, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of max.message.bytes: the largest batch that is taken.',
  }),
  'compression.type': string('producer', {
    oneOf: compressionTypes,
    change: 'cluster-wide',
    doc: 'Default of compression.type of topics: keep what the producer chose, or compress anew.',
  }),
  'compression.gzip.level': int(-1, {
    min: 1,
    max: 9,
    or: -1,
    change: 'cluster-wide',
    doc: 'The level when batches are compressed anew with gzip.',
  }),
  'compression.lz4.level': int(9, {
    min: 1,
    max: 17,
    change: 'cluster-wide',
    doc: 'The level when batches are compressed anew with lz4.',
  }),
  'compression.zstd.level': int(3, {
    min: -131072,
    max: 22,
    change: 'cluster-wide',
    doc: 'The level when batches are compressed anew with zstd.',
  }),
  'log.message.timestamp.type': string('CreateTime', {
    oneOf: timestampTypes,
    change: 'cluster-wide',
    doc: 'Default of message.timestamp.type: keep the producer’s timestamps, or set the time of the append.',
  }),
  'log.message.timestamp.before.max.ms': long(Number.POSITIVE_INFINITY, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of message.timestamp.before.max.ms: records that are older are refused.',
  }),
  'log.message.timestamp.after.max.ms': long(3_600_000, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of message.timestamp.after.max.ms: records that lie further in the future are refused.',
  }),
  'min.insync.replicas': int(1, {
    min: 1,
    change: 'cluster-wide',
    doc: 'Default of min.insync.replicas of topics: acks=all is refused with fewer replicas in sync.',
  }),
  'log.write.caching': boolean(false, {
    change: 'cluster-wide',
    doc: 'Default of write.caching of topics: acks=all answers before the records are on disk, as Kafka does.',
  }),
  'log.flush.interval.messages': long(Number.POSITIVE_INFINITY, {
    min: 1,
    change: 'cluster-wide',
    doc: 'Default of flush.messages: flush after so many records.',
  }),
  'log.flush.interval.ms': long(null, {
    change: 'cluster-wide',
    doc: 'Default of flush.ms: flush what has waited for so long. Without it log.flush.scheduler.interval.ms counts.',
  }),
  'log.flush.scheduler.interval.ms': long(Number.POSITIVE_INFINITY, {
    doc: 'Stands in for log.flush.interval.ms where that is not set.',
  }),
  'log.flush.offset.checkpoint.interval.ms': int(60_000, {
    min: 0,
    doc: 'How often it is saved up to where logs need no recovery.',
  }),
  'log.flush.start.offset.checkpoint.interval.ms': int(60_000, {
    min: 0,
    doc: 'How often log start offsets are saved.',
  }),
  'log.cleanup.policy': list(['delete'], {
    oneOf: cleanupPolicies,
    change: 'cluster-wide',
    doc: 'Default of cleanup.policy: what happens to old records.',
  }),
  'log.retention.ms': long(null, {
    min: -1,
    change: 'cluster-wide',
    check: (value) => (value === 0 ? 'Value must be -1 (no bound) or at least 1' : undefined),
    range: '-1 or at least 1',
    doc: 'Default of retention.ms: segments whose newest record is older go. -1 keeps them. Comes before log.retention.minutes and log.retention.hours.',
  }),
  'log.retention.minutes': int(null, {
    doc: 'The same in minutes.',
    check: nonZero,
    range: '-1 or at least 1',
  }),
  'log.retention.hours': int(168, { doc: 'The same in hours.', check: nonZero, range: '-1 or at least 1' }),
  'log.retention.bytes': long(-1, {
    change: 'cluster-wide',
    doc: 'Default of retention.bytes: the oldest segments go while a partition is larger. -1 sets no bound.',
  }),
  'log.retention.check.interval.ms': long(300_000, {
    min: 1,
    doc: 'How often logs are looked through for segments to delete.',
  }),
  'log.initial.task.delay.ms': long(30_000, {
    min: 0,
    internal: true,
    doc: 'How long after the start the first check of retention and the first checkpoints happen.',
  }),
  'log.cleaner.enable': boolean(true, { doc: 'Compact the logs whose cleanup.policy says so.' }),
  'log.cleaner.backoff.ms': long(15_000, {
    min: 0,
    change: 'cluster-wide',
    doc: 'How long the cleaner rests when there is nothing to clean.',
  }),
  'log.cleaner.dedupe.buffer.size': long(128 * MIB, {
    min: MIB,
    change: 'cluster-wide',
    doc: 'Memory for the keys of the log that is being cleaned; with more keys it takes several rounds.',
  }),
  'log.cleaner.io.max.bytes.per.second': double(Number.POSITIVE_INFINITY, {
    min: 1,
    change: 'cluster-wide',
    doc: 'The most that the cleaner reads and writes in a second.',
  }),
  'log.cleaner.min.cleanable.ratio': double(0.5, {
    min: 0,
    max: 1,
    change: 'cluster-wide',
    doc: 'Default of min.cleanable.dirty.ratio: a log is cleaned when so much of it is new.',
  }),
  'log.cleaner.delete.retention.ms': long(DAY, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of delete.retention.ms: how long a compacted log keeps tombstones.',
  }),
  'log.cleaner.min.compaction.lag.ms': long(0, {
    min: 0,
    change: 'cluster-wide',
    doc: 'Default of min.compaction.lag.ms: younger records are not compacted.',
  }),
  'log.cleaner.max.compaction.lag.ms': long(Number.POSITIVE_INFINITY, {
    min: 1,
    change: 'cluster-wide',
    doc: 'Default of max.compaction.lag.ms: records are compacted by this age, however little is new.',
  }),
} satisfies Declarations

function nonZero(value: number): string | undefined {
  return value === 0 ? 'Value must be -1 (no bound) or at least 1' : undefined
}
