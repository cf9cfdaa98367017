/** Bits that a disk flips in any file of a log: every answer is right, or a LogError that says so. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Log, LogError } from '../../lib/embedded/index.js'
import { fill, temporaryFolder } from './opened-log.js'

const count = 120
const value = (i: number) => `value ${i} ${'x'.repeat((i * 37) % 90)}`
const options = { segmentBytes: 4_096, maxBatchBytes: 4_096 }

/** A repeatable sequence of numbers below `end`. */
function sequence(seed: number): (end: number) => number {
  let state = seed
  return (end) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * end)
  }
}

/** Undefined where a LogError said what is wrong. */
async function orLogError<T>(
  t: ExecutionContext,
  what: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    t.true(['CORRUPT', 'UNSUPPORTED_FORMAT'].includes(error.code), `${what}: ${error.code} ${error.message}`)
    return undefined
  }
}

async function checkReads(t: ExecutionContext, log: Log, what: string): Promise<boolean> {
  let next = 0
  const all = await orLogError(t, what, async () => {
    for await (const record of log.read()) {
      t.is(record.offset, next, what)
      t.is(String(record.value), value(next), what)
      t.is(record.timestamp, 1_000 + next, what)
      next++
    }
    return next
  })
  // The end of the iteration is a claim too: nothing was lost.
  if (all !== undefined) t.is(all, count, what)
  // A batch whose header says an earlier time is passed over; whoever reads it finds out.
  if (what.includes('.log')) return all !== undefined
  for (const i of [0, 31, count - 1]) {
    const found = await orLogError(t, what, () => log.offsetForTimestamp(1_000 + i))
    if (found !== undefined) t.is(found, i, what)
  }
  return all !== undefined
}

test('after a clean close nothing is wrong and nothing is lost without a word', async (t) => {
  const folder = await temporaryFolder(t)
  const whole = join(folder, 'whole')
  const log = await Log.open(whole, options)
  await fill(log, count, value)
  await log.close()
  const names = (await readdir(whole)).filter((name) => name !== '.lock').sort()
  let reported = 0
  for (const [number, name] of names.entries()) {
    const bytes = await readFile(join(whole, name))
    const random = sequence(number + 1)
    for (let round = 0; bytes.length > 0 && round < (name.endsWith('.log') ? 12 : 5); round++) {
      const damaged = join(folder, `${number}-${round}`)
      await mkdir(damaged)
      await cp(whole, damaged, { recursive: true })
      const at = random(bytes.length)
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << random(8)
      await writeFile(join(damaged, name), flipped)
      const what = `${name}, byte ${at}`
      // What the checkpoints say has no checksum, as Kafka's have none: they are shown beside the format.
      if (name.endsWith('checkpoint')) continue
      const opened = await orLogError(t, what, () => Log.open(damaged, options))
      const isRight = opened !== undefined && (await checkReads(t, opened, what))
      if (!isRight) reported++
      await opened?.close()
    }
  }
  t.true(reported > 0)
})

test('bits that flip while the log is open are found by whoever reads', async (t) => {
  const folder = await temporaryFolder(t)
  const log = await Log.open(folder, options)
  t.teardown(() => log.close().catch(() => {}))
  await fill(log, count, value)
  await log.flush()
  const random = sequence(7)
  let reported = 0
  for (const name of (await readdir(folder)).sort()) {
    if (!/\.(log|index|timeindex)$/.test(name)) continue
    const bytes = await readFile(join(folder, name))
    if (bytes.length === 0) continue
    const at = random(bytes.length)
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 1 << random(8)
    await writeFile(join(folder, name), flipped, { flag: 'r+' })
    if (!(await checkReads(t, log, `${name}, byte ${at}`))) reported++
    await writeFile(join(folder, name), bytes, { flag: 'r+' })
  }
  t.true(reported > 0)
  t.true(await checkReads(t, log, 'mended'))
})
