/** The committed offsets of the groups of one partition of `__consumer_offsets`. */

export interface CommittedOffset {
  readonly offset: number | bigint
  /** −1 where the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  /** Id of the topic that the offset was committed for; the zero uuid where it is not known. */
  readonly topicId: string
  readonly commitTimestamp: number | bigint
  /** −1 where the broker's retention counts; OffsetCommit 2–4 may set one of their own. */
  readonly expireTimestamp: number | bigint
}

export interface OffsetKey {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
}

export type TopicOffsets = ReadonlyMap<number, CommittedOffset>
export type GroupOffsets = ReadonlyMap<string, TopicOffsets>

export class OffsetStore {
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>()

  /** Ids of the groups that have offsets. */
  get groupIds(): Iterable<string> {
    return this.#groups.keys()
  }

  get size(): number {
    let size = 0
    for (const topics of this.#groups.values()) for (const offsets of topics.values()) size += offsets.size
    return size
  }

  group(groupId: string): GroupOffsets | undefined {
    return this.#groups.get(groupId)
  }

  get({ groupId, topic, partition }: OffsetKey): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.get(topic)?.get(partition)
  }

  set({ groupId, topic, partition }: OffsetKey, committed: CommittedOffset): void {
    let topics = this.#groups.get(groupId)
    if (topics === undefined) this.#groups.set(groupId, (topics = new Map()))
    let offsets = topics.get(topic)
    if (offsets === undefined) topics.set(topic, (offsets = new Map()))
    offsets.set(partition, committed)
  }

  delete({ groupId, topic, partition }: OffsetKey): void {
    const topics = this.#groups.get(groupId)
    const offsets = topics?.get(topic)
    if (topics === undefined || offsets === undefined) return
    offsets.delete(partition)
    if (offsets.size === 0) topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }

  *keysOf(groupId: string): Generator<OffsetKey> {
    for (const [topic, offsets] of this.#groups.get(groupId) ?? []) {
      for (const partition of offsets.keys()) yield { groupId, topic, partition }
    }
  }
}
