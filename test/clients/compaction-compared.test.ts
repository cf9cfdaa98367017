/**
 * The same batches, byte for byte, given to this broker and to Apache Kafka with the same settings: after cleaning
 * and retention, clients must see the same in both.
 */
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ErrorCode, encodeBatch } from '../../lib/protocol/index.js'
import { produce } from '../support/records.js'
import { kafkaJars, openOdradek, startApacheKafka } from '../support/target.js'
import { TestClient } from '../support/test-client.js'
import { cleanedUpTo, listOffset, segmentsOf, viewTopic } from '../support/topic-view.js'
import { ComparedTopic, eventually, openedAt, type Side } from './compaction/compared-topic.js'

const settings = {
  'log.cleaner.backoff.ms': '50',
  'log.initial.task.delay.ms': '50',
  'log.retention.check.interval.ms': '50',
  // Takes 41,249 keys, in Kafka too.
  'log.cleaner.dedupe.buffer.size': '1100000',
}
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

let odradek: Side
let kafka: Side
const now = openedAt
const { missing } = kafkaJars()

if (missing === undefined) {
  test.before(async () => {
    const targets = [openOdradek(settings), startApacheKafka(settings)]
    const sides = targets.map(async (opening) => {
      const target = await opening
      return { target, client: await TestClient.connect(target.bootstrap) }
    })
    odradek = await sides[0]!
    kafka = await sides[1]!
  })
  test.after.always(async () => {
    for (const side of [odradek, kafka]) {
      side?.client[Symbol.dispose]()
      await side?.target[Symbol.asyncDispose]()
    }
  })
}

function compared(title: string, run: (t: ExecutionContext, pair: ComparedTopic) => Promise<unknown>): void {
  const name = `compared with Apache Kafka: ${title}`
  if (missing === undefined) test.serial(name, (t) => run(t, new ComparedTopic(t, odradek, kafka)))
  else test.skip(`${name} (skipped: ${missing})`, () => {})
}

async function kafkaDeletes({ topic }: ComparedTopic): Promise<void> {
  await eventually('Kafka deletes', async () =>
    (await listOffset(kafka.client, topic, -2)) > 0 ? undefined : 'starts at 0',
  )
}

const compacted = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '1.0' }

compared('three rounds of cleaning, tombstones going at once', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': '0' })
  await pair.produce()
  await pair.clean()
  const first = await pair.compare()
  t.true(first.records.some(({ value }) => value === null))
  t.true(first.batches.some(({ hasDeleteHorizon }) => hasDeleteHorizon))
  await pair.produce({ keys: 90 })
  await pair.clean()
  await pair.compare()
  await pair.produce({ keys: 30 })
  await pair.clean()
  const last = await pair.compare()
  t.true(last.records.length < 1_500)
})

compared('two rounds of cleaning, tombstones staying', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': String(day) })
  await pair.produce({ tombstones: 0.4 })
  await pair.clean()
  await pair.compare()
  await pair.produce({ tombstones: 0.4, keys: 20 })
  await pair.clean()
  const { records } = await pair.compare()
  t.true(records.filter(({ value }) => value === null).length > 20)
})

compared('batches that cleaning leaves empty, and the producers in them', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': '0' })
  const batches = await pair.produce({ batches: 60, keys: 3 })
  // Others write over all keys, whole segments of them.
  await pair.produce({ batches: 200, keys: 3, idempotent: 0 })
  await pair.clean()
  const { batches: left } = await pair.compare()
  t.true(left.some(({ recordCount }) => recordCount === 0))
  // Duplicates and new batches alike, whatever cleaning has left of the old ones.
  await pair.send(batches.slice(-5))
  await pair.produce({ batches: 20 })
  await pair.compare()
})

