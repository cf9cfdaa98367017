import test from 'ava'
import { decode, encode, KafkaError, randomUuid, toSafeInteger, ZERO_UUID } from '../../lib/protocol/index.js'

const roundTrip = (topicId: string) => {
  const bytes = encode('MetadataRequest', 10, { topics: [{ topicId, name: null }] })
  return decode('MetadataRequest', 10, bytes).topics?.[0]?.topicId
}

test('UUIDs are 16 bytes in URL-safe base64 without padding', (t) => {
  t.is(ZERO_UUID, Buffer.alloc(16).toString('base64url'))
  const id = '_-4xxxxxSmq8ZyXWvUtS_w'
  const bytes = Buffer.from(encode('MetadataRequest', 10, { topics: [{ topicId: id }] }))
  t.is(bytes.subarray(1, 17).toString('base64url'), Buffer.from(id, 'base64url').toString('base64url'))
})

test('random UUIDs survive, are different, and never start with a dash', (t) => {
  const ids = new Set(Array.from({ length: 2000 }, randomUuid))
  t.is(ids.size, 2000)
  for (const id of [...ids, ...ids]) {
    t.is(id.length, 22)
    t.false(id.startsWith('-'))
    t.is(roundTrip(id), id)
  }
})

test('an int64 outside of the safe range is INVALID_REQUEST where a number is needed', (t) => {
  t.is(toSafeInteger(5, 'offset'), 5)
  t.is(toSafeInteger(5n, 'offset'), 5)
  const error = t.throws(() => toSafeInteger(2n ** 60n, 'offset'), {
    instanceOf: KafkaError,
    message: /^offset 1152/,
  })
  t.is(error?.errorName, 'INVALID_REQUEST')
})
