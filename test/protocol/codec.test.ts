import test from 'ava'
import { tables } from '../../lib/protocol/generated/tables.js'
import {
  decode,
  EncodeError,
  encode,
  encodeParts,
  type FetchResponse,
  MalformedFrameError,
  type MessageName,
} from '../../lib/protocol/index.js'
import { schemaOf } from '../../lib/protocol/schema.js'

const bytes = (...values: number[]) => Uint8Array.from(values)
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

function fetchResponse(
  records: FetchResponse['responses'][0]['partitions'][0]['records'] | { byteLength: number },
) {
  return { responses: [{ topic: 't', partitions: [{ partitionIndex: 1, records }] }] }
}

test('every version of every message encodes with its defaults and decodes to them', (t) => {
  let count = 0
  for (const name of Object.keys(tables) as MessageName[]) {
    const { versions } = schemaOf(name)
    for (let version = versions.first; version <= versions.last; version++) {
      const value = decode(name, version, encode(name, version, {}))
      const again = encode(name, version, value as never)
      t.deepEqual(again, encode(name, version, {}), `${name} v${version}`)
      count++
    }
  }
  t.is(count, 693)
})

test('int64 is a number where that is exact, else a bigint', (t) => {
  const limits: [number | bigint, string][] = [
    [0, '0000000000000000'],
    [-1, 'ffffffffffffffff'],
    [Number.MAX_SAFE_INTEGER, '001fffffffffffff'],
    [Number.MIN_SAFE_INTEGER, 'ffe0000000000001'],
    [2n ** 53n, '0020000000000000'],
    [-(2n ** 53n), 'ffe0000000000000'],
    [2n ** 53n + 1n, '0020000000000001'],
    [-(2n ** 53n) - 1n, 'ffdfffffffffffff'],
    [2n ** 63n - 1n, '7fffffffffffffff'],
    [-(2n ** 63n), '8000000000000000'],
    [4294967295, '00000000ffffffff'],
    [4294967296, '0000000100000000'],
    [-4294967296, 'ffffffff00000000'],
    [-4294967297, 'fffffffeffffffff'],
  ]
  for (const [value, expected] of limits) {
    const encoded = encode('InitProducerIdResponse', 0, { producerId: value })
    t.is(hex(encoded).slice(12, 28), expected)
    t.is(decode('InitProducerIdResponse', 0, encoded).producerId, value)
  }
  t.deepEqual(
    encode('InitProducerIdResponse', 0, { producerId: 5n }),
    encode('InitProducerIdResponse', 0, { producerId: 5 }),
  )
  for (const value of [2 ** 53, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2n ** 63n, -(2n ** 63n) - 1n]) {
    t.throws(() => encode('InitProducerIdResponse', 0, { producerId: value }), { instanceOf: EncodeError })
  }
})

test('a tagged int64 is left out at its default, also where that is 2^63−1', (t) => {
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1 }
  const request = (highWatermark?: bigint | number) =>
    encode('FetchRequest', 18, { topics: [{ partitions: [{ ...partition, highWatermark }] }] })
  t.is(request(2n ** 63n - 1n).length, request().length)
  t.is(request(7).length, request().length + 10)
  const decoded = decode('FetchRequest', 18, request())
  t.is(decoded.topics[0]?.partitions[0]?.highWatermark, 2n ** 63n - 1n)
  t.is(decode('FetchRequest', 18, request(7)).topics[0]?.partitions[0]?.highWatermark, 7)
})

test('records decode to a view of the frame, and encode to the same bytes', (t) => {
  for (const version of [4, 11, 12]) {
    for (const size of [0, 1, 127, 128, 5000]) {
      const records = new Uint8Array(size).fill(7)
      const frame = encode('FetchResponse', version, fetchResponse(records))
      const decoded = decode('FetchResponse', version, frame).responses[0]?.partitions[0]?.records
      t.deepEqual(decoded && hex(decoded), hex(records))
      t.is(decoded?.buffer, frame.buffer as ArrayBuffer)
    }
    const none = decode('FetchResponse', version, encode('FetchResponse', version, fetchResponse(null)))
    t.is(none.responses[0]?.partitions[0]?.records, null)
  }
})

test('records outside of memory are spliced into the parts, uncopied and in their place', (t) => {
  const content = new Uint8Array(300).fill(9)
  const range = { byteLength: content.length }
  for (const version of [4, 12, 16]) {
    const parts = encodeParts('FetchResponse', version, fetchResponse(range))
    t.is(parts[1], range)
    const joined = Buffer.concat(parts.map((part) => (part === range ? content : (part as Uint8Array))))
    t.deepEqual(joined, Buffer.from(encode('FetchResponse', version, fetchResponse(content))))
  }
  t.throws(() => encode('FetchResponse', 4, fetchResponse(range)), { message: /records.*encodeParts/ })
})

