/** Partitions by their names, and what a broker answers of each. */
import type { Reader } from '@platformatic/kafka'
import type { KafkaLibrary } from './kafka-library.js'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface PartitionOutcome extends TopicPartition {
  /** Kafka's name of the error; null where there is none. */
  readonly error: string | null
  readonly message: string | null
}

export function byPartition(a: TopicPartition, b: TopicPartition): number {
  return a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
}

/** Finds one of many partitions. */
export function finder<T extends TopicPartition>(
  partitions: readonly T[],
): (named: TopicPartition) => T | undefined {
  const byName = new Map(partitions.map((each) => [`${each.topic}-${each.partition}`, each]))
  return ({ topic, partition }) => byName.get(`${topic}-${partition}`)
}

/** `orders-0, orders-1`. */
export function namesOf(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(', ')
}

/** Null for no error. */
export function errorNameOf(kafka: KafkaLibrary, code: number): string | null {
  return code === 0 ? null : (kafka.protocolErrorsCodesById[code] ?? `error ${code}`)
}

/** Topics with an error and a message for each of their partitions, as several answers have them. */
export function readOutcomes(kafka: KafkaLibrary, reader: Reader): PartitionOutcome[] {
  return reader
    .readArray((each) => {
      const topic = each.readString()
      return each.readArray((result) => ({
        topic,
        partition: result.readInt32(),
        error: errorNameOf(kafka, result.readInt16()),
        message: result.readNullableString() || null,
      }))
    })
    .flat()
    .sort(byPartition)
}
