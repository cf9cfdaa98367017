import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { pino } from 'pino'
import { BrokerConfig } from '../../lib/config/index.js'
import { PartitionLog } from '../../lib/storage/index.js'
import { decodeProducerSnapshot } from '../../lib/storage/producer-snapshot.js'
import { nativeEngine } from '../../lib/storage/storage-engine.js'
import { batchOf } from '../support/records.js'

const batches = 40

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'odradek-partition-'))
  return { path: join(path, 'orders-0'), [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

function open(folder: string, segmentBytes: number, engine = nativeEngine): Promise<PartitionLog> {
  return PartitionLog.open({
    engine,
    folder,
    topic: 'orders',
    partition: 0,
    config: new BrokerConfig().topic(new Map([['internal.segment.bytes', String(segmentBytes)]])),
    recoveryPoint: 0,
    logStartOffset: 0,
    cleanShutdown: true,
    log: pino({ level: 'silent' }),
  })
}

function append(log: PartitionLog, baseSequence: number) {
  const records = batchOf(['value'], { producerId: 7, producerEpoch: 0, baseSequence })
  return log.appendAsLeader(records, { leaderEpoch: 0, origin: 'client', allowsZstd: true, flush: false })
}

test('a snapshot taken at a roll knows every batch below it, however fast they come', async (t) => {
  await using folder = await temporaryFolder()
  const log = await open(folder.path, 300)
  await Promise.all(Array.from({ length: batches }, (_, sequence) => append(log, sequence)))
  await log.close()
  const names = (await readdir(folder.path)).filter((name) => name.endsWith('.snapshot'))
  t.true(names.length > 5)
  for (const name of names) {
    const offset = Number.parseInt(name, 10)
    const [producer] = decodeProducerSnapshot(await readFile(join(folder.path, name)))!
    t.is(producer!.lastSequence, offset - 1, name)
    t.is(producer!.earlier.length, Math.min(offset - 1, 4), name)
  }
})

test('batches that were in flight at a stop are duplicates after it', async (t) => {
  await using folder = await temporaryFolder()
  const before = await open(folder.path, 1 << 20)
  for (let sequence = 0; sequence < 8; sequence++) await append(before, sequence)
  await before.close()
  const after = await open(folder.path, 1 << 20)
  for (let sequence = 3; sequence < 8; sequence++) {
    t.like(await append(after, sequence), { isDuplicate: true, baseOffset: sequence })
  }
  t.like(await append(after, 8), { isDuplicate: false, baseOffset: 8 })
  await after.close()
})

test('epochs that a power cut took from the checkpoint are known to every start from then on', async (t) => {
  await using folder = await temporaryFolder()
  const before = await open(folder.path, 1 << 20)
  await append(before, 0)
  await before.close()
  for (const name of await readdir(folder.path)) {
    if (/snapshot$|^leader-epoch/.test(name)) await rm(join(folder.path, name))
  }
  for (let start = 0; start < 2; start++) {
    const log = await open(folder.path, 1 << 20)
    t.deepEqual(log.epochs.entries, [{ epoch: 0, startOffset: 0 }])
    await log.close()
  }
})

test('a log that was cut, and whose producers could not be read anew, takes nothing more', async (t) => {
  await using folder = await temporaryFolder()
  let isUnreadable = false
  const log = await open(folder.path, 1 << 20, {
    ...nativeEngine,
    readNames: (path) =>
      isUnreadable ? Promise.reject(new Error('no files')) : nativeEngine.readNames(path),
  })
  for (let sequence = 0; sequence < 3; sequence++) await append(log, sequence)
  isUnreadable = true
  await t.throwsAsync(
    log.truncate(2, async () => {}),
    { message: 'no files' },
  )
  isUnreadable = false
  await t.throwsAsync(append(log, 0), { message: 'no files' })
  await log.close()
})
