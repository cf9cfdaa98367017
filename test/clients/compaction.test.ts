/** A gigabyte of keyed records, cleaned twice, as Kafka's own tools see it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { run } from '../support/program.js'
import { createTopic, produce } from '../support/records.js'
import { ServeProcess, temporaryFolder } from '../support/serve-process.js'
import { suite } from '../support/suite.js'
import { kafkaJars, startApacheKafka, type Target } from '../support/target.js'
import { TestClient } from '../support/test-client.js'
import { alterTopic, cleanedUpTo, listOffset, segmentsOf } from '../support/topic-view.js'
import { batchAt, isTombstone, keyOf, recordsPerBatch, valueOfRecord } from './compaction/large-input.js'

const topic = 'profiles'
const records = 1_000_000
/** So many are there when the log is cleaned for the first time. */
const firstRecords = 900_000
const tombstonesStayMs = 500
const requestsInFlight = 4
const settings = { 'log.cleaner.backoff.ms': '50' }

const jars = kafkaJars()
const java = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error']
const javaArgs = (tool: string, args: string) => [...java, '-cp', `${jars.libs}/*`, tool, ...args.split(' ')]

/** A broker in a process of its own, whose memory can be told. */
async function openServing(): Promise<Target & { pid?: number }> {
  if (process.env.KAFKA_CONTROL === '1') return startApacheKafka(settings)
  const folder = await temporaryFolder()
  const overrides = Object.entries(settings).flatMap(([name, value]) => ['--override', `${name}=${value}`])
  const serving = new ServeProcess(['--port', '0', '--data', folder.path, ...overrides])
  return {
    bootstrap: `127.0.0.1:${await serving.ready()}`,
    dataDir: folder.path,
    pid: serving.child.pid,
    [Symbol.asyncDispose]: async () => {
      await serving.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function fill(client: TestClient, from: number, to: number): Promise<void> {
  const inFlight: Promise<unknown>[] = []
  for (let offset = from; offset < to; offset += recordsPerBatch) {
    const batch = await batchAt(offset)
    const answer = produce(client, topic, batch, { acks: 1 }).then(({ errorCode, baseOffset }) => {
      if (errorCode !== 0 || Number(baseOffset) !== offset) throw new Error(`error ${errorCode} at ${offset}`)
    })
    inFlight.push(answer)
    if (inFlight.length >= requestsInFlight) await inFlight.shift()
  }
  await Promise.all(inFlight)
}

/** Has the log cleaned up to its active segment, once; resolves with where that begins and the seconds it took. */
async function clean(
  client: TestClient,
  { dataDir }: Target,
): Promise<{ activeAt: number; seconds: number }> {
  const activeAt = (await segmentsOf(dataDir, topic)).at(-1)!
  const startedAt = performance.now()
  await alterTopic(client, topic, { 'min.cleanable.dirty.ratio': '0.0' })
  while ((await cleanedUpTo(dataDir, topic)) !== activeAt) {
    if (performance.now() - startedAt > 240_000) throw new Error(`the log was not cleaned up to ${activeAt}`)
    await delay(50)
  }
  const seconds = (performance.now() - startedAt) / 1_000
  await alterTopic(client, topic, { 'min.cleanable.dirty.ratio': '1.0' })
  return { activeAt, seconds }
}

/** What two cleanings must leave: offsets in their order. */
function expectedOffsets(firstActiveAt: number, secondActiveAt: number): number[] {
  const last = new Map<string, number>()
  for (let offset = 0; offset < secondActiveAt; offset++) last.set(keyOf(offset), offset)
  const expected = [...last.values()]
    // The time of the tombstones that the first cleaning saw is over.
    .filter((offset) => !(offset < firstActiveAt && isTombstone(offset)))
    .sort((a, b) => a - b)
  for (let offset = secondActiveAt; offset < records; offset++) expected.push(offset)
  return expected
}

async function* consoleConsumer({ bootstrap }: Target, count: number): AsyncGenerator<string> {
  const consumer = spawn(
    'java',
    javaArgs(
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      `--bootstrap-server ${bootstrap} --topic ${topic} --from-beginning --max-messages ${count} --timeout-ms 120000` +
        ' --formatter-property print.key=true --formatter-property print.offset=true',
    ),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  consumer.stderr.on('data', (text) => {
    said += text
  })
  const ended = once(consumer, 'close')
  yield* createInterface({ input: consumer.stdout })
  const [code] = await ended
  if (code !== 0) throw new Error(`the console consumer ended with ${code}: ${said}`)
}

async function requireConsumed(t: ExecutionContext, target: Target, expected: number[]): Promise<void> {
  let seen = 0
  for await (const line of consoleConsumer(target, expected.length)) {
    const offset = expected[seen++]!
    const value = isTombstone(offset) ? 'null' : valueOfRecord(offset)
    const wanted = `Offset:${offset}\t${keyOf(offset)}\t${value}`
    if (line !== wanted) t.is(line, wanted, `record ${seen} of ${expected.length}`)
  }
  t.is(seen, expected.length, 'records consumed')
}

async function requireDumpable(t: ExecutionContext, { dataDir }: Target): Promise<void> {
  const files = (await segmentsOf(dataDir, topic)).flatMap((base) =>
    ['log', 'index', 'timeindex'].map((kind) =>
      join(dataDir, `${topic}-0`, `${String(base).padStart(20, '0')}.${kind}`),
    ),
  )
  const { stdout, stderr } = await run(
    'java',
    javaArgs(
      'org.apache.kafka.tools.DumpLogSegments',
      `--deep-iteration --skip-record-metadata --verify-index-only --files ${files.join(',')}`,
    ),
  )
  t.true((stdout.match(/isvalid: true/g) ?? []).length > 100)
  const complaints = stdout
    .split('\n')
    .filter((line) => /isvalid: false|mismatch|out of order|not found|exception|invalid|corrupt/i.test(line))
  t.deepEqual(complaints, [])
  // Offsets that are missing are what cleaning leaves, and what the tool warns of.
  const warnings = stderr
    .split('\n')
    .filter((line) => line !== '' && !/^Non-consecutive offsets in |^\s*-?\d+ is followed by \d+$/.test(line))
  t.deepEqual(warnings, [])
}

async function peakMemoryMb(pid: number | undefined): Promise<number | undefined> {
  const status = pid === undefined ? '' : await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const found = /VmHWM:\s+(\d+) kB/.exec(status)
  return found ? Number(found[1]) / 1024 : undefined
}

suite(
  'compaction',
  jars.missing,
  [
    {
      name: '1 GB of keyed records keeps the last value of each key and the tombstones that are due',
      async run(t, target) {
        t.timeout(900_000)
        using client = await TestClient.connect(target.bootstrap)
        await createTopic(client, topic, 1, {
          'cleanup.policy': 'compact',
          'min.cleanable.dirty.ratio': '1.0',
          'segment.bytes': String(32 << 20),
          'delete.retention.ms': String(tombstonesStayMs),
        })
        const beganAt = performance.now()
        await fill(client, 0, firstRecords)
        const filledAt = performance.now()
        const before = await peakMemoryMb((target as { pid?: number }).pid)
        const first = await clean(client, target)
        await delay(tombstonesStayMs)

        await fill(client, firstRecords, records)
        await alterTopic(client, topic, { 'delete.retention.ms': String(24 * 3_600_000) })
        const second = await clean(client, target)
        const peak = await peakMemoryMb((target as { pid?: number }).pid)
        t.log(
          `filled in ${((filledAt - beganAt) / 1_000).toFixed(1)} s, cleaned in ${first.seconds.toFixed(1)} s and ` +
            `${second.seconds.toFixed(1)} s, peak memory ${before?.toFixed()} MB before and ${peak?.toFixed()} MB behind it`,
        )

        const expected = expectedOffsets(first.activeAt, second.activeAt)
        const due = expected.filter((offset) => offset < second.activeAt && isTombstone(offset))
        t.true(due.length > 100, 'tombstones that are still due are among what is left')
        t.true(expected.length < records / 4)
        await requireConsumed(t, target, expected)
        t.is(await listOffset(client, topic, -1), records)
        t.is(await listOffset(client, topic, -2), 0)
        await requireDumpable(t, target)
      },
    },
  ],
  { open: openServing },
)
