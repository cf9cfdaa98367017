import { readFile } from 'node:fs/promises'
import test from 'ava'
import { groupOf } from '../../../lib/coordinator/group/classic/group-loader.js'
import {
  decodeGroupRecord,
  encodeGroup,
  encodeGroupTombstone,
  encodeOffset,
  encodeOffsetTombstone,
  type GroupRecord,
  type GroupRecordContent,
} from '../../../lib/coordinator/group/group-records.js'
import {
  decodeRecords,
  encodeBatch,
  encodeEndTransactionMarker,
  type RecordInput,
  readBatches,
} from '../../../lib/protocol/index.js'
import { MemoryLog } from '../runtime/memory-log.js'
import { errorName, Harness } from './harness.js'

interface Golden {
  log: string
  described: { groupId: string; members: { memberId: string }[] }[]
  fetched: { groupId: string; topics: { name: string; partitions: { partitionIndex: number }[] }[] }[]
}

const golden: Golden = JSON.parse(
  await readFile(
    new URL('../../../../test/coordinator/golden/kafka-consumer-offsets.json', import.meta.url),
    'utf8',
  ),
)

/** As the golden file has it: bytes as base64, offsets beyond 2^53 as text. */
const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_name, field) => {
      if (typeof field === 'bigint') return String(field)
      if (field?.type === 'Buffer') return Buffer.from(field.data).toString('base64')
      return field instanceof Uint8Array ? Buffer.from(field).toString('base64') : field
    }),
  )

async function loaded(bytes: Uint8Array): Promise<Harness> {
  const log = new MemoryLog()
  for (const { batch } of readBatches(bytes)) await log.append(0, batch)
  return Harness.start({}, log)
}

test('what Apache Kafka wrote is read as Kafka itself reads it', async (t) => {
  const h = await loaded(Buffer.from(golden.log, 'base64'))
  const byId = (a: { memberId: string }, b: { memberId: string }) => (a.memberId < b.memberId ? -1 : 1)
  for (const expected of golden.described) {
    const described = await h.describe(expected.groupId, 5)
    described.members.sort(byId)
    expected.members.sort(byId)
    t.deepEqual(plain(described), expected)
  }
  for (const expected of golden.fetched) {
    const fetched = await h.fetchAll(expected.groupId)
    for (const { topics } of [fetched, expected]) {
      topics.sort((a, b) => (a.name < b.name ? -1 : 1))
      for (const { partitions } of topics) partitions.sort((a, b) => a.partitionIndex - b.partitionIndex)
    }
    t.deepEqual(plain(fetched), expected)
  }
})

test('records are written byte for byte as Kafka writes them', async (t) => {
  const kinds = new Set<string>()
  for (const header of readBatches(Buffer.from(golden.log, 'base64'))) {
    if (header.isControl) continue
    for (const { key, value } of decodeRecords(header)) {
      const content = decodeGroupRecord(key!, value)!
      kinds.add(`${content.type} ${value === null ? 'removed' : value[1]}`)
      const { key: ourKey, value: ourValue } = encodeAgain(content)
      t.deepEqual(Buffer.from(ourKey), Buffer.from(key!))
      t.deepEqual(ourValue && Buffer.from(ourValue), value && Buffer.from(value))
    }
  }
  t.deepEqual([...kinds].sort(), ['group 3', 'group removed', 'offset 1', 'offset 4', 'offset removed'])
})

function encodeAgain(content: GroupRecordContent): GroupRecord {
  if (content.type === 'offset') {
    return content.committed === null
      ? encodeOffsetTombstone(content.key)
      : encodeOffset(content.key, content.committed)
  }
  if (content.value === null) return encodeGroupTombstone(content.groupId)
  return encodeGroup(groupOf(content.groupId, content.value), (member) => member.assignment)
}

const version = (value: number, ...rest: (string | number)[]) =>
  new Uint8Array(
    Buffer.concat([
      Buffer.from([value >> 8, value & 255]),
      ...rest.map((part) =>
        typeof part === 'string'
          ? Buffer.concat([Buffer.from([0, part.length]), Buffer.from(part)])
          : Buffer.from([0, 0, 0, part]),
      ),
    ]),
  )

const offsetKey = (partition: number) => version(1, 'g', 'orders', partition)