compared('more keys than the key map takes: several rounds for one log', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': String(day), 'internal.segment.bytes': '500000' })
  const many = { keys: 500_000, maxRecords: 600, maxValueBytes: 30 }
  await pair.produce({ ...many, batches: 200 })
  await pair.clean()
  const { records } = await pair.compare()
  t.true(new Set(records.map(({ key }) => key)).size > 41_249)
  await pair.produce({ ...many, batches: 100, keys: 40_000 })
  await pair.clean()
  await pair.compare()
})

compared('a topic that takes the time of the append', async (t, pair) => {
  await pair.create({ ...compacted, 'message.timestamp.type': 'LogAppendTime' })
  await pair.produce()
  await pair.clean()
  const [ours, theirs] = await pair.both(async ({ client }) => {
    const { batches, records } = await viewTopic(client, pair.topic)
    return {
      batches: batches.map((batch) => ({ ...batch, maxTimestamp: batch.maxTimestamp > now })),
      records: records.map((record) => ({ ...record, timestamp: record.timestamp > now })),
    }
  })
  t.true(ours.records.every(({ timestamp }) => timestamp))
  t.deepEqual(ours.records, theirs.records)
  t.deepEqual(ours.batches, theirs.batches)
})

compared('min.compaction.lag.ms keeps the young', async (t, pair) => {
  await pair.create({ ...compacted, 'min.compaction.lag.ms': String(30 * hour) })
  await pair.produce()
  const { records } = await pair.compare()
  const firstYoung = records.find(({ timestamp }) => timestamp > now - 25 * hour)!.offset
  const young = (await segmentsOf(kafka.target.dataDir, pair.topic)).filter((base) => base <= firstYoung)
  await pair.alter({ 'min.cleanable.dirty.ratio': '0.0' })
  await eventually('Kafka has cleaned', async () => {
    return (await cleanedUpTo(kafka.target.dataDir, pair.topic)) === undefined ? 'not yet' : undefined
  })
  const upTo = (await cleanedUpTo(kafka.target.dataDir, pair.topic))!
  t.true(young.includes(upTo) || upTo < firstYoung)
  await pair.clean(upTo)
  t.true((await pair.compare()).records.length > 400)
})

compared('max.compaction.lag.ms rolls segments', async (t, pair) => {
  await pair.create({ ...compacted, 'max.compaction.lag.ms': String(5 * minute) })
  // Of times to come, so that nothing has waited too long yet.
  const from = Date.now() + 10 * minute
  await pair.produce({ fromMs: from, toMs: from + 40 * minute, maxValueBytes: 50 })
  const [ours, theirs] = await pair.both(({ target }) => segmentsOf(target.dataDir, pair.topic))
  t.deepEqual(ours, theirs)
  t.true(ours.length > 5)
})

compared('max.compaction.lag.ms has what waited too long cleaned', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': String(day) })
  await pair.produce({ fromMs: now - 2 * hour, toMs: now - hour })
  await pair.alter({ 'max.compaction.lag.ms': String(3 * hour) })
  await delay(200)
  t.deepEqual(await pair.both(({ target }) => cleanedUpTo(target.dataDir, pair.topic)), [
    undefined,
    undefined,
  ])
  await pair.alter({ 'max.compaction.lag.ms': String(hour) })
  await pair.cleaned()
  await pair.compare()
})

compared('compact and delete: retention, then cleaning', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': '0' })
  await pair.produce()
  await pair.alter({ 'cleanup.policy': 'compact,delete', 'retention.ms': String(30 * hour) })
  await kafkaDeletes(pair)
  await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
  await pair.clean()
  const { logStartOffset } = await pair.compare()
  t.true(logStartOffset > 200)
})

compared('compact and delete: cleaning, then retention', async (t, pair) => {
  await pair.create({ ...compacted, 'delete.retention.ms': '0' })
  await pair.produce({ keys: 400 })
  await pair.produce({ keys: 2, batches: 150 })
  await pair.clean()
  await pair.compare()
  await pair.alter({ 'cleanup.policy': 'compact,delete', 'retention.ms': String(10 * hour) })
  await kafkaDeletes(pair)
  await delay(300)
  await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
  t.true((await pair.compare()).logStartOffset > 0)
})

