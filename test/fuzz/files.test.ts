/** Files of a data folder that a crash, a disk or an operator may have left in any state. */

import { decodeMetadataRecord } from '../../lib/cluster/kafka/metadata-records.js'
import { parseMetaProperties } from '../../lib/cluster/membership/meta-properties.js'
import { ConfigError, formatProperty, parseProperties } from '../../lib/config/index.js'
import { decodeGroupRecord } from '../../lib/coordinator/group/group-records.js'
import { CorruptCheckpointError, decodeCheckpoint, encodeCheckpoint } from '../../lib/log/checkpoint-file.js'
import { decodeTransactionIndex, encodeTransactionIndex } from '../../lib/log/transaction-index.js'
import { crc32c } from '../../lib/protocol/crc32c.js'
import { KafkaError, MalformedFrameError } from '../../lib/protocol/index.js'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../lib/storage/producer-snapshot.js'
import { fuzz, goldenLines } from './fuzzing.js'

const share = 36

/** For decoders that answer null. */
class RefusedError extends Error {}

function requireSame(one: unknown, other: unknown): void {
  const [left, right] = [JSON.stringify(one), JSON.stringify(other)]
  if (left !== right) throw new Error(`${left} became ${right}`)
}

fuzz('checkpoints', {
  share,
  corpus: [['orders 0 12', 'payments 11 9000000000'], [], ['0 0', '7 1234']].map(encodeCheckpoint),
  run: (input) => {
    const lines = decodeCheckpoint('checkpoint', input)
    requireSame(decodeCheckpoint('checkpoint', encodeCheckpoint(lines)), lines)
  },
  isExpected: (error) => error instanceof CorruptCheckpointError,
})

const producer = {
  producerId: 7,
  producerEpoch: 1,
  lastSequence: 41,
  lastOffset: 1041,
  offsetDelta: 9,
  timestampMs: 1_700_000_000_000,
  coordinatorEpoch: 0,
  currentTxnFirstOffset: -1,
  earlier: [
    {
      producerEpoch: 1,
      baseSequence: 22,
      lastSequence: 31,
      baseOffset: 1022,
      lastOffset: 1031,
      timestampMs: 1_700_000_000_000,
    },
  ],
}

fuzz('producer-snapshots', {
  share,
  corpus: [[], [producer], [producer, { ...producer, producerId: 8, earlier: [] }]].map(
    encodeProducerSnapshot,
  ),
  run: (input) => {
    if (input.length > 6 && input.length % 2 === 0) input.writeUInt32BE(crc32c(input.subarray(6)) >>> 0, 2)
    const producers = decodeProducerSnapshot(input)
    if (producers === null) throw new RefusedError()
    if (producers.length > input.length / 46) throw new Error(`${producers.length} producers`)
  },
  isExpected: (error) => error instanceof RefusedError,
})

fuzz('transaction-indexes', {
  share,
  corpus: [1, 3].map((count) =>
    encodeTransactionIndex(
      Array.from({ length: count }, (_, i) => ({
        producerId: i,
        firstOffset: i * 10,
        lastOffset: i * 10 + 9,
        lastStableOffset: i * 10 + 10,
      })),
    ),
  ),
  run: (input) => {
    const entries = decodeTransactionIndex(input)
    if (entries === null) throw new RefusedError()
    requireSame(decodeTransactionIndex(encodeTransactionIndex(entries)), entries)
  },
  isExpected: (error) => error instanceof RefusedError,
})

fuzz('meta-properties', {
  share,
  corpus: [
    '#\n#Sat Nov 21 12:00:00 UTC 2026\nversion=1\ncluster.id=J8qXRwI-Qyi2G0guFTiuYw\nnode.id=1\ndirectory.id=x\\u00e9\n',
    'version = 1\r\ncluster.id: abc\\\n  def\nbroker.id 1\n',
  ].map((text) => Buffer.from(text)),
  run: (input) => {
    const text = input.toString('utf8')
    const properties = parseProperties(text)
    const written = [...properties].map(([name, value]) => formatProperty(name, value)).join('\n')
    requireSame([...parseProperties(written)], [...properties])
    parseMetaProperties(text, 'meta.properties', 1)
  },
  isExpected: (error) => error instanceof ConfigError,
})

const recordMessages = goldenLines<{ name: string; version: number; hex: string }>(
  'record-messages.ndjson.gz',
)
const int16 = (value: number) => Buffer.of(value >> 8, value & 0xff)

fuzz('group-records', {
  share,
  // A byte of length, the key, the value.
  corpus: recordMessages.flatMap(({ name, version, hex }) => {
    const value = Buffer.concat([int16(version), Buffer.from(hex, 'hex')])
    const key =
      name === 'OffsetCommitValue'
        ? Buffer.from('\0\x01\0\x01g\0\x01t\0\0\0\0', 'latin1')
        : Buffer.from('\0\x02\0\x01g', 'latin1')
    return /^(OffsetCommit|GroupMetadata)Value$/.test(name)
      ? [Buffer.concat([Buffer.of(key.length), key, value])]
      : []
  }),
  run: (input) => {
    const end = 1 + (input[0] ?? 0)
    decodeGroupRecord(input.subarray(1, end), input.subarray(end))
  },
  isExpected: (error) => error instanceof MalformedFrameError || error instanceof KafkaError,
})

fuzz('metadata-records', {
  share,
  corpus: [2, 3, 4, 5, 6, 7, 15, 17, 20, 21].flatMap((kind) =>
    recordMessages
      .slice(0, 40)
      .map(({ hex }) => Buffer.concat([Buffer.of(1, kind, 0), Buffer.from(hex, 'hex')])),
  ),
  run: (input) => decodeMetadataRecord(input),
  isExpected: (error) =>
    error instanceof MalformedFrameError || error instanceof KafkaError || error.name === 'KafkaFolderError',
})