/** OffsetCommitValue, version 0: offset, metadata, commit timestamp. */
function offsetValue(offset: number): Uint8Array {
  const value = Buffer.alloc(20)
  value.writeBigInt64BE(BigInt(offset), 2)
  value.writeBigInt64BE(1_700_000_000_000n, 12)
  return new Uint8Array(value)
}

const timestamp = 1_700_000_000_000
const commit = (partition: number, offset: number): RecordInput => ({
  timestamp,
  key: offsetKey(partition),
  value: offsetValue(offset),
})
const removal = (partition: number): RecordInput => ({ timestamp, key: offsetKey(partition), value: null })
const transaction = (producerId: number, ...records: RecordInput[]) =>
  encodeBatch({ records, producerId, producerEpoch: 0, isTransactional: true })
const end = (type: 'COMMIT' | 'ABORT', producerId: number) =>
  encodeEndTransactionMarker(type, 0, { timestamp, producerId, producerEpoch: 0 })

const committedIn = async (h: Harness, partition: number) =>
  (await h.fetch('g', 'orders', partition)).committedOffset

test('records of other kinds of groups, and ones that make no sense, are skipped', async (t) => {
  const strange: RecordInput[] = [
    { timestamp, key: version(3, 'g'), value: version(0, 1) },
    { timestamp, key: version(999, 'g'), value: null },
    { timestamp, key: version(2, 'h'), value: version(99) },
    { timestamp, key: version(2), value: version(0) },
    { timestamp, key: version(1, 'g'), value: null },
    { timestamp, key: new Uint8Array(1), value: null },
    { timestamp, key: new Uint8Array(0), value: null },
    { timestamp, key: null, value: version(0) },
    { timestamp, key: offsetKey(1), value: new Uint8Array(1) },
  ]
  const h = await loaded(encodeBatch({ records: [...strange, commit(0, 5)] }))
  t.is(await committedIn(h, 0), 5)
  t.deepEqual(
    (await h.list()).groups.map((group) => group.groupId),
    ['g'],
  )
})

test('offsets of a transaction count when it is committed', async (t) => {
  const batches = [
    transaction(1, commit(0, 10)),
    transaction(2, commit(1, 20)),
    transaction(3, commit(2, 30)),
    end('COMMIT', 1),
    end('ABORT', 2),
  ]
  const h = await loaded(Buffer.concat(batches))
  t.is(await committedIn(h, 0), 10)
  t.is(await committedIn(h, 1), -1)
  t.is(await committedIn(h, 2), -1, 'it is still open')
})

test('a later commit or removal stands, however an earlier transaction ends', async (t) => {
  const batches = [
    transaction(1, commit(0, 10), commit(1, 10), commit(2, 10)),
    encodeBatch({ records: [commit(0, 11), removal(1)] }),
    end('COMMIT', 1),
  ]
  const h = await loaded(Buffer.concat(batches))
  t.is(await committedIn(h, 0), 11)
  t.is(await committedIn(h, 1), -1)
  t.is(await committedIn(h, 2), 10)
})

test('pending offsets of an open transaction outlive the loading, until its marker decides', async (t) => {
  for (const committed of [true, false]) {
    const h = await loaded(
      Buffer.concat([encodeBatch({ records: [commit(0, 5)] }), transaction(1, commit(0, 10))]),
    )
    const stable = async () => errorName((await h.fetch('g', 'orders', 0, true)).errorCode)
    t.is(await committedIn(h, 0), 5)
    t.is(await stable(), 'UNSTABLE_OFFSET_COMMIT')
    t.deepEqual(await h.delete('g'), ['NON_EMPTY_GROUP'])
    await h.time.pass(30 * 24 * 3_600_000)
    t.is(await committedIn(h, 0), 5, 'its retention waits for the transaction')
    await h.coordinator.onMarker(0, { producerId: 1, producerEpoch: -1, committed })
    t.is(await stable(), 'UNSTABLE_OFFSET_COMMIT', 'a marker of an older epoch ends nothing')
    await h.coordinator.onMarker(0, { producerId: 1, producerEpoch: 0, committed })
    t.is(await stable(), 'NONE')
    t.is(await committedIn(h, 0), committed ? 10 : 5)
  }
})

test('a batch with a wrong CRC keeps the partition from being served', async (t) => {
  const batch = encodeBatch({ records: [commit(0, 5)] })
  batch[batch.length - 1]! ^= 1
  const h = await loaded(batch)
  t.is(await h.commit(), 'NOT_COORDINATOR')
})