compared(
  'compact and delete: retention by size, segments that cleaning emptied among them',
  async (t, pair) => {
    await pair.create({ ...compacted, 'delete.retention.ms': '0' })
    await pair.produce({ keys: 2, idempotent: 0 })
    await pair.produce({ keys: 400 })
    await pair.produce({ keys: 2, idempotent: 0, batches: 20 })
    await pair.clean()
    const { batches } = await pair.compare()
    t.true(batches.length < 300, 'whole segments are empty')
    await pair.alter({ 'cleanup.policy': 'compact,delete', 'retention.bytes': '100000' })
    await kafkaDeletes(pair)
    await delay(300)
    await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
    await pair.compare()
  },
)

const kept: Record<string, Record<string, string>> = {
  'retention.ms in the middle of the log': { 'retention.ms': String(40 * hour) },
  'retention.ms that all of it is older than': { 'retention.ms': '1' },
  'retention.bytes of some segments': { 'retention.bytes': '150000' },
  'retention.bytes of less than a segment': { 'retention.bytes': '1' },
  'retention.bytes of 0': { 'retention.bytes': '0' },
  'both bounds': { 'retention.ms': String(50 * hour), 'retention.bytes': '300000' },
}
for (const [title, bounds] of Object.entries(kept)) {
  compared(`${title}, which segments go`, async (t, pair) => {
    await pair.create({ 'cleanup.policy': 'delete', 'retention.ms': '-1' })
    await pair.produce({ batches: 100, toMs: now - 20 * hour })
    const [ours, theirs] = await pair.both(({ target }) => segmentsOf(target.dataDir, pair.topic))
    t.deepEqual(ours, theirs)
    await pair.alter(bounds)
    await kafkaDeletes(pair)
    // Another look of the same kind would come by now.
    await delay(200)
    await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
    await pair.compare()
    // Retention may roll at any moment now: segments need not begin alike.
    await pair.send(
      await pair.input.batches({ seed: 99, keys: 60, batches: 5, fromMs: now - minute, toMs: now }),
    )
    await delay(200)
    await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
  })
}

compared('an old segment behind a young one stays', async (_t, pair) => {
  await pair.create({ 'cleanup.policy': 'delete', 'retention.ms': '-1' })
  await pair.produce({ batches: 30, fromMs: now - 3 * hour, toMs: now - 2 * hour })
  await pair.produce({ batches: 30, fromMs: now - 10 * minute, toMs: now })
  await pair.produce({ batches: 30, fromMs: now - 3 * hour, toMs: now - 2 * hour })
  await pair.produce({ batches: 30, fromMs: now - 10 * minute, toMs: now })
  await pair.alter({ 'retention.ms': String(hour) })
  await kafkaDeletes(pair)
  await pair.startsAt(await listOffset(kafka.client, pair.topic, -2))
  await pair.compare()
})

compared('segment.ms by the records’ own times, where segments begin', async (t, pair) => {
  await pair.create({ 'cleanup.policy': 'delete', 'retention.ms': '-1', 'segment.ms': String(5 * hour) })
  await pair.produce({ maxValueBytes: 20 })
  const [ours, theirs] = await pair.both(({ target }) => segmentsOf(target.dataDir, pair.topic))
  t.deepEqual(ours, theirs)
  t.true(ours.length > 5)
})

compared('a compacted topic refuses a record without a key', async (t, pair) => {
  await pair.create(compacted)
  const batch = encodeBatch({ records: [{ timestamp: now, key: null, value: Buffer.from('v') }] })
  const codes = await pair.both(
    async ({ client }) => (await produce(client, pair.topic, batch.slice())).errorCode,
  )
  t.deepEqual(codes, [ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD])
})
