/** ElectLeaders, version 2: the client library has no such request. */
import type { Connection, Reader } from '@platformatic/kafka'
import type { KafkaLibrary } from './kafka-library.js'
import { RequestFailure } from './request-failure.js'
import { errorNameOf, type PartitionOutcome, readOutcomes } from './topic-partition.js'

const apiKey = 43
const apiVersion = 2

export const electionTypes = ['preferred', 'unclean'] as const
export type ElectionType = (typeof electionTypes)[number]

/** One outcome for each, by topic and partition; without `topics` of all that need it. */
export async function electLeaders(
  kafka: KafkaLibrary,
  connection: Connection,
  type: ElectionType,
  topics: ReadonlyMap<string, readonly number[]> | null,
  timeoutMs: number,
): Promise<PartitionOutcome[]> {
  const createRequest = () =>
    kafka.Writer.create()
      .appendInt8(electionTypes.indexOf(type))
      .appendArray(topics && [...topics], (writer, [topic, partitions]) => {
        writer
          .appendString(topic)
          .appendArray([...partitions], (inner, partition) => inner.appendInt32(partition), true, false)
      })
      .appendInt32(timeoutMs)
      .appendTaggedFields()
  const parseResponse = (_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader) => {
    reader.readInt32()
    const error = errorNameOf(kafka, reader.readInt16())
    if (error !== null) throw new RequestFailure(`the election was refused (${error})`)
    return readOutcomes(kafka, reader)
  }
  const api = kafka.createAPI<[], PartitionOutcome[]>(apiKey, apiVersion, createRequest, parseResponse)
  return api.async(connection)
}
