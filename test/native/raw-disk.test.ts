import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { openRawSink, rawDurable, rawRead, rawSend, rawWarm, rawWrite } from '../../lib/native/raw-disk.js'

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odradek-raw-'))
})
test.after.always(() => rm(folder, { recursive: true, force: true }))

const unbounded = { maxMs: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER }

test('each thread writes its share to a file of its own', async (t) => {
  const path = join(folder, 'shares')
  const { writtenSeconds, flushedSeconds } = await rawWrite(path, {
    blockBytes: 4096,
    bytes: 100_000,
    threads: 2,
  })
  t.true(writtenSeconds > 0 && writtenSeconds <= flushedSeconds)
  t.is((await stat(`${path}0`)).size, 50_000)
  t.is((await stat(`${path}1`)).size, 50_000)
})

test('durable writes stop at their bound and time each', async (t) => {
  const path = join(folder, 'durable')
  const run = await rawDurable(path, 1000, { ...unbounded, maxBytes: 5000 })
  t.is(run.bytes, 5000)
  t.is(run.latencies.length, 5)
  t.true(run.latencies.every((ms) => ms > 0))
  t.is((await stat(path)).size, 5000)
})

test('a sequential read of all bytes reads each stripe once', async (t) => {
  const path = join(folder, 'read')
  await rawWrite(path, { blockBytes: 4096, bytes: 81_920, threads: 1 })
  const options = { ...unbounded, size: 81_920, blockBytes: 4096, threads: 4, seed: 1, maxBytes: 81_920 }
  t.is((await rawRead(`${path}0`, { ...options, random: false })).bytes, 81_920)
  t.is((await rawRead(`${path}0`, { ...options, random: true })).bytes, 81_920)
})

test('a sink takes one connection after another, from memory and from a file', async (t) => {
  const path = join(folder, 'sent')
  await rawWrite(path, { blockBytes: 4096, bytes: 40_960, threads: 1 })
  const sink = await openRawSink()
  for (const from of ['memory', 'sendfile', 'copy'] as const) {
    const seconds = await rawSend(sink.port, from, {
      path: `${path}0`,
      size: 40_960,
      blockBytes: 16_384,
      bytes: 100_000,
    })
    t.true(seconds > 0)
  }
  sink.close()
})

test('warming memory leaves no file; what fails names errno and path', async (t) => {
  await rawWarm(join(folder, 'warm'), 5_000_000)
  t.false((await readdir(folder)).includes('warm'))
  const path = join(folder, 'missing', 'file')
  await t.throwsAsync(rawDurable(path, 1000, unbounded), { code: 'IO', message: `IO: ${path}` })
})
