import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { Log } from '../../lib/embedded/index.js'
import { type DumpRow, dumpLog, type Fault, verifyLog } from '../../lib/storage/inspection/index.js'
import { kafkaFolder } from '../support/kafka-folder.js'

async function faultsOf(path: string, settleMs = 0): Promise<Fault[]> {
  const faults: Fault[] = []
  const report = await verifyLog(path, (fault) => void faults.push(fault), { settleMs })
  if (report.faults !== faults.length) throw new Error('not all faults were told')
  return faults
}

async function rowsOf(path: string, records = true, settleMs = 0): Promise<DumpRow[]> {
  const rows: DumpRow[] = []
  for await (const row of dumpLog(path, { records, settleMs })) rows.push(row)
  return rows
}

const log0 = '00000000000000000000.log'
const index0 = '00000000000000000000.index'
const timeIndex0 = '00000000000000000000.timeindex'

/** A log in a folder of its own: one segment of 30 batches with indexes, a gzip batch each third. */
async function oneSegment(t: ExecutionContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-inspection-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'orders-0')
  for (let i = 0; i < 3; i++) {
    const log = await Log.open(path, { durability: 'os', compression: i === 2 ? 'gzip' : 'none' })
    for (let n = 0; n < 10; n++) {
      const value = Buffer.alloc(2_000, `${i}-${n} `)
      await log.append([
        { key: `k${n}`, value, timestamp: 1_000 * (10 * i + n) },
        { value: 'second', headers: { h: 'x' } },
      ])
    }
    await log.close()
  }
  return path
}

function change(path: string, position: number, bytes: readonly number[]): void {
  const content = readFileSync(path)
  content.set(bytes, position)
  writeFileSync(path, content)
}

async function batchesOf(folder: string): Promise<{ position: number; sizeInBytes: number }[]> {
  return (await rowsOf(join(folder, log0), false)).flatMap((row) => (row.type === 'batch' ? [row] : []))
}

/** Names, sizes and times of change: what a tool that only reads leaves as it is. */
async function fingerprint(folder: string): Promise<string> {
  const lines: string[] = []
  for (const name of await readdir(folder, { recursive: true })) {
    const { size, mtimeMs, ino } = await stat(join(folder, name))
    lines.push(`${name} ${size} ${mtimeMs} ${ino}`)
  }
  return lines.sort().join('\n')
}

for (const stop of ['clean', 'killed'] as const) {
  test(`nothing is wrong with a data folder that Kafka wrote (${stop}), and nothing in it changes`, async (t) => {
    const folder = kafkaFolder(t, stop)
    const before = await fingerprint(folder)
    t.deepEqual(await faultsOf(folder), [])
    const rows = await rowsOf(folder)
    t.deepEqual(
      rows.filter(({ type }) => type === 'fault'),
      [],
    )
    const kinds = new Set(rows.map(({ type }) => type))
    for (const kind of [
      'batch',
      'record',
      'offsetIndexEntry',
      'timeIndexEntry',
      'producer',
      'abortedTransaction',
      'leaderEpoch',
      'partitionOffset',
      'property',
    ] as const) {
      t.true(kinds.has(kind), kind)
    }
    t.true(rows.some((row) => row.type === 'record' && row.control?.kind === 'ABORT'))
    t.is(await fingerprint(folder), before)
  })
}

test('a log of the engine is in order, record by record', async (t) => {
  const folder = await oneSegment(t)
  t.deepEqual(await faultsOf(folder), [])
  const rows = await rowsOf(folder)
  const offsets = rows.flatMap((row) => (row.type === 'record' ? [row.offset] : []))
  t.deepEqual(
    offsets,
    Array.from({ length: 60 }, (_, i) => i),
  )
  t.true(rows.some((row) => row.type === 'offsetIndexEntry'))
  t.true(rows.some((row) => row.type === 'batch' && row.codec === 'gzip'))
})

test('a changed record is a fault at its batch, and those behind it are still looked at', async (t) => {
  const folder = await oneSegment(t)
  const batch = (await batchesOf(folder))[4]!
  change(join(folder, log0), batch.position + 100, [0xff])
  const [found, ...more] = await faultsOf(folder)
  t.deepEqual(more, [])
  t.like(found, { code: 'CORRUPT_BATCH', file: join(folder, log0), position: batch.position })
  t.is((await batchesOf(folder)).length, 30)
})

test('a torn tail, a cut index and an index that leads astray are told apart', async (t) => {
  const torn = await oneSegment(t)
  const last = (await batchesOf(torn)).at(-1)!
  truncateSync(join(torn, log0), last.position + 70)
  t.like((await faultsOf(torn))[0], { code: 'TORN_TAIL', position: last.position })

  const cut = await oneSegment(t)
  truncateSync(join(cut, index0), 11)
  t.like(await faultsOf(cut), [{ code: 'BAD_INDEX', file: join(cut, index0), position: 8 }])

  const astray = await oneSegment(t)
  change(join(astray, index0), 7, [1])
  t.like((await faultsOf(astray))[0], { code: 'BAD_INDEX', file: join(astray, index0), position: 0 })

  const early = await oneSegment(t)
  change(join(early, timeIndex0), 0, [0, 0, 0, 0, 0, 0, 0, 1])
  t.like((await faultsOf(early))[0], { code: 'BAD_INDEX', file: join(early, timeIndex0), position: 0 })
})

