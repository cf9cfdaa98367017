/** `odradek log` beside Kafka's own kafka-dump-log, on the same files. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import { textRow } from '../../lib/cli/log-rows.js'
import { Log } from '../../lib/embedded/index.js'
import { dumpLog, verifyLog } from '../../lib/storage/inspection/index.js'
import { kafkaFolder } from '../support/kafka-folder.js'
import { type Outcome, run } from '../support/program.js'
import { until } from '../support/serving.js'
import { COMPRESSIONS } from '../support/suite.js'
import { kafkaJars, openOdradek } from '../support/target.js'

const { libs, missing } = kafkaJars()
const kafkaTest = missing === undefined ? test.serial : test.skip
const skipped = missing === undefined ? '' : ` (skipped: ${missing})`

function kafkaDump(files: readonly string[], ...options: string[]): Promise<Outcome> {
  const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error']
  const main = 'org.apache.kafka.tools.DumpLogSegments'
  return run('java', [...java, '-cp', `${libs}/*`, main, ...options, '--files', files.join(',')], {
    timeoutMs: 300_000,
  })
}

async function ourDump(files: readonly string[]): Promise<string[]> {
  const lines: string[] = []
  for (const file of files) {
    for await (const row of dumpLog(file, { records: true })) lines.push(...textRow(row).split('\n'))
  }
  return lines
}

/** The files below a folder that both tools read; Kafka's fails at indexes that hold nothing. */
function filesOf(folder: string, suffixes = /^\d{20}\.(log|index|timeindex|txnindex|snapshot)$/): string[] {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  return names
    .filter((entry) => entry.isFile() && suffixes.test(entry.name) && !entry.parentPath.includes('/__'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Kafka's lines without its remarks, of which those that tell a fault are checked for. */
function linesOf(t: ExecutionContext, { stdout, stderr }: Outcome): string[] {
  t.notRegex(stdout + stderr, /isvalid: false|[Mm]ismatch|out of order|not found|Found invalid|[Cc]orrupt/)
  return stdout.split('\n').filter((line) => line !== '' && !line.endsWith('.index is empty.'))
}

kafkaTest(`both tools print the same of a folder that Kafka wrote${skipped}`, async (t) => {
  const files = filesOf(kafkaFolder(t, 'clean'))
  const kafka = linesOf(t, await kafkaDump(files, '--print-data-log'))
  const ours = await ourDump(files)
  t.true(ours.length > 500)
  t.deepEqual(ours, kafka)
})

kafkaTest(`Kafka's tool reads what the embedded log wrote, and prints the same${skipped}`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'odradek-dump-log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  for (const compression of COMPRESSIONS) {
    await using log = await Log.open(join(folder, `${compression}-0`), {
      durability: 'os',
      compression,
      segmentBytes: 256 * 1024,
    })
    for (let i = 0; i < 150; i++) {
      const value = `${i} `.repeat(800 + i)
      const headers = { trace: String(i) }
      await log.append([
        { key: `key ${i}`, value, headers, timestamp: 1_700_000_000_000 + i },
        { value: null },
      ])
    }
  }
  const files = filesOf(folder, /^\d{20}\.(log|index|timeindex)$/)
  t.true(files.filter((file) => file.endsWith('.log')).length > COMPRESSIONS.length, 'some logs were rolled')
  t.deepEqual(
    await ourDump(files),
    linesOf(t, await kafkaDump(files, '--deep-iteration', '--print-data-log')),
  )
  const checked = await kafkaDump(
    files.filter((file) => !file.endsWith('.log')),
    '--index-sanity-check',
  )
  t.notRegex(checked.stdout + checked.stderr, /rror|xception/)
  t.regex(checked.stdout, /passed sanity check/)
  t.is((await verifyLog(folder, ({ problem }) => t.fail(problem))).faults, 0)
})

kafkaTest(`Kafka's tool reads what the broker wrote, and prints the same${skipped}`, async (t) => {
  await using target = await openOdradek({ 'log.segment.bytes': '1048576' })
  const { Producer } = await import('@platformatic/kafka')
  const producer = new Producer({
    clientId: 'dump-log',
    bootstrapBrokers: [target.bootstrap],
    autocreateTopics: true,
    idempotent: true,
  })
  for (let i = 0; i < 30; i++) {
    const value = Buffer.alloc(50_000, `${i} `)
    await producer.send({ messages: [{ topic: 'dumped', key: Buffer.from(`k${i}`), value, partition: 0 }] })
  }
  await producer.close()
  // Written behind the roll, beside what is answered.
  await until(() => filesOf(target.dataDir, /\.snapshot$/).length > 0, 60_000)
  const files = filesOf(target.dataDir, /^\d{20}\.(log|index|timeindex|snapshot)$/)
  // The broker runs, and has told the producer that these are written.
  const ours = (await ourDump(files)).map((line) => line.replace(/ earlierBatches: \d+$/, ''))
  t.deepEqual(ours, linesOf(t, await kafkaDump(files, '--print-data-log')))
  t.is((await verifyLog(target.dataDir, ({ problem }) => t.fail(problem))).faults, 0)
})
