/** ElectLeaders, version 2: the client library has no such request. */
import type { Connection, Reader } from '@platformatic/kafka'
import type { KafkaLibrary } from './kafka-library.js'
import { RequestFailure } from './request-failure.js'

const apiKey = 43
const apiVersion = 2

export const electionTypes = ['preferred', 'unclean'] as const
export type ElectionType = (typeof electionTypes)[number]

export interface ElectionOutcome {
  readonly topic: string
  readonly partition: number
  /** Kafka's name of the error; null where a leader was elected. */
  readonly error: string | null
  readonly message: string | null
}

/** Without `topics` those of all partitions that need it. */
export async function electLeaders(
  kafka: KafkaLibrary,
  connection: Connection,
  type: ElectionType,
  topics: ReadonlyMap<string, readonly number[]> | null,
  timeoutMs: number,
): Promise<ElectionOutcome[]> {
  const nameOf = (code: number) =>
    code === 0 ? null : (kafka.protocolErrorsCodesById[code] ?? `error ${code}`)
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
    const error = nameOf(reader.readInt16())
    if (error !== null) throw new RequestFailure(`the election was refused (${error})`)
    return reader
      .readArray((each) => {
        const topic = each.readString()
        return each.readArray((result) => ({
          topic,
          partition: result.readInt32(),
          error: nameOf(result.readInt16()),
          message: result.readNullableString() || null,
        }))
      })
      .flat()
  }
  const api = kafka.createAPI<[], ElectionOutcome[]>(apiKey, apiVersion, createRequest, parseResponse)
  return api.async(connection)
}
