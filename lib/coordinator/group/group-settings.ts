/**
 * Settings of the group coordinator. They are read each time they are needed, never kept, so that an object with
 * getters makes a dynamic setting take effect at once.
 */
export interface GroupSettings {
  /** `group.min.session.timeout.ms` */
  readonly minSessionTimeoutMs: number
  /** `group.max.session.timeout.ms` */
  readonly maxSessionTimeoutMs: number
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number
  /** `group.max.size` */
  readonly maxSize: number
  /** `offsets.retention.minutes`, in milliseconds. */
  readonly offsetsRetentionMs: number
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsRetentionCheckIntervalMs: number
  /** `offset.metadata.max.bytes`; Kafka counts UTF-16 units, and so does this. */
  readonly offsetMetadataMaxBytes: number
  /** Partitions that `__consumer_offsets` has; before it exists, `offsets.topic.num.partitions`. */
  readonly offsetsTopicNumPartitions: number
  /** `offsets.topic.compression.codec`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly offsetsTopicCompressionCodec: number
  /** `offsets.load.buffer.size` */
  readonly offsetsLoadBufferSize: number
  /** `offsets.commit.timeout.ms` */
  readonly offsetsCommitTimeoutMs: number
}