test('large records in memory are handed on by reference, small ones are copied', (t) => {
  const large = new Uint8Array(100_000)
  t.is(encodeParts('FetchResponse', 12, fetchResponse(large))[1], large)
  t.is(encodeParts('FetchResponse', 12, fetchResponse(new Uint8Array(100))).length, 1)
})

test('bytes are copied, so that what is kept does not hold the frame', (t) => {
  const frame = Buffer.concat([
    encode('SyncGroupResponse', 0, { assignment: bytes(1, 2, 3) }),
    Buffer.alloc(100_000),
  ])
  const { assignment } = decode('SyncGroupResponse', 0, frame)
  t.deepEqual(assignment, bytes(1, 2, 3))
  frame.fill(0)
  t.deepEqual(assignment, bytes(1, 2, 3))
  t.is(assignment.buffer.byteLength, 3)
})

test('a nullable struct is null or whole', (t) => {
  const request = (cursor: { topicName: string; partitionIndex: number } | null) => ({ topics: [], cursor })
  const name = 'DescribeTopicPartitionsRequest'
  t.is(hex(encode(name, 0, request(null))), '01000007d0ff00')
  t.is(
    hex(encode(name, 0, request({ topicName: 'a', partitionIndex: 3 }))),
    '01000007d001026100000003' + '0000',
  )
  t.deepEqual(decode(name, 0, encode(name, 0, request({ topicName: 'a', partitionIndex: 3 }))).cursor, {
    topicName: 'a',
    partitionIndex: 3,
  })
  t.is(decode(name, 0, encode(name, 0, request(null))).cursor, null)
})

test('a nullable struct that is a tagged field is preceded by a varint, and left out at its default', (t) => {
  const name = 'ConsumerGroupMemberMetadataValue'
  const tail = (value: object) => hex(encode(name, 0, value)).slice(hex(encode(name, 0, {})).length - 2)
  t.is(tail({}), '00')
  t.deepEqual(decode(name, 0, encode(name, 0, {})).classicMemberMetadata, {
    sessionTimeoutMs: 0,
    supportedProtocols: [],
  })
  t.is(tail({ classicMemberMetadata: null }), '01' + '0001' + '00')
  t.is(decode(name, 0, encode(name, 0, { classicMemberMetadata: null })).classicMemberMetadata, null)
  t.is(
    tail({ classicMemberMetadata: { sessionTimeoutMs: 5 } }),
    '01' + '0007' + '01' + '00000005' + '01' + '00',
  )
})

test('unknown tagged fields are skipped, wherever they stand', (t) => {
  const plain = encode('HeartbeatResponse', 4, { throttleTimeMs: 1, errorCode: 2 })
  t.is(hex(plain), '00000001000200')
  const tagged = Buffer.from('0000000100020205021122ff01' + '00', 'hex')
  t.deepEqual(decode('HeartbeatResponse', 4, tagged), decode('HeartbeatResponse', 4, plain))
  // Tag 3 of a partition, between two that are known.
  const frame = encode('FetchRequest', 18, {
    topics: [{ partitions: [{ replicaDirectoryId: 'AAAAAAAAAAAAAAAAAAAAAg', highWatermark: 7 }] }],
  })
  const text = hex(frame)
  const at = text.indexOf('020010')
  t.true(at > 0)
  const more = `${text.slice(0, at)}030010${text.slice(at + 6, at + 38)}0902abcd${text.slice(at + 38)}`
  t.deepEqual(decode('FetchRequest', 18, Buffer.from(more, 'hex')), decode('FetchRequest', 18, frame))
})

test('a tagged field whose size does not fit its content is refused', (t) => {
  const frame = Buffer.from(encode('FetchRequest', 12, { clusterId: 'abc' }))
  const at = frame.indexOf('abc')
  frame[at - 2]! += 1
  t.throws(() => decode('FetchRequest', 12, Buffer.concat([frame, bytes(0)])), {
    instanceOf: MalformedFrameError,
  })
})

test('tagged fields of more than 127 bytes get their size in two bytes', (t) => {
  const clusterId = 'c'.repeat(300)
  t.is(decode('FetchRequest', 12, encode('FetchRequest', 12, { clusterId })).clusterId, clusterId)
  const nodes = Array.from({ length: 3000 }, (_, nodeId) => ({ nodeId, host: `host-${nodeId}`, port: 9092 }))
  const response = decode('FetchResponse', 16, encode('FetchResponse', 16, { nodeEndpoints: nodes }))
  t.is(response.nodeEndpoints.length, 3000)
  t.is(response.nodeEndpoints[2999]?.host, 'host-2999')
})

