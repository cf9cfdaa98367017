#!/usr/bin/env node
// The whole test run: build, lint, unit and golden tests, the engine's own tests, real clients. Fetches what it can
// fetch without root (Kafka's jars by Maven, librdkafka's Python client by pip); a program that is missing is named,
// and its tests count as skipped. The last line sums up: N passed, N failed, N skipped.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = new URL('..', import.meta.url).pathname
process.chdir(root)

const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const skips = []

function pass(name) {
  total.passed++
  process.stdout.write(`ok ${name}\n`)
}

function fail(name) {
  total.failed++
  failures.push(name)
  process.stdout.write(`FAILED ${name}\n`)
}

function skip(name) {
  total.skipped++
  skips.push(name)
  process.stdout.write(`skipped ${name}\n`)
}

/** Runs a program, hands each line of its output on, and resolves to its exit code. */
async function run(command, args, onLine = (line) => process.stdout.write(`${line}\n`), env = {}) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { SEED: '1', ...process.env, ...env },
  })
  const ended = new Promise((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', resolve)
  })
  for await (const line of createInterface({ input: child.stdout })) onLine(line)
  return ended
}

async function step(name, command, args) {
  process.stdout.write(`\n== ${name}\n`)
  const code = await run(command, args)
  if (code === 0) pass(name)
  else fail(name)
  return code === 0
}

function has(command, ...args) {
  const { status, error } = spawnSync(command, args, { stdio: 'ignore' })
  return error === undefined && status === 0
}

/** A compiled test whose source is gone would still be run. */
function removeStaleTests(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) removeStaleTests(path)
    else if (path.endsWith('.test.js') && !existsSync(path.replace(/^dist\//, '').replace(/\.js$/, '.ts')))
      rmSync(path)
  }
}

/** All compiled tests, those that need other programs apart: they run one file at a time. */
function testFiles(folder = 'dist/test') {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return testFiles(path)
    return path.endsWith('.test.js') ? [path] : []
  })
}

const needsOtherPrograms = (path) =>
  path.startsWith('dist/test/clients/') || path.endsWith('/apache-kafka.test.js')

