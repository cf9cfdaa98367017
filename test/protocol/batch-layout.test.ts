import { readFileSync } from 'node:fs'
import test from 'ava'
import * as layout from '../../lib/protocol/batch-layout.js'
import { compressionIds } from '../../lib/protocol/compression.js'

const header = readFileSync(new URL('../../../native/record_batch.h', import.meta.url), 'utf8')

/** The `constexpr` numbers of the engine's header, sums of earlier ones worked out. */
function engineConstants(): Map<string, number> {
  const found = new Map<string, number>()
  const termValue = (term: string) => found.get(term.replace('batch_layout::', '')) ?? Number(term)
  for (const [, name, value] of header.matchAll(/inline constexpr \w+ (k\w+) = ([^;]+);/g)) {
    found.set(
      name!,
      value!.split(' + ').reduce((sum, term) => sum + termValue(term), 0),
    )
  }
  return found
}

test('fields stand where the engine has them', (t) => {
  const { BatchField } = layout
  const engine = engineConstants()
  const names: Record<keyof typeof BatchField, string> = {
    BASE_OFFSET: 'kBaseOffset',
    BATCH_LENGTH: 'kBatchLength',
    PARTITION_LEADER_EPOCH: 'kLeaderEpoch',
    MAGIC: 'kMagic',
    CRC: 'kCrc',
    ATTRIBUTES: 'kAttributes',
    LAST_OFFSET_DELTA: 'kLastOffsetDelta',
    BASE_TIMESTAMP: 'kBaseTimestamp',
    MAX_TIMESTAMP: 'kMaxTimestamp',
    PRODUCER_ID: 'kProducerId',
    PRODUCER_EPOCH: 'kProducerEpoch',
    BASE_SEQUENCE: 'kBaseSequence',
    RECORD_COUNT: 'kRecordCount',
    RECORDS: 'kRecords',
  }
  const theirs = Object.fromEntries(Object.entries(names).map(([ours, name]) => [ours, engine.get(name)]))
  t.deepEqual<object, object>(theirs, BatchField)
})

test('sizes, magic, attribute bits and compressions are the engine’s', (t) => {
  const { BatchAttribute } = layout
  const engine = engineConstants()
  t.is(engine.get('kBatchHeaderSize'), layout.BATCH_HEADER_SIZE)
  t.is(engine.get('kBatchLengthOverhead'), layout.BATCH_OVERHEAD)
  t.is(engine.get('kMagicV2'), layout.BATCH_MAGIC)
  t.is(engine.get('kAttributeCompressionMask'), BatchAttribute.COMPRESSION_MASK)
  t.is(engine.get('kAttributeLogAppendTime'), BatchAttribute.LOG_APPEND_TIME)
  t.is(engine.get('kAttributeTransactional'), BatchAttribute.TRANSACTIONAL)
  t.is(engine.get('kAttributeControl'), BatchAttribute.CONTROL)
  t.is(engine.get('kAttributeDeleteHorizon'), BatchAttribute.DELETE_HORIZON)
  t.is(engine.get('kCompressionLast'), Math.max(...Object.values(compressionIds)))
})