test('strings of every length and script survive', (t) => {
  for (const version of [0, 6]) {
    for (const length of [0, 1, 39, 40, 41, 42, 48, 49, 126, 127, 128, 10_000]) {
      for (const letter of ['a', 'é', '日', '😀']) {
        const host = letter.repeat(length)
        if (Buffer.byteLength(host) > 32767) continue
        const encoded = encode('FindCoordinatorRequest', version > 0 ? 3 : 0, { key: host })
        t.is(decode('FindCoordinatorRequest', version > 0 ? 3 : 0, encoded).key, host)
      }
    }
  }
  t.throws(() => encode('FindCoordinatorRequest', 3, { key: 'a'.repeat(32768) }), {
    instanceOf: EncodeError,
    message: /FindCoordinatorRequest.key/,
  })
  // Topic names that fall on the same place in the cache must not be taken for one another.
  for (let i = 0; i < 5000; i++) {
    const key = `topic-${i}`
    t.is(decode('FindCoordinatorRequest', 0, encode('FindCoordinatorRequest', 0, { key })).key, key)
  }
})

test('a message that outgrows the buffer is whole', (t) => {
  const topics = Array.from({ length: 20_000 }, (_, i) => ({
    name: `topic-${i}`,
    partitions: [{ partitionIndex: i, leaderId: 1, replicaNodes: [1, 2, 3], isrNodes: [1] }],
  }))
  const decoded = decode('MetadataResponse', 9, encode('MetadataResponse', 9, { topics }))
  t.is(decoded.topics.length, 20_000)
  t.true(
    decoded.topics.every(
      (topic, i) => topic.name === `topic-${i}` && topic.partitions[0]?.partitionIndex === i,
    ),
  )
})

test('a wrong value is refused by the path of its field', (t) => {
  const refused = (value: unknown, message: RegExp, name: MessageName = 'MetadataResponse', version = 9) =>
    t.throws(() => encode(name, version, value as never), { instanceOf: EncodeError, message })
  const partition = { leaderId: 'one' }
  refused(
    { topics: [{}, { partitions: [partition] }] },
    /^MetadataResponse\.topics\[1\]\.partitions\[0\]\.leaderId: one is no int32/,
  )
  refused({ topics: [null] }, /topics\[0\]: null is no object/)
  refused({ topics: { length: 1 } }, /topics: an object is no array/)
  refused({ topics: [{ partitions: [{ isrNodes: [1, 2.5] }] }] }, /isrNodes\[1\]: 2.5 is no int32/)
  refused({ controllerId: 2 ** 31 }, /controllerId: 2147483648 is no int32/)
  refused({ brokers: [{ host: 5 }] }, /brokers\[0\]\.host: 5 is no string/)
  refused({ brokers: [{ host: null }] }, /brokers\[0\]\.host: null is no string/)
  refused(
    { topics: [{ topicId: 'short' }] },
    /topics\[0\]\.topicId: short is no uuid/,
    'MetadataResponse',
    10,
  )
  refused({ topics: [{ isInternal: 1 }] }, /isInternal: 1 is no boolean/)
  refused({ topics: [{ errorCode: 40_000 }] }, /errorCode: 40000 is no int16/)
  refused({ assignment: [1] }, /assignment: an array is no Uint8Array/, 'SyncGroupResponse', 0)
  refused(fetchResponse('text' as never), /records: text is no records/, 'FetchResponse', 12)
  refused(fetchResponse({} as never), /records of undefined bytes/, 'FetchResponse', 12)
  refused(null, /MetadataResponse: null is no object/)
})

test('null stands only where the version has it', (t) => {
  const name = 'MetadataRequest'
  t.is(decode(name, 1, encode(name, 1, { topics: null })).topics, null)
  t.throws(() => encode(name, 0, { topics: null }), { instanceOf: EncodeError })
  t.throws(() => decode(name, 0, bytes(255, 255, 255, 255)), { message: /MetadataRequest.topics: is null/ })
  t.throws(() => decode('HeartbeatRequest', 4, bytes(0)), { message: /HeartbeatRequest.groupId: is null/ })
})

test('fields that a version does not have get their default and are not written', (t) => {
  const old = decode('FetchRequest', 4, encode('FetchRequest', 4, { sessionId: 9, rackId: 'r', maxBytes: 5 }))
  t.is(old.sessionId, 0)
  t.is(old.sessionEpoch, -1)
  t.is(old.rackId, '')
  t.is(old.maxBytes, 5)
  t.deepEqual(old.replicaState, { replicaId: -1, replicaEpoch: -1 })
  t.deepEqual(old.forgottenTopicsData, [])
})

test('a version that a message does not have is UNSUPPORTED_VERSION', (t) => {
  for (const version of [-1, 2, 14, 1.5, Number.NaN]) {
    t.throws(() => decode('ProduceRequest', version, bytes()), {
      name: 'KafkaError',
      message: /versions 3 to 13/,
    })
    t.throws(() => encode('ProduceRequest', version, {}), { name: 'KafkaError', message: /versions 3 to 13/ })
  }
  t.throws(() => decode('NoRequest' as 'ProduceRequest', 0, bytes()), { instanceOf: TypeError })
})
