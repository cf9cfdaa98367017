#!/usr/bin/env node
// Runs the engine's fuzz targets (native/testing/fuzz) under AddressSanitizer and UndefinedBehaviorSanitizer. Inputs are made
// of Kafka's own batches (test/golden), by fixed seeds and one drawn anew; the seeds are printed, and so is an input
// that fails, as hex: it belongs in native/testing/fuzz/cases/TARGET/NAME.hex, which every run begins with.
//
//   node scripts/fuzz.js [--seconds N] [--seed N] [--input HEX] [TARGET...]
//
// --seconds is for all targets together (default: ODRADEK_FUZZ_SECONDS, else 30). With --seed (or SEED) only that one is run,
// with --input only that input. Exit code 2: this system cannot build or run them.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'

const fixedSeed = 1
const build = 'build/engine-address'

process.chdir(new URL('..', import.meta.url).pathname)
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: process.env.ODRADEK_FUZZ_SECONDS ?? '30' },
    seed: { type: 'string', default: process.env.SEED },
    input: { type: 'string' },
  },
})

/** Kafka's batches, small ones, with offsets that follow each other. */
function goldenBatches() {
  const lines = gunzipSync(readFileSync('test/golden/record-batches.ndjson.gz'))
    .toString('utf8')
    .trim()
    .split('\n')
  let offset = 0n
  return lines
    .map((line) => Buffer.from(JSON.parse(line).bytes ?? '', 'base64'))
    .filter((batch) => batch.length > 0 && batch.length < 700)
    .map((batch) => {
      batch.writeBigInt64BE(offset)
      offset += BigInt(batch.readInt32BE(23) + 1)
      return batch
    })
}

/** What stands before the batches in a target's inputs: flags and lengths, as its fuzz_one reads them. */
const prefixes = {
  batch_fuzz: [[0], [1], [2], [8], [0x20], [0x40]],
  compaction_fuzz: [
    [0, 0],
    [1, 0],
    [9, 20],
  ],
  log_fuzz: [
    [0, 0, 0],
    [1, 0, 0],
    [2, 0, 0],
    [4, 0, 0, 0, 0, 90],
  ],
  offset_map_fuzz: [[10, 9]],
  walker_fuzz: [
    [0, 0],
    [1, 0],
    [8, 0],
  ],
}

function writeCorpus(folder, target) {
  mkdirSync(folder)
  const batches = goldenBatches()
  const runs = [...batches, Buffer.concat(batches.slice(0, 8)), Buffer.concat(batches.slice(0, 3))]
  for (const [i, bytes] of runs.entries()) {
    for (const [j, prefix] of (prefixes[target] ?? [[]]).entries()) {
      writeFileSync(join(folder, `${i}-${j}`), Buffer.concat([Buffer.from(prefix), bytes]))
    }
  }
}

function compile() {
  for (const args of [
    ['-S', '.', '-B', build, '-DSANITIZE=address'],
    ['--build', build, '--target', 'fuzz', '--parallel', '2'],
  ]) {
    const { status, stdout, stderr } = spawnSync('cmake', args, { encoding: 'utf8' })
    if (status === 0) continue
    process.stdout.write(`${stdout ?? ''}${stderr ?? ''}`)
    process.exit(2)
  }
}

const all = readdirSync('native/testing/fuzz')
  .filter((name) => name.endsWith('_fuzz.cc'))
  .map((name) => name.replace(/\.cc$/, ''))
const targets = positionals.length > 0 ? positionals : all
compile()
const folder = mkdtempSync(join(tmpdir(), 'odradek-fuzz-'))
let failures = 0
try {
  const seeds =
    values.seed === undefined ? [fixedSeed, Math.floor(Math.random() * 2 ** 32)] : [Number(values.seed)]
  for (const target of targets) {
    const corpus = join(folder, target)
    writeCorpus(corpus, target)
    const args =
      values.input === undefined
        ? [
            ...['--cases', join('native/testing/fuzz/cases', target), '--corpus', corpus],
            ...['--seconds', String(Number(values.seconds) / targets.length)],
            ...seeds.flatMap((seed) => ['--seed', String(seed)]),
          ]
        : ['--input', values.input]
    const { status, stdout, stderr } = spawnSync(join(build, target), args, { encoding: 'utf8' })
    if (status !== 0) failures++
    const outcome = status === 0 ? stdout.trim() : `FAILED\n${stdout}${stderr}`
    process.stdout.write(`${target}, seeds ${seeds.join(' and ')}: ${outcome}\n`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
process.exitCode = failures === 0 ? 0 : 1
