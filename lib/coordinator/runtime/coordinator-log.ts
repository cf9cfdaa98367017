/**
 * The partitions of `__consumer_offsets` as the coordinator needs them. The broker provides it over its replicas;
 * tests over memory.
 */
export interface CoordinatorLog {
  /**
   * Appends one encoded record batch (magic 2) and resolves when it is committed. Rejects with a `KafkaError`
   * (NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR, MESSAGE_TOO_LARGE, ...) when it is not.
   * The coordinator has at most one append under way in a partition.
   */
  append(partition: number, batch: Uint8Array): Promise<{ baseOffset: number }>

  /** All batches of a partition from log start to log end, in runs of whole batches of about `maxBytes` each. */
  load(partition: number, maxBytes: number): AsyncIterable<Uint8Array>
}
