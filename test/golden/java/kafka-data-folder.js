/**
 * Makes test/golden/kafka-data-folder-*.tar.gz and .ndjson.gz anew: data folders that Apache Kafka 4.3.1 wrote, one
 * stopped cleanly, the same one after more was written and `kill -9`, each with what Kafka's own clients saw in it
 * before the stop. Needs a JDK of 17 or newer, Maven or the jars, and tar.
 *   node test/golden/java/kafka-data-folder.js
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

const here = new URL('.', import.meta.url).pathname
const golden = join(here, '..')
const kafkaScript = join(here, '../../../scripts/kafka.js')
const work = mkdtempSync(join(tmpdir(), 'kafka-data-folder-'))
const dataDir = join(work, 'data')
const overrides = [
  'offsets.topic.num.partitions=2',
  'transaction.state.log.num.partitions=2',
  'transaction.max.timeout.ms=900000',
  'log.cleaner.backoff.ms=100',
  'log.initial.task.delay.ms=500',
  // Indexes of a broker that runs are as large as they may get.
  'log.index.size.max.bytes=4096',
  'log.segment.delete.delay.ms=0',
  'metadata.log.max.record.bytes.between.snapshots=2000',
]
const libs = execFileSync('node', [kafkaScript, 'libs'], { encoding: 'utf8' }).trim()
const classes = join(work, 'classes')
execFileSync('javac', ['-d', classes, '-cp', `${libs}/*`, join(here, 'KafkaDataFolder.java')], { stdio: 'inherit' })

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function startKafka() {
  const port = await freePort()
  const args = [kafkaScript, 'start', String(port), dataDir, ...overrides.flatMap((each) => ['--override', each])]
  const child = spawn('node', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((done) => child.once('exit', done))
  const pid = await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => resolve(Number(/READY \S+ (\d+)/.exec(text)[1])))
    child.once('exit', () => reject(new Error('Kafka did not start')))
  })
  return {
    bootstrap: `127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
    async kill() {
      process.kill(pid, 'SIGKILL')
      await ended
    },
  }
}

function java(bootstrap, command) {
  const args = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', `${classes}:${libs}/*`, 'KafkaDataFolder']
  return execFileSync('java', [...args, bootstrap, command], { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 })
}

/** Compaction and the deletion of old segments go on behind. */
async function settled() {
  const cleaned = join(dataDir, 'cleaner-offset-checkpoint')
  const isClean = () =>
    existsSync(cleaned) && ['compacted 0', 'compacted.transactions 0'].every((log) => readFileSync(cleaned, 'utf8').includes(log))
  while (!isClean()) await sleep(100)
  await sleep(5_000)
}

function pack(name, listing) {
  writeFileSync(join(golden, `${name}.ndjson.gz`), gzipSync(listing, { level: 9 }))
  const fixed = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=2026-01-01']
  const tar = execFileSync('tar', ['-cS', ...fixed, '-C', dataDir, '.'], { maxBuffer: 1 << 28 })
  writeFileSync(join(golden, `${name}.tar.gz`), gzipSync(tar, { level: 9 }))
}

try {
  let kafka = await startKafka()
  java(kafka.bootstrap, 'write')
  await settled()
  const clean = java(kafka.bootstrap, 'list')
  await kafka.stop()
  pack('kafka-data-folder-clean', clean)

  kafka = await startKafka()
  java(kafka.bootstrap, 'more')
  await settled()
  const killed = java(kafka.bootstrap, 'list')
  await kafka.kill()
  pack('kafka-data-folder-killed', killed)
} finally {
  rmSync(work, { recursive: true, force: true })
}
