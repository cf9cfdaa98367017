/** Batches for a compacted topic, the same for every seed: fixed keys, sizes, times, codecs and sequences. */
import {
  type BatchInput,
  type CompressionName,
  encodeCompressedBatch,
  type RecordInput,
} from '../../../lib/protocol/index.js'
import { Random } from '../../support/random.js'
import { COMPRESSIONS } from '../../support/suite.js'

export interface InputOptions {
  readonly seed: number
  readonly batches: number
  readonly keys: number
  /** Timestamps go from the first to the last of these, with some disorder. */
  readonly fromMs: number
  readonly toMs: number
  readonly maxRecords?: number
  readonly maxValueBytes?: number
  /** Shares of records and of batches. */
  readonly tombstones?: number
  readonly idempotent?: number
}

interface ProducerPosition {
  readonly producerId: number
  producerEpoch: number
  baseSequence: number
}

/** Idempotent producers among plain ones; goes on with their sequences from input to input. */
export class ComparedInput {
  readonly #producers: ProducerPosition[] = [7001, 7002, 7003].map((producerId) => {
    return { producerId, producerEpoch: 0, baseSequence: 0 }
  })

  async batches(options: InputOptions): Promise<Uint8Array[]> {
    const random = new Random(options.seed)
    const batches: Uint8Array[] = []
    for (let i = 0; i < options.batches; i++) {
      const now = options.fromMs + Math.floor(((options.toMs - options.fromMs) * i) / options.batches)
      const records = Array.from({ length: 1 + random.below(options.maxRecords ?? 12) }, () =>
        recordOf(random, now, options),
      )
      const compression: CompressionName = random.pick(COMPRESSIONS)
      batches.push(
        await encodeCompressedBatch({ records, ...this.#identity(random, records, options) }, compression),
      )
    }
    return batches
  }

  #identity(
    random: Random,
    records: readonly RecordInput[],
    { idempotent = 0.6 }: InputOptions,
  ): Partial<BatchInput> {
    if (!random.chance(idempotent)) return {}
    const producer = random.pick(this.#producers)
    if (random.chance(0.03)) {
      producer.producerEpoch++
      producer.baseSequence = 0
    }
    const identity = { ...producer }
    producer.baseSequence += records.length
    return identity
  }
}

function recordOf(
  random: Random,
  nowMs: number,
  { keys, maxValueBytes = 1_500, tombstones = 0.15 }: InputOptions,
): RecordInput {
  // The smaller a key's number, the more often it comes; the empty key is a key too.
  const number = Math.floor(keys * random.next() ** 2)
  const key = number === 0 ? '' : `key-${number}`
  const value = random.chance(tombstones) ? null : bytesOf(random, random.below(maxValueBytes))
  const headers = Array.from({ length: random.below(3) }, (_, i) => {
    return { key: `header-${i}`, value: random.chance(0.2) ? null : bytesOf(random, random.below(20)) }
  })
  return { timestamp: nowMs - random.below(2_000), key: Buffer.from(key), value, headers }
}

/** Half of it compresses well. */
function bytesOf(random: Random, size: number): Uint8Array {
  const value = Buffer.alloc(size, 'a')
  for (let i = 0; i < size / 2; i++) value[i] = random.below(256)
  return value
}
