/** AlterPartitionReassignments and ListPartitionReassignments. */
import type { Connection, Reader } from '@platformatic/kafka'
import { groupBy } from '../group-by.js'
import type { KafkaLibrary } from './kafka-library.js'
import { RequestFailure } from './request-failure.js'
import {
  byPartition,
  errorNameOf,
  type PartitionOutcome,
  readOutcomes,
  type TopicPartition,
} from './topic-partition.js'

const alterKey = 45

export interface PartitionReplicas extends TopicPartition {
  readonly replicas: readonly number[]
}

/** A reassignment that is under way; `replicas` are those of before and of after. */
export interface Reassignment extends PartitionReplicas {
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

/** Null replicas cancel what is under way. */
export interface WantedReplicas extends TopicPartition {
  readonly replicas: readonly number[] | null
}

/** All that are under way, by topic and partition. */
export async function listReassignments(
  kafka: KafkaLibrary,
  connection: Connection,
  timeoutMs: number,
): Promise<Reassignment[]> {
  // The library's types do not know that no list stands for all.
  const all = null as never
  const { topics } = await kafka.listPartitionReassignmentsV0.api.async(connection, timeoutMs, all)
  return topics
    .flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        ...{ topic, partition: partitionIndex, replicas },
        ...{ adding: addingReplicas, removing: removingReplicas },
      })),
    )
    .sort(byPartition)
}

/** The library takes the answer for an error where one partition has one, and does not know version 1. */
export async function alterReassignments(
  kafka: KafkaLibrary,
  connection: Connection,
  wanted: readonly WantedReplicas[],
  allowReplicationFactorChange: boolean,
  timeoutMs: number,
): Promise<PartitionOutcome[]> {
  // Brokers of before 4.1 know version 0 alone.
  const apiVersion = allowReplicationFactorChange ? 0 : 1
  const byTopic = groupBy(wanted, ({ topic }) => topic)
  const createRequest = () => {
    const writer = kafka.Writer.create().appendInt32(timeoutMs)
    if (apiVersion > 0) writer.appendBoolean(allowReplicationFactorChange)
    return writer
      .appendArray([...byTopic], (each, [topic, partitions]) => {
        each.appendString(topic).appendArray(partitions, (inner, { partition, replicas }) => {
          inner
            .appendInt32(partition)
            .appendArray(replicas && [...replicas], (list, id) => list.appendInt32(id), true, false)
        })
      })
      .appendTaggedFields()
  }
  const parseResponse = (_correlationId: number, _apiKey: number, _version: number, reader: Reader) => {
    reader.readInt32()
    if (apiVersion > 0) reader.readBoolean()
    const error = errorNameOf(kafka, reader.readInt16())
    const why = reader.readNullableString()
    if (error !== null) throw new RequestFailure(`${why ?? 'the reassignment was refused'} (${error})`)
    return readOutcomes(kafka, reader)
  }
  const api = kafka.createAPI<[], PartitionOutcome[]>(alterKey, apiVersion, createRequest, parseResponse)
  return api.async(connection)
}
