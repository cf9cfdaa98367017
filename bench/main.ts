#!/usr/bin/env node
// `npm run bench -- broker` measures Odradek beside Apache Kafka, `-- cluster` three of each, `-- embedded` its embedded log beside other stores,
// `-- logs` thousands of embedded logs in one process, `-- codec` the hot paths of lib/protocol. See bench/README.md.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brokerWorkloads } from './broker/list.js'
import { Generator } from './load/generator.js'
import { chosenByName, roundsOf, UsageError } from './options.js'
import { JavaTools, kafkaClassPath } from './peers/java.js'
import { Kafka } from './peers/kafka.js'
import { Odradek } from './peers/odradek.js'
import type { Peer } from './peers/peer.js'
import { runRounds } from './rounds.js'
import { table, verdicts } from './table.js'
import { Bench, Tools } from './workload.js'

const QUICK_SCALE = 0.1
const ROUNDS = 3

const USAGE = `usage: npm run bench -- broker [options]
       npm run bench -- cluster [options]
       npm run bench -- embedded [options]
       npm run bench -- logs [--rounds N] [--quick] [--folder DIR] [--json FILE]
       npm run bench -- codec [--json FILE]
  --rounds N            how often each workload runs on each peer (${ROUNDS}; cluster 2; 1 with --quick)
  --only NAME,NAME      these workloads; a name ending in * takes all that begin so
  --peers NAME,NAME     odradek,kafka; the aims are for the first; kafka,kafka shows the noise; of \`embedded\`:
                        odradek,fs,fs-sync,lmdb,classic-level,better-sqlite3
  --quick               a tenth of the data: tells that everything works, not how fast
  --folder DIR          where the brokers keep their data (.cache/bench in the project): on the disk to measure
  --fresh-memory        do not fill the memory with page cache first (broker, cluster)
  --json FILE           all figures of all rounds
  --list                the workloads
`

function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

function peersNamed(names: string, root: string, classPath: () => string): Peer[] {
  const list = names.split(',')
  if (list.length > 2) throw new UsageError('--peers takes one or two names')
  return list.map((name, index) => {
    const label = list.indexOf(name) < index ? `${name}-again` : name
    if (name === 'odradek') return new Odradek(root, label)
    if (name === 'kafka') return new Kafka(classPath(), label)
    throw new UsageError(`no peer ${name}: odradek or kafka`)
  })
}

async function benchBroker(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string', default: 'odradek,kafka' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string' },
      'fresh-memory': { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  })
  if (values.list) {
    for (const { name, title } of brokerWorkloads) process.stdout.write(`${name.padEnd(26)}${title}\n`)
    return 0
  }
  const rounds = roundsOf(values.rounds, values.quick ? 1 : ROUNDS)
  const root = projectRoot()
  const cache = join(root, '.cache', 'bench')
  const progress = (text: string) => process.stderr.write(`${text}\n`)

  let classPath: string | undefined
  const neededClassPath = () => (classPath ??= kafkaClassPath(root))
  const peers = peersNamed(values.peers, root, neededClassPath)
  let java: JavaTools | undefined
  let workloads = chosenByName(brokerWorkloads, values.only)
  try {
    java = new JavaTools(neededClassPath())
  } catch (error) {
    const without = workloads.filter(({ needsJava }) => needsJava)
    for (const { name } of without) progress(`${name} skipped: ${(error as Error).message}`)
    workloads = workloads.filter(({ needsJava }) => !needsJava)
  }
  const generator = Generator.build(join(root, 'bench', 'load'), cache)
  const parent = values.folder === undefined ? cache : resolve(values.folder)
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'run-'))
  // Also when the run is interrupted: it may hold gigabytes.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const scale = values.quick ? QUICK_SCALE : 1
  const tools = new Tools({ generator, java, scale, folder, recycleMemory: !values['fresh-memory'] })
  if (!values['fresh-memory']) progress('filling memory with page cache (see bench/README.md)')
  const results = await runRounds({
    stages: workloads.map((workload) => [workload]),
    peers,
    rounds,
    tools,
    progress,
    bench: (shared, peer: Peer) => new Bench(shared, peer),
  })
  process.stdout.write(table(results, workloads))
  if (values.json !== undefined) {
    const judged = { ...results, verdicts: verdicts(results, workloads) }
    writeFileSync(values.json, `${JSON.stringify(judged, null, 2)}\n`)
  }
  return results.measurements.some(({ error }) => error !== undefined) ? 1 : 0
}

/** Loads lib/protocol only here: the broker benchmark shares no code with what it measures. */
async function benchCodec(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { json: { type: 'string' } } })
  await import('./codec/frames.js')
  await import('./codec/record-batches.js')
  const { run } = await import('mitata')
  const { benchmarks } = await run({ throw: true, colors: process.stdout.isTTY === true })
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(benchmarks, null, 2)}\n`)
  return 0
}

/** Loads the embedded log only here, for the same reason. */
async function benchEmbedded(args: readonly string[]): Promise<number> {
  const embedded = await import('./embedded/main.js')
  return await embedded.benchEmbedded(args, projectRoot())
}

async function benchCluster(args: readonly string[]): Promise<number> {
  const cluster = await import('./cluster/main.js')
  return await cluster.benchCluster(args, projectRoot())
}

/** Needs about 7 GB and 1.5 million inodes, a tenth of it with --quick. */
async function benchLogs(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const { runLogs, logsTable } = await import('./logs/run.js')
  const scale = values.quick ? QUICK_SCALE : 1
  const parent = values.folder === undefined ? join(projectRoot(), '.cache', 'bench') : resolve(values.folder)
  mkdirSync(parent, { recursive: true })
  const options = {
    killed: 10_000 * scale,
    open: 100_000 * scale,
    rounds: roundsOf(values.rounds, values.quick ? 1 : ROUNDS),
    parent,
    progress: (text: string) => void process.stderr.write(`${text}\n`),
  }
  const results = await runLogs(options)
  process.stdout.write(logsTable(results, options))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
  return 0
}

const COMMANDS = new Map([
  ['broker', benchBroker],
  ['cluster', benchCluster],
  ['embedded', benchEmbedded],
  ['logs', benchLogs],
  ['codec', benchCodec],
])

const [command, ...args] = process.argv.slice(2)
try {
  const run = COMMANDS.get(command ?? '')
  if (run === undefined) throw new UsageError(`no benchmark ${command ?? ''}`.trim())
  process.exitCode = await run(args)
} catch (error) {
  const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')
  process.stderr.write(`bench: ${(error as Error).message}\n${usage ? USAGE : ''}`)
  process.exitCode = usage ? 2 : 1
}
