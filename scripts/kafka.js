#!/usr/bin/env node
// Apache Kafka for tests and for the benchmark: fetches its jars by Maven and starts a single broker.
//
//   node scripts/kafka.js libs                     fetch the jars if they are not there, print their folder
//   node scripts/kafka.js start PORT DATADIR [--heap 512m] [--override name=value]...
//                                                  start a broker, print READY host:port pid, stop it on SIGTERM
//
// Needs Java and Maven. ODRADEK_KAFKA_LIBS names another folder for the jars. What is missing is named on
// standard error, and the exit code is then 3: callers skip what needs Kafka.

import { spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const VERSION = '4.3.1'
const EXIT_MISSING = 3
/** For a busy machine: one that ends is noticed at once. */
const READY_TIMEOUT_MS = 300_000

const ARTIFACTS = [
  ['org.apache.kafka', 'kafka_2.13', VERSION],
  ['org.apache.kafka', 'kafka-clients', VERSION],
  ['org.apache.kafka', 'kafka-tools', VERSION],
  // Kafka logs through slf4j 1.7; without a binding its errors would be lost.
  ['org.slf4j', 'slf4j-simple', '1.7.36'],
]

function libsFolder() {
  return resolve(
    process.env.ODRADEK_KAFKA_LIBS ?? join(homedir(), '.cache', 'odradek', `kafka-${VERSION}`, 'libs'),
  )
}

function isProgram(name, versionFlag) {
  return spawnSync(name, [versionFlag], { stdio: 'ignore' }).status === 0
}

function missing(text) {
  process.stderr.write(`${text}\n`)
  process.exit(EXIT_MISSING)
}

/** Fetches the jars into a folder beside the final one and renames it, so that a broken download leaves nothing. */
function ensureLibs() {
  if (!isProgram('java', '-version')) missing('java is not installed (Debian: openjdk-17-jre-headless)')
  const libs = libsFolder()
  if (existsSync(join(libs, `kafka_2.13-${VERSION}.jar`))) return libs
  if (!isProgram('mvn', '-version'))
    missing('mvn is not installed (Debian: maven), and no Kafka jars are here')
  mkdirSync(dirname(libs), { recursive: true })
  const work = mkdtempSync(join(dirname(libs), '.fetch-'))
  try {
    const dependencies = ARTIFACTS.map(
      ([group, artifact, version]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
    ).join('')
    writeFileSync(
      join(work, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
        `<groupId>odradek</groupId><artifactId>kafka-libs</artifactId><version>1</version>` +
        `<dependencies>${dependencies}</dependencies></project>`,
    )
    const mvn = spawnSync(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'libs')}`],
      { cwd: work, encoding: 'utf8' },
    )
    if (mvn.status !== 0) missing(`mvn could not fetch Kafka ${VERSION}:\n${mvn.stdout}${mvn.stderr}`)
    try {
      renameSync(join(work, 'libs'), libs)
    } catch (error) {
      // Another process may have fetched them at the same time.
      if (!existsSync(join(libs, `kafka_2.13-${VERSION}.jar`))) throw error
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return libs
}

/** One that nobody is given who takes any port, until Kafka binds it: those begin at 32768. */
async function freePort() {
  for (;;) {
    const port = randomInt(12_000, 32_000)
    const server = createServer()
    const isFree = await new Promise((answer) => {
      server.once('error', () => answer(false))
      server.listen(port, '127.0.0.1', () => answer(true))
    })
    if (!isFree) continue
    await new Promise((closed) => server.close(closed))
    return port
  }
}

function accepts(port) {
  return new Promise((answer) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.end())
  })
}

function serverProperties(port, controllerPort, dataDir, overrides) {
  const settings = new Map([
    ['process.roles', 'broker,controller'],
    ['node.id', '1'],
    ['controller.quorum.voters', `1@127.0.0.1:${controllerPort}`],
    ['listeners', `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`],
    ['advertised.listeners', `PLAINTEXT://127.0.0.1:${port}`],
    ['listener.security.protocol.map', 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT'],
    ['controller.listener.names', 'CONTROLLER'],
    ['log.dirs', dataDir],
    ['offsets.topic.replication.factor', '1'],
    ['offsets.topic.num.partitions', '4'],
    ['transaction.state.log.replication.factor', '1'],
    ['transaction.state.log.min.isr', '1'],
    ['share.coordinator.state.topic.replication.factor', '1'],
    ['share.coordinator.state.topic.min.isr', '1'],
    ['group.initial.rebalance.delay.ms', '0'],
  ])
  for (const override of overrides) {
    const at = override.indexOf('=')
    if (at < 1) throw new Error(`--override takes name=value, not ${override}`)
    settings.set(override.slice(0, at), override.slice(at + 1))
  }
  return [...settings].map(([name, value]) => `${name}=${value}\n`).join('')
}

async function start(port, dataDir, heap, overrides) {
  const libs = ensureLibs()
  const classPath = `${libs}/*`
  const logging = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
  ]
  mkdirSync(dataDir, { recursive: true })
  const properties = join(dataDir, '..', `kafka-${port}.properties`)
  writeFileSync(properties, serverProperties(port, await freePort(), dataDir, overrides))

  if (!readdirSync(dataDir).includes('meta.properties')) {
    const clusterId = 'b2RyYWRlay1jb250cm9sLQ'
    const format = spawnSync(
      'java',
      [
        '-Xmx128m',
        ...logging,
        '-cp',
        classPath,
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId,
        '-c',
        properties,
      ],
      { encoding: 'utf8' },
    )
    if (format.status !== 0)
      throw new Error(`formatting ${dataDir} failed:\n${format.stdout}${format.stderr}`)
  }

  const java = spawn(
    'java',
    [`-Xmx${heap}`, `-Xms${heap}`, '-XX:+UseG1GC', ...logging, '-cp', classPath, 'kafka.Kafka', properties],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = new Promise((done) => java.once('exit', (code, signal) => done(code ?? signal)))
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => java.kill('SIGTERM'))
  // Whoever started this script may be killed hard; the broker must not outlive it.
  process.on('exit', () => java.kill('SIGKILL'))

  const giveUpAt = performance.now() + READY_TIMEOUT_MS
  let exited = null
  ended.then((code) => (exited = code))
  while (!(await accepts(port))) {
    if (exited !== null) throw new Error(`Kafka ended with ${exited} before it was ready`)
    if (performance.now() > giveUpAt) throw new Error(`Kafka was not ready within ${READY_TIMEOUT_MS} ms`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
  process.stdout.write(`READY 127.0.0.1:${port} ${java.pid}\n`)
  const code = await ended
  process.exit(code === 0 || code === 143 || code === 'SIGTERM' ? 0 : 1)
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    heap: { type: 'string', default: '512m' },
    override: { type: 'string', multiple: true, default: [] },
  },
})
const [command, ...rest] = positionals
if (command === 'libs' && rest.length === 0) {
  process.stdout.write(`${ensureLibs()}\n`)
} else if (command === 'start' && rest.length === 2) {
  start(Number(rest[0]), resolve(rest[1]), values.heap, values.override).catch((error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
} else {
  process.stderr.write(
    'usage: kafka.js libs | kafka.js start PORT DATADIR [--heap 512m] [--override name=value]...\n',
  )
  process.exit(2)
}
