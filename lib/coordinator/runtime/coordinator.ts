/** A coordinator as the broker around it sees it, whatever it coordinates. */

export interface DeletedTopic {
  readonly name: string
  readonly topicId: string
}

export interface Coordinator {
  /** The partition of its internal topic that a key belongs to. */
  partitionFor(key: string): number
  /** This broker leads the partition now. Resolves when its state is loaded, or could not be. */
  onElected(partition: number): Promise<void>
  /** Another broker leads the partition, or none does. */
  onResigned(partition: number): Promise<void>
  /** Topics of the cluster are gone. */
  onTopicsDeleted(topics: readonly DeletedTopic[]): Promise<void>
}
