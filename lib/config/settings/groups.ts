/** Settings of consumer groups and of the offsets that they commit. */

import { type Declarations, int, long, short } from '../setting.js'

export const groupSettings = {
  'group.initial.rebalance.delay.ms': int(0, {
    min: 0,
    doc: 'How long an empty group waits for more members before its first rebalance.',
  }),
  'group.min.session.timeout.ms': int(6000, {
    doc: 'The shortest session timeout that a member may ask for.',
  }),
  'group.max.session.timeout.ms': int(1_800_000, {
    doc: 'The longest session timeout that a member may ask for.',
  }),
  'group.max.size': int(2 ** 31 - 1, { min: 1, doc: 'The most members of a group.' }),
  'offset.metadata.max.bytes': int(4096, { doc: 'The longest text that may go with a committed offset.' }),
  'offsets.commit.timeout.ms': int(5000, {
    min: 1,
    doc: 'How long a commit waits until it is replicated.',
  }),
  'offsets.retention.minutes': int(10_080, {
    min: 1,
    doc: 'How long the offsets of a group without members are kept.',
  }),
  'offsets.retention.check.interval.ms': long(600_000, {
    min: 1,
    doc: 'How often offsets are looked through for expired ones.',
  }),
  'offsets.load.buffer.size': int(5 * 1024 * 1024, {
    min: 1,
    doc: 'Bytes read at once when a partition of __consumer_offsets is loaded.',
  }),
  'offsets.topic.num.partitions': int(50, { min: 1, doc: 'Partitions of __consumer_offsets.' }),
  'offsets.topic.replication.factor': short(3, {
    min: 1,
    doc: 'Replicas of __consumer_offsets. In a cluster it is created once so many brokers live, and groups wait until then; a broker without a cluster makes one.',
  }),
  'offsets.topic.segment.bytes': int(100 * 1024 * 1024, {
    // As segment.bytes, which it becomes.
    min: 1024 * 1024,
    doc: 'The segment size of __consumer_offsets; small ones are compacted and loaded sooner.',
  }),
  'offsets.topic.compression.codec': int(0, {
    min: 0,
    max: 4,
    doc: 'How __consumer_offsets is compressed: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.',
  }),
} satisfies Declarations
