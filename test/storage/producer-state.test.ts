import test from 'ava'
import { ErrorCode, type KafkaError } from '../../lib/protocol/index.js'
import type { BatchIdentity } from '../../lib/storage/batch-identity.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../lib/storage/producer-snapshot.js'
import { ProducerState } from '../../lib/storage/producer-state.js'

function batch(fields: Partial<BatchIdentity> & { baseSequence: number; count?: number }): BatchIdentity {
  const { count = 1, baseSequence } = fields
  return {
    baseOffset: 0,
    lastOffset: count - 1,
    leaderEpoch: 0,
    maxTimestampMs: 1_000,
    producerId: 7,
    producerEpoch: 0,
    lastSequence: (baseSequence + count - 1) % 2 ** 31,
    compression: 0,
    isTransactional: false,
    isControl: false,
    ...fields,
  }
}

let nextOffset = 0

function append(state: ProducerState, identity: BatchIdentity): number {
  state.check(identity)
  const remembered = state.submit(identity)
  const base = nextOffset
  nextOffset += identity.lastOffset + 1
  state.complete(identity.producerId, remembered, base, nextOffset - 1, identity.maxTimestampMs)
  return base
}

function refusal(state: ProducerState, identity: BatchIdentity): number | undefined {
  try {
    state.check(identity)
    return undefined
  } catch (error) {
    return (error as KafkaError).code
  }
}

test('a batch that continues the sequence is new; the same one again is a duplicate of it', (t) => {
  const state = new ProducerState()
  const base = append(state, batch({ baseSequence: 0, count: 3 }))
  append(state, batch({ baseSequence: 3 }))
  t.is(state.check(batch({ baseSequence: 0, count: 3 }))?.baseOffset, base)
  t.is(state.check(batch({ baseSequence: 4 })), undefined)
})

test('a gap in the sequence is refused', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 0 }))
  t.is(refusal(state, batch({ baseSequence: 2 })), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('checks see batches that are submitted and not yet appended', (t) => {
  const state = new ProducerState()
  const first = batch({ baseSequence: 0 })
  const pending = state.submit(first)
  t.is(state.check(first), pending)
  t.is(refusal(state, batch({ baseSequence: 1 })), undefined)
})

test('after a rollback the state is that of the last completed batch', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 0 }))
  state.submit(batch({ baseSequence: 1 }))
  state.submit(batch({ baseSequence: 2 }))
  state.rollback()
  t.is(refusal(state, batch({ baseSequence: 1 })), undefined)
  t.is(refusal(state, batch({ baseSequence: 3 })), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('a rollback of a producer that had nothing completed forgets it', (t) => {
  const state = new ProducerState()
  state.submit(batch({ baseSequence: 0 }))
  state.rollback()
  t.is(state.size, 0)
})

test('an older epoch is fenced, a newer one begins at sequence 0', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 0, producerEpoch: 1 }))
  t.is(refusal(state, batch({ baseSequence: 1, producerEpoch: 0 })), ErrorCode.INVALID_PRODUCER_EPOCH)
  t.is(refusal(state, batch({ baseSequence: 1, producerEpoch: 2 })), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  t.is(refusal(state, batch({ baseSequence: 0, producerEpoch: 2 })), undefined)
})

test('sequences wrap to 0 after 2^31−1', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 2 ** 31 - 2, count: 2 }))
  t.is(refusal(state, batch({ baseSequence: 0 })), undefined)
})

test('five batches back are recognised as duplicates, the sixth is not', (t) => {
  const state = new ProducerState()
  for (let sequence = 0; sequence < 6; sequence++) append(state, batch({ baseSequence: sequence }))
  t.truthy(state.check(batch({ baseSequence: 1 })))
  t.is(refusal(state, batch({ baseSequence: 0 })), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('a snapshot holds the last completed batch below its offset, and restores it', (t) => {
  const state = new ProducerState()
  nextOffset = 100
  append(state, batch({ baseSequence: 0, count: 4 }))
  append(state, batch({ baseSequence: 4, count: 2 }))
  const decoded = decodeProducerSnapshot(encodeProducerSnapshot(state.summaries(104)))
  t.like(decoded, [{ producerId: 7, lastSequence: 3, lastOffset: 103, offsetDelta: 3 }] as never)
  const restored = new ProducerState()
  for (const producer of decoded!) restored.restore(producer)
  t.is(restored.check(batch({ baseSequence: 0, count: 4 }))?.baseOffset, 100)
  t.is(refusal(restored, batch({ baseSequence: 5 })), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
})

test('a snapshot with a flipped bit is not taken', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 0 }))
  const bytes = encodeProducerSnapshot(state.summaries())
  bytes[12]! ^= 1
  t.is(decodeProducerSnapshot(bytes), null)
})

test('producers that have been silent for long are forgotten', (t) => {
  const state = new ProducerState()
  append(state, batch({ baseSequence: 0, maxTimestampMs: 1_000 }))
  append(state, batch({ baseSequence: 0, producerId: 8, maxTimestampMs: 5_000 }))
  t.is(state.expire(6_000, 5_000), 1)
  t.is(state.size, 1)
})