test('a batch twice, a segment that overlaps the next, and an index without segment are faults', async (t) => {
  const twice = await oneSegment(t)
  const bytes = readFileSync(join(twice, log0))
  writeFileSync(
    join(twice, log0),
    Buffer.concat([bytes, bytes.subarray(0, (await batchesOf(twice))[1]!.position)]),
  )
  t.like(await faultsOf(twice), [{ code: 'BAD_ORDER', position: bytes.length }])

  const overlapping = await oneSegment(t)
  writeFileSync(join(overlapping, '00000000000000000059.log'), '')
  t.like(await faultsOf(overlapping), [{ code: 'BAD_ORDER' }])

  const orphan = await oneSegment(t)
  cpSync(join(orphan, index0), join(orphan, '00000000000000000900.index'))
  t.like(await faultsOf(orphan), [{ code: 'BAD_INDEX', file: join(orphan, '00000000000000000900.index') }])
})

test('snapshots, transaction indexes and checkpoints that do not check out are faults', async (t) => {
  const folder = kafkaFolder(t, 'clean')
  const partition = join(folder, 'transactions-0')
  change(join(partition, '00000000000000000066.snapshot'), 10, [0xff])
  change(join(partition, '00000000000000000009.txnindex'), 0, [9])
  writeFileSync(join(partition, 'leader-epoch-checkpoint'), '0\n2\n3 10\n2 20\n')
  writeFileSync(join(folder, 'recovery-point-offset-checkpoint'), '0\n7\nplain 0 1\n')
  const codes = (await faultsOf(folder)).map(({ code, file }) => `${code} ${file.slice(folder.length + 1)}`)
  t.deepEqual(codes.sort(), [
    'BAD_CHECKPOINT recovery-point-offset-checkpoint',
    'BAD_CHECKPOINT transactions-0/leader-epoch-checkpoint',
    'BAD_INDEX transactions-0/00000000000000000009.txnindex',
    'BAD_SNAPSHOT transactions-0/00000000000000000066.snapshot',
  ])
})

test('a log that is written, rolled and trimmed meanwhile has no faults', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-inspection-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'live-0')
  const log = await Log.open(path, { durability: 'os', segmentBytes: 1 << 20 })
  let looking = true
  const writing = (async () => {
    while (looking) {
      await log.append(
        Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: Buffer.alloc(1_000, 'v') })),
      )
      if (log.endOffset - log.startOffset > 8_000) await log.trim(log.endOffset - 4_000)
    }
  })()
  for (let i = 0; i < 8; i++) {
    t.deepEqual(await faultsOf(folder), [])
    t.deepEqual(
      (await rowsOf(path, false, 250)).filter(({ type }) => type === 'fault'),
      [],
    )
  }
  looking = false
  await writing
  await log.close()
})

test('files that are no logs are refused by name', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-inspection-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'notes.txt'), 'x')
  await t.throwsAsync(faultsOf(join(folder, 'notes.txt')), { message: /not a log's file/ })
  await t.throwsAsync(rowsOf(folder), { message: /no files of logs/ })
  await t.throwsAsync(faultsOf(join(folder, 'not')), { code: 'ENOENT' })
})

/** Numbers from a seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

test('bits that flip and files that are cut are survived, and found where a CRC covers them', async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  const rounds = Number(process.env.FUZZ_ROUNDS ?? 150)
  t.log(`SEED=${seed}`)
  const below = random(seed)
  const source = kafkaFolder(t, 'clean')
  const partitions = ['transactions-0', 'plain-1', 'compacted.transactions-0', 'stamped-0']
  for (const partition of partitions) {
    const names = (await readdir(join(source, partition))).filter((name) => name !== 'partition.metadata')
    const folder = join(source, 'broken')
    for (let round = 0; round < rounds / partitions.length; round++) {
      mkdirSync(folder)
      const name = names[below(names.length)]!
      const bytes = Buffer.from(readFileSync(join(source, partition, name)))
      const flips = 1 + below(3)
      let covered = false
      for (let flip = 0; flip < flips && bytes.length > 0; flip++) {
        const at = below(bytes.length)
        bytes[at]! ^= 1 << below(8)
        // Of the first batch: behind what the CRC leaves out.
        covered ||= name.endsWith('.log') && at >= 16 && at < 61
      }
      const cut = below(3) === 0
      for (const each of names) {
        if (each !== name) cpSync(join(source, partition, each), join(folder, each))
        else writeFileSync(join(folder, each), cut ? bytes.subarray(0, below(bytes.length + 1)) : bytes)
      }
      const faults = await faultsOf(join(folder, name))
      if (covered && !cut && flips === 1) t.true(faults.length > 0, `${partition}/${name} in round ${round}`)
      t.true((await rowsOf(join(folder, name))).length > 0)
      rmSync(folder, { recursive: true })
    }
  }
})

test('sizes and counts that a hostile file announces take no memory', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-inspection-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const hostile = Buffer.alloc(70)
  hostile.writeInt32BE(0x7fffffff, 8)
  hostile[16] = 2
  writeFileSync(join(folder, log0), hostile)
  t.like(await faultsOf(join(folder, log0)), [{ code: 'TORN_TAIL' }])
  const snapshot = Buffer.alloc(30)
  snapshot.writeInt16BE(1)
  snapshot.writeInt32BE(0x7fffffff, 6)
  writeFileSync(join(folder, '00000000000000000001.snapshot'), snapshot)
  t.like(await faultsOf(join(folder, '00000000000000000001.snapshot')), [{ code: 'BAD_SNAPSHOT' }])
  writeFileSync(
    join(folder, index0),
    Buffer.concat([Buffer.alloc(8 << 20), Buffer.of(0, 0, 0, 1, 0, 0, 0, 9)]),
  )
  t.true((await faultsOf(folder)).length <= 300)
})
