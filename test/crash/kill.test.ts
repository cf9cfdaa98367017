import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { IdempotentWriter, WriteRefusedError } from '../support/idempotent-writer.js'
import { createTopic, fetch, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'
import { BrokerProcess } from './broker-process.js'

const kills = 20
const partitions = 3
/** Answers to a round's writers before the broker is killed. */
const answersAtMost = 500

/** All values of a partition, page by page. */
async function readAll(client: TestClient, topic: string, partition: number): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const { records, errorCode, highWatermark } = await fetch(client, topic, values.length, { partition })
    if (errorCode !== 0) throw new Error(`fetch: ${errorCode}`)
    values.push(...(await valuesIn(records)))
    if (values.length >= Number(highWatermark)) return values
  }
}

test(`killed ${kills} times under acks=all, every record is there once and in order`, async (t) => {
  t.timeout(600_000)
  const dataDir = await mkdtemp(join(tmpdir(), 'odradek-kill-'))
  const writers = Array.from(
    { length: partitions },
    (_, partition) => new IdempotentWriter('orders', partition),
  )
  const readyMs: number[] = []
  try {
    {
      await using broker = await BrokerProcess.start(dataDir)
      using client = await TestClient.connect(broker.bootstrap)
      await createTopic(client, 'orders', partitions, { 'segment.bytes': '1048576' })
    }
    for (let round = 0; round < kills; round++) {
      const broker = await BrokerProcess.start(dataDir)
      readyMs.push(broker.readyMs)
      // Somewhere among requests in flight, however fast the machine is.
      let answersLeft = 1 + Math.floor(Math.random() * answersAtMost)
      for (const writer of writers) {
        writer.onAcknowledged = () => {
          if (--answersLeft === 0) setTimeout(() => broker.kill(), Math.random() * 5)
        }
      }
      const outcomes = await Promise.allSettled(
        writers.map((writer) => writer.write(broker.bootstrap, () => false)),
      )
      broker.kill()
      await broker.exited
      for (const outcome of outcomes) {
        const isCrash = outcome.status === 'rejected' && !(outcome.reason instanceof WriteRefusedError)
        t.true(isCrash, outcome.status === 'rejected' ? String(outcome.reason) : 'the writer ended by itself')
      }
    }
    await using broker = await BrokerProcess.start(dataDir)
    using client = await TestClient.connect(broker.bootstrap)
    let total = 0
    for (const writer of writers) {
      const before = await readAll(client, 'orders', writer.partition)
      t.deepEqual(before.slice(0, writer.acknowledged.length), writer.acknowledged)
      // What was in flight at the last kill goes through now, whether it had been stored or not.
      let isFirst = true
      await writer.write(broker.bootstrap, () => {
        const isOver = !isFirst
        isFirst = false
        return isOver
      })
      t.deepEqual(await readAll(client, 'orders', writer.partition), writer.sent)
      total += writer.sent.length
    }
    readyMs.sort((a, b) => a - b)
    t.log(
      `${total} records over ${kills} kills; ready after ${readyMs[kills / 2]} ms (median), ${readyMs.at(-1)} ms at most`,
    )
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})