/** Runs test files with ava and counts by its TAP output; the explanation of a failure is printed as it comes. */
async function ava(name, files, concurrency) {
  process.stdout.write(`\n== ${name}\n`)
  const before = total.failed
  const code = await run('npx', ['ava', '--tap', '--concurrency', String(concurrency), ...files], (line) => {
    const result = /^(not )?ok \d+ - (.*?)( # SKIP.*| # TODO.*)?$/.exec(line)
    if (!result) {
      if (!/^(TAP version|1\.\.|# (tests|pass|fail|skip)|---|$)/.test(line)) process.stdout.write(`${line}\n`)
    } else if (result[3]) skip(result[2])
    else if (result[1]) fail(result[2])
    else pass(result[2])
  })
  if (code !== 0 && total.failed === before) fail(`${name}: ava ended with ${code}`)
}

/** The engine's own tests: plainly, on its portable paths, under AddressSanitizer and under ThreadSanitizer. */
async function engine() {
  const missing = [
    has('cmake', '--version') ? undefined : 'cmake (Debian: cmake)',
    has('ctest', '--version') ? undefined : 'ctest (Debian: cmake)',
    existsSync('/usr/include/gtest/gtest.h') || existsSync('/usr/local/include/gtest/gtest.h')
      ? undefined
      : 'GoogleTest (Debian: libgtest-dev)',
  ].filter(Boolean)
  if (missing.length > 0) return skip(`the engine’s tests: ${missing.join(', ')} is missing`)
  if (await buildEngine('engine', 'build/engine')) {
    await testEngine('engine', 'build/engine')
    // Without a look at the page cache nothing counts as cold.
    await testEngine('engine, portable paths', 'build/engine', {
      args: ['--exclude-regex', 'IsCold|FirstColdOne'],
      env: { ODRADEK_PORTABLE: '1' },
    })
  }
  for (const { name, sanitize, flag } of [
    { name: 'engine under AddressSanitizer', sanitize: 'address', flag: 'address,undefined' },
    { name: 'engine under ThreadSanitizer', sanitize: 'thread', flag: 'thread' },
  ]) {
    const how = runSanitized(flag)
    const build = `build/engine-${sanitize}`
    if (how === undefined) skip(`${name}: this compiler or system does not run -fsanitize=${flag}`)
    else if (await buildEngine(name, build, { ...how, args: [`-DSANITIZE=${sanitize}`] }))
      await testEngine(name, build, how)
    if (sanitize === 'address' && how !== undefined) await fuzzEngine(how)
  }
}

/** Brokers as processes under faults from a few seeds; the last line that it prints counts what was found. */
async function clusterFaults() {
  const name = 'cluster faults'
  if (process.platform !== 'linux') return skip(`${name}: only Linux has all loopback addresses`)
  if (!has('etcd', '--version')) return skip(`${name}: etcd is missing (Debian: etcd-server)`)
  process.stdout.write(`\n== ${name}\n`)
  const code = await run('node', ['dist/test/faults/main.js'], undefined, { SEEDS: faultSeeds, JOBS: '2' })
  if (code === 0) pass(name)
  else fail(name)
}

/** One result for each target; what it prints tells the number of cases. */
async function fuzzEngine(how) {
  process.stdout.write('\n== fuzz the engine\n')
  const before = total.failed
  const [command, ...args] = [...how.prefix, process.execPath, 'scripts/fuzz.js']
  const code = await run(
    command,
    args,
    (line) => {
      process.stdout.write(`${line}\n`)
      const target = /^(\w+)_fuzz, seeds/.exec(line)
      if (!target) return
      if (line.includes('FAILED')) fail(`fuzz ${target[1]}`)
      else pass(`fuzz ${target[1]}`)
    },
    how.env,
  )
  if (code === 2) skip('fuzz the engine: its targets cannot be built here')
  else if (code !== 0 && total.failed === before) fail(`fuzz the engine: it ended with ${code}`)
}

/** How a program with the sanitizer runs here; undefined where it does not. */
function runSanitized(flag) {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-sanitizer-'))
  const program = join(folder, 'program')
  try {
    const compiler = process.env.CXX ?? 'c++'
    const build = `echo 'int main() { return 0; }' | ${compiler} -fsanitize=${flag} -x c++ - -o ${program}`
    if (!has('sh', '-c', build)) return undefined
    for (const how of [
      { prefix: [], env: {} },
      // Where addresses are spread too widely for the sanitizer's map.
      { prefix: ['setarch', '--addr-no-randomize'], env: {} },
      // Where a process may not be looked at, which looking for leaks needs.
      { prefix: [], env: { ASAN_OPTIONS: 'detect_leaks=0' } },
    ]) {
      const [command, ...args] = [...how.prefix, program]
      const { status } = spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, ...how.env } })
      if (status === 0) return how
    }
    return undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function buildEngine(name, build, { args = [], prefix = [], env = {} } = {}) {
  process.stdout.write(`\n== ${name}: build\n`)
  // A folder made by another generator keeps it.
  const generator =
    !existsSync(join(build, 'CMakeCache.txt')) && has('ninja', '--version') ? ['-G', 'Ninja'] : []
  for (const step of [
    ['-S', '.', '-B', build, ...generator, ...args],
    ['--build', build, '--parallel', '2'],
  ]) {
    // The build runs the tests' programs to list their tests.
    const [command, ...rest] = [...prefix, 'cmake', ...step]
    if ((await run(command, rest, undefined, env)) !== 0) {
      fail(`${name}: cmake ${step[0]}`)
      return false
    }
  }
  return true
}

async function testEngine(name, build, { args = [], prefix = [], env = {} } = {}) {
  process.stdout.write(`\n== ${name}\n`)
  const before = total.failed
  const [command, ...rest] = [
    ...prefix,
    'ctest',
    '--test-dir',
    build,
    '--output-on-failure',
    '--parallel',
    '2',
  ]
  const code = await run(
    command,
    [...rest, ...args],
    (line) => {
      const result = /^\s*\d+\/\d+ Test +#\d+: (.+?) \.*\s*(Passed|\*\*\*.+?)\s+[\d.]+ sec/.exec(line)
      if (!result) {
        if (!/^\s*(Start|Internal ctest|Test project|Total Test time|\d+% tests)/.test(line)) {
          process.stdout.write(`${line}\n`)
        }
      } else if (result[2] === 'Passed') pass(`${name}: ${result[1]}`)
      else if (/^\*\*\*(Skipped|Not)/.test(result[2])) skip(`${name}: ${result[1]}`)
      else fail(`${name}: ${result[1]}`)
    },
    env,
  )
  // What tests say of themselves, which ctest keeps to itself when they pass.
  const output = join(build, 'Testing/Temporary/LastTest.log')
  const said = existsSync(output) ? readFileSync(output, 'utf8') : ''
  for (const [line] of said.matchAll(/^summary: .*$/gm)) process.stdout.write(`${line}\n`)
  if (code !== 0 && total.failed === before) fail(`${name}: ctest ended with ${code}`)
}

/** Each takes some fifteen seconds, two run at the same time. */
const faultSeeds = '6'

const started = performance.now()
removeStaleTests('dist/test')
if (!existsSync('build/Release/odradek.node'))
  await step('native build', 'npm', ['run', '--silent', 'build:native'])
if (await step('build', 'npm', ['run', '--silent', 'build'])) {
  await step('lint', 'npm', ['run', '--silent', 'lint'])
  // Fetched once before the tests that share them.
  spawnSync(process.execPath, ['scripts/kafka.js', 'libs'], { stdio: 'inherit' })
  const files = testFiles()
  await ava(
    'tests',
    files.filter((path) => !needsOtherPrograms(path)),
    2,
  )
  await ava('real clients', files.filter(needsOtherPrograms), 1)
  await clusterFaults()
  await engine()
}
const minutes = ((performance.now() - started) / 60_000).toFixed(1)
process.stdout.write(`\nran for ${minutes} minutes\n`)
for (const name of skips) process.stdout.write(`skipped: ${name}\n`)
for (const name of failures) process.stdout.write(`failed: ${name}\n`)
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
process.exitCode = total.failed === 0 ? 0 : 1
