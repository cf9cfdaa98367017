/** What goes wrong is told by a typed error that says what to do; nothing is lost and nothing half written is shown. */
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import test from 'ava'
import { LogError, type LogOptions } from '../../lib/embedded/index.js'
import { encodeBatch } from '../../lib/protocol/index.js'
import { fill, open, rejects, setFaults, temporaryFolder, values } from './opened-log.js'

const firstSegment = '00000000000000000000.log'

test('an option that is misspelled, of a wrong type, out of range or without effect is named', async (t) => {
  const folder = await temporaryFolder(t)
  const wrong: [object, string, RegExp][] = [
    [{ durabilty: 'fsync' }, 'durabilty', /did you mean durability/],
    [{ durability: 'always' }, 'durability', /fsync, interval, os/],
    [{ segmentBytes: '1gb' }, 'segmentBytes', /whole number/],
    [{ segmentBytes: 10 }, 'segmentBytes', /1024/],
    [{ retentionMs: -1 }, 'retentionMs', /Infinity/],
    [{ requireKeys: 1 }, 'requireKeys', /true or false/],
    [{ flushIntervalMs: 10 }, 'flushIntervalMs', /no effect/],
    [{ readOnly: true, compression: 'gzip' }, 'compression', /readOnly/],
    [{ maxBatchBytes: 4_096, segmentBytes: 2_048 }, 'maxBatchBytes', /segmentBytes/],
  ]
  for (const [options, name, message] of wrong) {
    const error = await rejects(t, open(t, folder, options as LogOptions), 'INVALID_OPTION', message)
    t.is(error.option, name)
  }
})

test('what is no record is refused, and the others of the turn are written', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const wrong = [
    undefined,
    null,
    'text',
    {},
    { value: 7 },
    { value: 'v', key: 1 },
    { value: 'v', timestamp: 1.5 },
  ]
  const good = log.append({ value: 'good' })
  for (const record of wrong) await rejects(t, log.append(record as never), 'INVALID_RECORD')
  await rejects(t, log.append([]), 'INVALID_RECORD', /at least|one/)
  await rejects(t, log.append([{ value: 'half' }, {} as never]), 'INVALID_RECORD')
  await good
  t.deepEqual(await values(log), ['good'])
})

test('records of one call beyond maxBatchBytes are refused as a whole', async (t) => {
  const log = await open(t, await temporaryFolder(t), { maxBatchBytes: 1_000 })
  await rejects(t, log.append({ value: Buffer.alloc(1_000) }), 'RECORD_TOO_LARGE', /maxBatchBytes/)
  const [small] = await Promise.all([
    log.append({ value: Buffer.alloc(500) }),
    rejects(t, log.append([{ value: Buffer.alloc(500) }, { value: Buffer.alloc(500) }]), 'RECORD_TOO_LARGE'),
  ])
  t.is(small.baseOffset, 0)
  t.is(log.endOffset, 1)
})

test('encoded batches that do not check out are refused, and change nothing', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  const batch = Buffer.from(encodeBatch({ records: [{ timestamp: 1, value: Buffer.from('v') }] }))
  const damaged = Buffer.from(batch)
  damaged[damaged.length - 2]! ^= 1
  await rejects(t, log.appendBatch(damaged), 'INVALID_BATCH')
  await rejects(t, log.appendBatch(batch.subarray(0, -1)), 'INVALID_BATCH')
  await rejects(t, log.appendBatch(new Uint8Array(0)), 'INVALID_BATCH')
  for (const magic of [0, 1, 3]) {
    const foreign = Buffer.from(batch)
    foreign[16] = magic
    await rejects(t, log.appendBatch(foreign), 'UNSUPPORTED_FORMAT', /magic/)
  }
  t.is(log.endOffset, 0)
})

test('offsets that are none, below the start or behind the end are told with what there is', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await fill(log, 10)
  await log.trim(3)
  for (const from of [-1, 0.5, Number.NaN, 2, 11, 2 ** 53]) {
    await rejects(t, () => log.read({ from }), 'OFFSET_OUT_OF_RANGE')
    await rejects(t, () => log.follow({ from }), 'OFFSET_OUT_OF_RANGE')
    await rejects(t, log.readBatch({ from }), 'OFFSET_OUT_OF_RANGE')
    await rejects(t, log.truncate(from), 'OFFSET_OUT_OF_RANGE')
    await rejects(t, log.trim(from), 'OFFSET_OUT_OF_RANGE')
  }
  await rejects(t, () => log.read({ from: 2 }), 'OFFSET_OUT_OF_RANGE', /from 3 to 9/)
})

test('a closed log refuses everything, and can be closed again', async (t) => {
  const log = await open(t, await temporaryFolder(t))
  await log.close()
  await log.close()
  await rejects(t, log.append({ value: 'v' }), 'CLOSED')
  await rejects(t, log.flush(), 'CLOSED')
  await rejects(t, log.trim(0), 'CLOSED')
  await rejects(t, () => log.read(), 'CLOSED')
  await rejects(t, log.offsetForTimestamp(0), 'CLOSED')
})

