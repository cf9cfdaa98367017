import test from 'ava'
import { crc32c } from '../../lib/protocol/index.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../lib/storage/producer-snapshot.js'
import type { ProducerSummary } from '../../lib/storage/producer-state.js'

const earlier = [3, 4].map((sequence) => ({
  producerEpoch: 1,
  baseSequence: sequence,
  lastSequence: sequence,
  baseOffset: 10 + sequence,
  lastOffset: 10 + sequence,
  timestampMs: 99,
}))

const producers: ProducerSummary[] = [
  {
    producerId: 7,
    producerEpoch: 1,
    lastSequence: 6,
    lastOffset: 16,
    offsetDelta: 1,
    timestampMs: 100,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: 15,
    earlier,
  },
  {
    producerId: 8,
    producerEpoch: 0,
    lastSequence: 0,
    lastOffset: 17,
    offsetDelta: 0,
    timestampMs: 101,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: -1,
    earlier: [],
  },
]

test('a snapshot keeps every batch that may still be sent again', (t) => {
  t.deepEqual(decodeProducerSnapshot(encodeProducerSnapshot(producers)), producers)
})

test('a timestamp that is the largest does not turn into the smallest', (t) => {
  const timestampMs = Number(2n ** 63n - 1n)
  const producer = { ...producers[1]!, timestampMs }
  t.is(decodeProducerSnapshot(encodeProducerSnapshot([producer]))![0]!.timestampMs, timestampMs)
})

test('a snapshot that ends behind the entries, as one of Kafka does, is taken', (t) => {
  const bytes = encodeProducerSnapshot(producers).slice(0, 10 + 2 * 46)
  new DataView(bytes.buffer).setUint32(2, crc32c(bytes.subarray(6)))
  t.deepEqual(
    decodeProducerSnapshot(bytes),
    producers.map((producer) => ({ ...producer, earlier: [] })),
  )
})

test('a snapshot of any other length is not', (t) => {
  const whole = encodeProducerSnapshot(producers)
  for (let length = 0; length < whole.length; length++) {
    const bytes = whole.slice(0, length)
    if (length === 10 + 2 * 46) continue
    if (length >= 6) new DataView(bytes.buffer).setUint32(2, crc32c(bytes.subarray(6)))
    t.is(decodeProducerSnapshot(bytes), null, `${length} bytes`)
  }
})
