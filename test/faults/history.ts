/** What clients did and were told, and what the replicas hold in the end: all that the checker knows. Plain data. */

/** A value that was sent once, in a batch. */
export interface SentValue {
  readonly value: string
  /** The offset that an answer gave it; null where none told that it is safe: it may be there or not. */
  offset: number | null
  /** Told to be safe, whether with an offset or as a duplicate. */
  isAcknowledged: boolean
}

export interface ProducerHistory {
  readonly producer: string
  /** Sent again until acknowledged, under the same sequence; a plain one sends each value once. */
  readonly isIdempotent: boolean
  /** In the order of sending. */
  readonly sent: SentValue[]
  /** Answers that no fault explains. */
  readonly refusals: string[]
}

export interface ReadValue {
  readonly offset: number
  readonly value: string
  /** When it was asked for last. */
  askedAtMs: number
}

export interface ReplicaBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  /** Of all its bytes. */
  readonly digest: string
  readonly values: readonly string[]
}

export interface ReplicaLog {
  readonly broker: number
  readonly batches: readonly ReplicaBatch[]
}

export interface PartitionHistory {
  readonly topic: string
  readonly partition: number
  readonly producers: ProducerHistory[]
  /** What any reader was given, by offset, then value. */
  readonly reads: Map<number, Map<string, ReadValue>>
  readonly replicas: ReplicaLog[]
}

/** The rising offsets that a group commits for one partition. */
export interface GroupHistory {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** Commits of generations that are over are refused: none comes to pass behind newer ones. */
  readonly hasMembers: boolean
  readonly events: GroupEvent[]
}

export interface GroupEvent {
  readonly what: 'commit' | 'fetch'
  /** -1: none is committed. */
  offset: number
  readonly sentAtMs: number
  /** Infinite: no answer came, and what was asked may still come to pass. */
  answeredAtMs: number
  /** Of a commit: told to be safe. Of a fetch: answered. */
  isDone: boolean
}

export interface History {
  readonly partitions: PartitionHistory[]
  readonly groups: GroupHistory[]
  /** When the power of brokers had gone. */
  readonly powerCutsAtMs: number[]
}

export function emptyHistory(): History {
  return { partitions: [], groups: [], powerCutsAtMs: [] }
}

export function noteRead(history: PartitionHistory, offset: number, value: string, askedAtMs: number): void {
  let values = history.reads.get(offset)
  if (!values) {
    values = new Map()
    history.reads.set(offset, values)
  }
  const known = values.get(value)
  if (known) known.askedAtMs = askedAtMs
  else values.set(value, { offset, value, askedAtMs })
}