test('a path that is a file, or may not be written, is no log', async (t) => {
  const folder = await temporaryFolder(t)
  await writeFile(`${folder}/file`, 'text')
  await rejects(t, open(t, `${folder}/file`), 'NOT_A_FOLDER')
  await rejects(t, open(t, `${folder}/file/below`), 'NOT_A_FOLDER')
  await mkdir(`${folder}/closed`)
  await chmod(`${folder}/closed`, 0o500)
  // Nothing is closed to root.
  if (process.getuid?.() !== 0) await rejects(t, open(t, `${folder}/closed/log`), 'PERMISSION_DENIED')
})

/** A message as brokers before record batches wrote it: magic 0, or 1 with a timestamp. */
function oldMessage(magic: 0 | 1): Buffer {
  const value = Buffer.from('an old message')
  const message = Buffer.alloc(12 + 14 + magic * 8 + value.length)
  message.writeInt32BE(message.length - 12, 8)
  message[16] = magic
  message.writeInt32BE(-1, 18 + magic * 8)
  message.writeInt32BE(value.length, 22 + magic * 8)
  value.copy(message, 26 + magic * 8)
  message.writeUInt32BE(crc32(message.subarray(16)), 12)
  return message
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

test('batches of another magic are left as they are', async (t) => {
  const newer = Buffer.from(encodeBatch({ records: [{ timestamp: 1, value: Buffer.from('v') }] }))
  newer[16] = 3
  for (const foreign of [oldMessage(0), oldMessage(1), newer]) {
    const folder = await temporaryFolder(t)
    await writeFile(`${folder}/${firstSegment}`, foreign)
    await rejects(t, open(t, folder), 'UNSUPPORTED_FORMAT', /magic/)
    t.deepEqual(await readFile(`${folder}/${firstSegment}`), foreign)
  }
})

test('files of a newer version are refused, and left as they are', async (t) => {
  const files: [string, string][] = [
    ['recovery-point-offset-checkpoint', '1\n1\nlog 0 3\n'],
    ['log-start-offset-checkpoint', '7\n1\nlog 0 3\n'],
    ['.kafka_cleanshutdown', '{"version":9}'],
    ['partition.metadata', 'version: 1\ntopic_id: x\n'],
  ]
  for (const [name, text] of files) {
    const folder = await temporaryFolder(t)
    await writeFile(`${folder}/${name}`, text)
    await rejects(t, open(t, folder), 'UNSUPPORTED_FORMAT', new RegExp(name))
    t.is(await readFile(`${folder}/${name}`, 'utf8'), text)
  }
})

test('a damaged checkpoint costs a scan and nothing else', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 20)
  await log.close()
  for (const text of ['', 'garbage', '0\n5\n', '0\n1\nlog 0 -4\n', '0\n1\nlog 0 99999999999999999999\n']) {
    await writeFile(`${folder}/recovery-point-offset-checkpoint`, text)
    const again = await open(t, folder)
    t.true(again.recovery.scannedBytes > 0)
    t.is((await values(again)).length, 20)
    await again.close()
  }
})

test('a torn batch at the end is cut, a damaged one in the middle is told', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 10)
  await log.close()
  const bytes = await readFile(`${folder}/${firstSegment}`)
  const torn = `${folder}-torn`
  await mkdir(torn)
  t.teardown(() => import('node:fs/promises').then(({ rm }) => rm(torn, { recursive: true })))
  await writeFile(`${torn}/${firstSegment}`, bytes.subarray(0, -3))
  const cut = await open(t, torn)
  t.true(cut.recovery.truncatedBytes > 0)
  t.is((await values(cut)).length, 9)

  await copyFile(`${folder}/${firstSegment}`, `${folder}/copy`)
  bytes[bytes.length / 2 - 2]! ^= 1
  await writeFile(`${folder}/${firstSegment}`, bytes)
  const damaged = await open(t, folder)
  await rejects(t, values(damaged), 'CORRUPT')
  t.deepEqual(await values(damaged, { from: 8 }), ['8', '9'])
})

test.serial('a full disk refuses the append, and what was there is there', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await open(t, folder)
  await fill(log, 3)
  t.teardown(() => setFaults([]))
  setFaults([{ operation: 'write', path: folder, errno: 28 }])
  const error = await t.throwsAsync(log.append({ value: 'lost' }), { instanceOf: LogError })
  t.is(error?.code, 'NO_SPACE')
  setFaults([])
  await rejects(t, log.append({ value: 'later' }), 'FAILED', /open it again/)
  t.deepEqual(await values(log), ['0', '1', '2'])
  await log.close()
  const again = await open(t, folder)
  await again.append({ value: 'after' })
  t.deepEqual(await values(again), ['0', '1', '2', 'after'])
})

test.serial(
  'after a failed fsync nothing is written until the log is opened anew, cut to what is on disk',
  async (t) => {
    const folder = await temporaryFolder(t)
    const log = await open(t, folder)
    await fill(log, 3)
    t.teardown(() => setFaults([]))
    setFaults([{ operation: 'sync', path: `${folder}/0`, errno: 5 }])
    const lost = log.append({ value: 'lost' })
    await rejects(t, lost, 'FAILED')
    setFaults([])
    await rejects(t, log.append({ value: 'later' }), 'FAILED')
    await rejects(t, log.flush(), 'FAILED')
    t.is(log.failure?.code, 'FAILED')
    await log.close()
    const again = await open(t, folder)
    t.deepEqual(await values(again), ['0', '1', '2'])
    t.deepEqual(await again.append({ value: 'after' }), { baseOffset: 3, lastOffset: 3 })
  },
)
