/**
 * The records of Kafka's metadata log: an unsigned varint each for the frame's version (1), the kind of record and
 * the record's version, then the message.
 */
import { CorruptBatchError, decode, type Messages } from '../../protocol/index.js'
import { KafkaFolderError } from './kafka-folder-error.js'

/** Kinds that a take-over reads, by their number in the log. */
const read = new Map([
  [2, 'TopicRecord'],
  [3, 'PartitionRecord'],
  [4, 'ConfigRecord'],
  [5, 'PartitionChangeRecord'],
  [9, 'RemoveTopicRecord'],
  [12, 'FeatureLevelRecord'],
  [15, 'ProducerIdsRecord'],
] as const)

/** Kinds that say something for which there is no counterpart here, as an operator calls it. */
const leftOut = new Map([
  [10, 'delegation tokens'],
  [11, 'SCRAM credentials'],
  [14, 'client quotas'],
  [18, 'ACLs'],
])

/** Kinds that a single broker does without: registrations, heartbeats, removals of what is left out. */
const passedOver = new Set([0, 1, 7, 8, 17, 19, 20, 21, 22, 26, 27, 28])

const BEGIN_TRANSACTION = 23
const END_TRANSACTION = 24
const ABORT_TRANSACTION = 25

type ReadName = typeof read extends ReadonlyMap<number, infer Name extends keyof Messages> ? Name : never

export type MetadataRecord =
  | { readonly [N in ReadName]: { readonly kind: N; readonly message: Messages[N] } }[ReadName]
  | { readonly kind: 'leftOut'; readonly what: string }
  | { readonly kind: 'begin' | 'end' | 'abort' | 'passedOver' }

/** Throws KafkaFolderError where the record is of a kind or a version that only a newer Kafka knows. */
export function decodeMetadataRecord(value: Uint8Array): MetadataRecord {
  const reader = new UnsignedVarints(value)
  const frame = reader.next()
  if (frame !== 1) throw newer(`a record in a frame of version ${frame}`)
  const kind = reader.next()
  const version = reader.next()
  const name = read.get(kind as 2)
  if (name !== undefined) {
    try {
      return { kind: name, message: decode(name, version, value, reader.position) } as MetadataRecord
    } catch (error) {
      if ((error as { name?: string }).name !== 'KafkaError') throw error
      throw newer(`a ${name} of version ${version}`)
    }
  }
  const what = leftOut.get(kind)
  if (what !== undefined) return { kind: 'leftOut', what }
  if (kind === BEGIN_TRANSACTION) return { kind: 'begin' }
  if (kind === END_TRANSACTION) return { kind: 'end' }
  if (kind === ABORT_TRANSACTION) return { kind: 'abort' }
  if (passedOver.has(kind)) return { kind: 'passedOver' }
  throw newer(`a record of kind ${kind}`)
}

function newer(what: string): KafkaFolderError {
  return new KafkaFolderError(
    `Kafka's metadata log holds ${what}, which is not known here: it was written by a newer Kafka than 4.3`,
  )
}

class UnsignedVarints {
  readonly #bytes: Uint8Array
  position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.position++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 128) return value >>> 0
    }
    throw new CorruptBatchError('a metadata record ends too early')
  }
}
