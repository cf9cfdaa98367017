/**
 * Runs decoders on bytes that a seeded mutator makes of a corpus, by a fixed seed and one drawn anew. Every input gives
 * a value or one of the errors that the decoder names, within bounds of processor time and memory. An input that did
 * otherwise is printed as base64 and belongs in test/fuzz/cases/TARGET, a line of its own: every run begins with them.
 *
 * ODRADEK_FUZZ_SECONDS: for all targets together, 30 where it is not set. SEED: that seed alone.
 */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { Random } from '../support/random.js'

const root = new URL('../../../test/', import.meta.url)
const fixedSeed = 1
const seconds = Number(process.env.ODRADEK_FUZZ_SECONDS ?? 30)
/** Of the processor, for one input; what other programs take is not counted. */
const cpuSecondsAtMost = 10
/** What the process may grow by while it decodes inputs of some KB. */
const memoryAtMost = 600_000_000

export interface FuzzTarget {
  /** Of this many parts of the time, one. The parts of all targets make up a whole. */
  readonly share: number
  readonly corpus: readonly Uint8Array[]
  /** Takes any bytes. */
  readonly run: (input: Buffer) => unknown
  /** True for the errors that bad bytes are to give. */
  readonly isExpected: (error: Error) => boolean
}

/** Declares a test of the target. */
export function fuzz(name: string, { share, corpus, run, isExpected }: FuzzTarget): void {
  test.serial(`${name}: bytes made by chance are decoded or refused`, async (t) => {
    t.timeout(600_000 + seconds * 2_000)
    const counts = { decoded: 0, refused: 0 }
    const memoryBefore = process.resourceUsage().maxRSS * 1024
    const take = async (input: Buffer, seed: number | undefined) => {
      const fail = (why: string) => {
        t.fail(`${name}, seed ${seed}: ${why}\ninput as base64: ${input.toString('base64')}`)
        throw new Error(`${name}: ${why}`)
      }
      const cpuBefore = process.cpuUsage().user
      try {
        // Its own copy: decoders give views, and some are called with a buffer that they may write to.
        await run(Buffer.from(input))
        counts.decoded++
      } catch (error) {
        if (!isExpected(error as Error)) fail((error as Error).stack ?? String(error))
        counts.refused++
      }
      if (process.cpuUsage().user - cpuBefore > cpuSecondsAtMost * 1_000_000) fail('it takes too long')
      if (process.resourceUsage().maxRSS * 1024 - memoryBefore > memoryAtMost)
        fail('it takes too much memory')
    }

    for (const input of keptCases(name)) await take(input, undefined)
    const { SEED: only } = process.env
    const seeds = only === undefined ? [fixedSeed, Math.floor(Math.random() * 2 ** 31)] : [Number(only)]
    for (const seed of seeds) {
      const random = new Random(seed)
      const end = performance.now() + (seconds * 1_000) / share / seeds.length
      // Whatever the time: enough to show that the mutator works.
      for (let i = 0; i < corpus.length || performance.now() < end; i++) {
        await take(mutate(corpus, random), seed)
        if (i % 64 === 0) await new Promise(setImmediate)
      }
    }
    const { decoded, refused } = counts
    t.log(
      `fuzz ${name}: ${decoded + refused} cases, ${decoded} decoded, ${refused} refused, failures: 0, seeds ${seeds.join(' and ')}`,
    )
    t.true(refused > 0)
  })
}

function keptCases(name: string): Buffer[] {
  const file = new URL(`fuzz/cases/${name}`, root)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'latin1').split('\n')
  return lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'))
}

/** The objects of a file of test/golden. */
export function goldenLines<T>(file: string): T[] {
  const text = gunzipSync(readFileSync(new URL(`golden/${file}`, root))).toString('utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const borders = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

function mutate(corpus: readonly Uint8Array[], random: Random): Buffer {
  let bytes = Buffer.from(random.pick(corpus))
  for (let changes = 2 ** random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length + 1)
    const run = Math.min(bytes.length - at, 1 + random.below(2 ** random.below(9)))
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at)]
    switch (random.below(8)) {
      case 0:
        if (run > 0) bytes[at]! ^= 1 << random.below(8)
        break
      case 1:
        if (run > 0) bytes[at] = random.below(256)
        break
      case 2:
        if (run >= 4) bytes.writeUInt32BE(random.pick(borders), at)
        else if (run > 0) bytes[at] = random.pick(borders) & 0xff
        break
      case 3:
        bytes.fill(random.pick([0, 0xff]), at, at + run)
        break
      case 4:
        bytes = Buffer.concat([before, behind.subarray(run)])
        break
      case 5:
        bytes = Buffer.concat([before, behind.subarray(0, run), behind])
        break
      case 6:
        bytes = Buffer.concat([
          before,
          Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256))),
          behind,
        ])
        break
      default: {
        const other = random.pick(corpus)
        bytes = Buffer.concat([before, other.subarray(random.below(other.length + 1))])
      }
    }
    if (bytes.length > 16_384) bytes = Buffer.from(bytes.subarray(0, 16_384))
  }
  return bytes
}
