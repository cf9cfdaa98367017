/**
 * Bytes from a hostile or broken peer: a typed error, at once, with no more memory than the frame itself.
 */
import test from 'ava'
import {
  decode,
  decodeRequestHeader,
  encode,
  MalformedFrameError,
  type MessageName,
} from '../../lib/protocol/index.js'

const malformed = { instanceOf: MalformedFrameError }
const fromHex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

test('every way to cut a message short is noticed', (t) => {
  const messages: [MessageName, number, object][] = [
    [
      'ProduceRequest',
      9,
      { transactionalId: 'id', topicData: [{ name: 't', partitionData: [{ records: new Uint8Array(5) }] }] },
    ],
    ['ProduceRequest', 3, { topicData: [{ name: 't', partitionData: [{ records: new Uint8Array(5) }] }] }],
    [
      'FetchRequest',
      18,
      { clusterId: 'c', topics: [{ partitions: [{ highWatermark: 7 }] }], replicaState: { replicaId: 5 } },
    ],
    [
      'MetadataResponse',
      13,
      { brokers: [{ host: 'h', rack: 'r' }], topics: [{ partitions: [{ isrNodes: [1, 2] }] }] },
    ],
    ['DescribeTopicPartitionsRequest', 0, { topics: [{ name: 'x' }], cursor: { topicName: 'x' } }],
    ['JoinGroupRequest', 0, { groupId: 'g', protocols: [{ name: 'p', metadata: new Uint8Array(3) }] }],
  ]
  for (const [name, version, value] of messages) {
    const whole = encode(name, version, value as never)
    t.notThrows(() => decode(name, version, whole))
    for (let size = 0; size < whole.length; size++) {
      t.throws(
        () => decode(name, version, whole.subarray(0, size)),
        malformed,
        `${name} v${version}, ${size} bytes`,
      )
    }
  }
})

test('absurd lengths are refused before anything is allocated', (t) => {
  const cases: [MessageName, number, string][] = [
    // 2^31−1 topics, then 300 million in a varint, then one more than there is room for
    ['MetadataRequest', 1, '7fffffff'],
    ['MetadataRequest', 9, 'ffffffff0f 00'],
    ['MetadataRequest', 1, '00000002 0001 61'],
    // strings: int16 and varint
    ['FindCoordinatorRequest', 0, '7fff 61'],
    ['FindCoordinatorRequest', 3, 'ffffffff0f 61'],
    // bytes and records
    ['SyncGroupResponse', 0, '0000 7fffffff 00'],
    ['ProduceRequest', 3, 'ffff 0001 00000000 00000001 0001 61 00000001 00000000 7fffffff 00'],
    // lengths below −1
    ['MetadataRequest', 1, 'fffffffe'],
    ['FindCoordinatorRequest', 0, 'fffe'],
    // a varint that does not end
    ['MetadataRequest', 9, 'ffffffffffffffffffff'],
    // 2^32−1 tagged fields, and one of 2^28 bytes
    ['HeartbeatResponse', 4, '00000000 0000 ffffffff0f'],
    ['HeartbeatResponse', 4, '00000000 0000 01 05 ffffff7f'],
  ]
  const before = process.memoryUsage().rss
  for (const [name, version, text] of cases)
    t.throws(() => decode(name, version, fromHex(text)), malformed, text)
  t.true(process.memoryUsage().rss - before < 200_000_000)
})

test('a frame of many tiny structs is refused before they become objects', (t) => {
  const count = 20_000_000
  const frame = Buffer.alloc(count * 2 + 8, 1)
  // topics of a Metadata request: name of no bytes, no tags; 2 bytes each
  frame.set([
    0x80 | ((count + 1) & 127),
    0x80 | (((count + 1) >> 7) & 127),
    0x80 | (((count + 1) >> 14) & 127),
    (count + 1) >> 21,
  ])
  const before = process.memoryUsage().heapUsed
  t.throws(() => decode('MetadataRequest', 9, frame), { ...malformed, message: /more elements/ })
  t.true(process.memoryUsage().heapUsed - before < count)
})

test('a request header that is cut or absurd is refused', (t) => {
  for (const text of [
    '',
    '0003',
    '0003 0001 00000001',
    '0003 0001 00000001 7fff',
    '0003 0001 00000001 fffe',
    '0003 0009 00000001 ffff',
  ]) {
    t.throws(() => decodeRequestHeader(fromHex(text)), malformed, text)
  }
})
