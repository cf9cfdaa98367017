/** Brokers that die, stop, stand still and come back, over a real etcd: what was acknowledged is there, once. */
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { BrokerProcesses } from '../support/broker-processes.js'
import { until } from '../support/brokers.js'
import { etcdTest } from '../support/etcd-test.js'
import { IdempotentWriter } from '../support/idempotent-writer.js'
import { batchOf, fetch, produce, valuesIn } from '../support/records.js'
import type { TestClient } from '../support/test-client.js'

const topic = 'orders'
const all = [1, 2, 3]

let started: Promise<BrokerProcesses> | undefined
test.after.always(async () => {
  await (await started)?.[Symbol.asyncDispose]()
})

/** All of them run, and are in sync. */
async function whole(name: string): Promise<BrokerProcesses> {
  started ??= BrokerProcesses.start(all)
  const brokers = await started
  for (const id of all) if (!brokers.running.has(id)) await brokers.start(id)
  await brokers.createTopic(name, 1, 3)
  await brokers.untilInSync(name, all)
  return brokers
}

/** Writes to whoever leads until told to stop; notes when each answer came. */
class FollowingWriter {
  readonly writer: IdempotentWriter
  #stopped = false
  #lastAt = performance.now()
  longestWaitMs = 0
  readonly #ended: Promise<void>

  constructor(brokers: BrokerProcesses, name: string) {
    this.writer = new IdempotentWriter(name, 0)
    this.writer.onAcknowledged = () => {
      const now = performance.now()
      this.longestWaitMs = Math.max(this.longestWaitMs, now - this.#lastAt)
      this.#lastAt = now
    }
    this.#ended = this.#write(brokers, name)
  }

  get count(): number {
    return this.writer.acknowledged.length
  }

  /** Resolves when more has been acknowledged than now. */
  async more(): Promise<void> {
    const { count } = this
    await until(() => this.count > count + 20)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#ended
  }

  async #write(brokers: BrokerProcesses, name: string): Promise<void> {
    while (!this.#stopped) {
      const { bootstrap } = await brokers.leader(name)
      await this.writer.write(bootstrap, () => this.#stopped, { pauseMs: 2 }).catch(() => delay(5))
    }
  }
}

async function readAll(brokers: BrokerProcesses, name: string): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    // Asked anew each time: whoever was told of may lead no more.
    const { id } = await brokers.leader(name)
    using client = await brokers.client(id)
    const answer = await fetch(client, name, values.length, { maxBytes: 1 << 22 })
    if (answer.errorCode !== 0) continue
    if (Number(answer.highWatermark) === values.length) return values
    values.push(...(await valuesIn(answer.records)))
  }
}

/** Sent values are numbered: what is there must be a run of them that holds all that was acknowledged. */
async function assertNothingLost(
  t: ExecutionContext,
  brokers: BrokerProcesses,
  name: string,
  { writer }: FollowingWriter,
): Promise<void> {
  const found = await readAll(brokers, name)
  t.deepEqual(found.slice(0, writer.acknowledged.length), writer.acknowledged)
  t.deepEqual(found, writer.sent.slice(0, found.length))
}

etcdTest('the leader is killed, twice: what was acknowledged is there once and in order', async (t) => {
  const name = `${topic}-kill`
  const brokers = await whole(name)
  const writer = new FollowingWriter(brokers, name)
  for (let round = 0; round < 2; round++) {
    await writer.more()
    writer.longestWaitMs = 0
    const { id } = await brokers.leader(name)
    await brokers.kill(id)
    await writer.more()
    t.log(`killed broker ${id}: ${Math.round(writer.longestWaitMs)} ms without an answer`)
    await brokers.start(id)
    await brokers.untilInSync(name, all)
  }
  await writer.stop()
  await assertNothingLost(t, brokers, name, writer)
})

etcdTest('a follower is killed: writing goes on without it', async (t) => {
  const name = `${topic}-follower`
  const brokers = await whole(name)
  const writer = new FollowingWriter(brokers, name)
  await writer.more()
  const { id: leader } = await brokers.leader(name)
  const follower = all.find((id) => id !== leader)!
  writer.longestWaitMs = 0
  await brokers.kill(follower)
  await brokers.untilInSync(
    name,
    all.filter((id) => id !== follower),
  )
  await writer.more()
  t.log(`killed follower ${follower}: ${Math.round(writer.longestWaitMs)} ms without an answer`)
  await writer.stop()
  t.is((await brokers.partition(name)).leader, leader)
  await assertNothingLost(t, brokers, name, writer)
})

etcdTest('a broker that stops hands over what it leads first', async (t) => {
  const name = `${topic}-stop`
  const brokers = await whole(name)
  const writer = new FollowingWriter(brokers, name)
  await writer.more()
  const { id } = await brokers.leader(name)
  writer.longestWaitMs = 0
  t.is(await brokers.stop(id), 0)
  await writer.more()
  t.log(`stopped broker ${id}: ${Math.round(writer.longestWaitMs)} ms without an answer`)
  await writer.stop()
  const { leader, isr } = await brokers.partition(name)
  t.not(leader, id)
  t.false(isr.includes(id))
  await assertNothingLost(t, brokers, name, writer)
})

etcdTest('a leader that stood still longer than its lease acknowledges nothing any more', async (t) => {
  const name = `${topic}-pause`
  const brokers = await whole(name)
  const { id } = await brokers.leader(name)
  using client = await brokers.client(id)
  // Others may tell of a leader before it knows.
  await until(async () => (await produce(client, name, batchOf(['before']))).errorCode === 0)
  brokers.signal(id, 'SIGSTOP')
  await until(async () => (await brokers.partition(name)).leader !== id)
  const asked = produce(client, name, batchOf(['lost']), { acks: 1 })
  brokers.signal(id, 'SIGCONT')
  t.is((await asked).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  await brokers.untilInSync(name, all)
  const found = await readAll(brokers, name)
  t.true(found.includes('before'))
  t.false(found.includes('lost'))
})

/** etcd has fallen silent; the client is one of the leader, which went on. */
async function silenced(brokers: BrokerProcesses, name: string): Promise<TestClient> {
  for (;;) {
    const { id } = await brokers.leader(name)
    const client = await brokers.client(id)
    const isServed = async () => (await produce(client, name, batchOf(['a']))).errorCode === ErrorCode.NONE
    // Others may tell of a leader before it knows.
    if (await isServed()) {
      await brokers.etcd.pause()
      if (await isServed()) return client
      // On a machine that stood still its lease was over by then: once more.
      brokers.etcd.resume()
    }
    client[Symbol.dispose]()
  }
}

etcdTest(
  'with etcd silent leaders go on and fence themselves in time, and all comes back by itself',
  async (t) => {
    const name = `${topic}-etcd`
    const brokers = await whole(name)
    using client = await silenced(brokers, name)
    await until(async () => {
      const { errorCode } = await produce(client, name, batchOf(['b']), { acks: 1 })
      return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
    })
    brokers.etcd.resume()
    const writer = new FollowingWriter(brokers, name)
    await writer.more()
    await writer.stop()
    await brokers.untilInSync(name, all)
    t.deepEqual((await readAll(brokers, name)).slice(-writer.count), writer.writer.acknowledged)
  },
)

etcdTest('a broker whose node id another one took over ends, and says why', async (t) => {
  const brokers = await whole(`${topic}-taken`)
  const { process } = brokers.running.get(3)!
  const before = JSON.parse((await brokers.store.get('brokers/3'))!.value)
  const after = { ...before, brokerEpoch: before.brokerEpoch + 1, incarnation: 'another' }
  await brokers.store.txn({
    puts: [{ key: 'brokers/3', value: JSON.stringify(after) }],
    deletes: ['live/3'],
  })
  const { code, stderr } = await process.ended
  brokers.running.delete(3)
  t.is(code, 1)
  t.regex(stderr, /\nodradek serve: another broker has started with node\.id 3: choose another node\.id\n$/)
})

etcdTest('a broker that contradicts the cluster does not start, and says why in one line', async (t) => {
  const brokers = await whole(`${topic}-refused`)
  const refusal = (id: number, options: Parameters<BrokerProcesses['start']>[1]) =>
    t.throwsAsync(brokers.start(id, options))
  t.regex((await refusal(2, { folder: 'another' })).message, /^ended with 1: .*node\.id 2 belongs to .*\n$/)
  await brokers.stop(3)
  const refused = async (overrides: Record<string, string>) => (await refusal(3, { overrides })).message
  const advertised = (address: string) => refused({ 'advertised.listeners': `PLAINTEXT://${address}` })
  // No name server is asked for a name like this.
  t.regex(
    await advertised('nowhere..invalid:1'),
    /^ended with 1: .*cannot reach itself there \(ENOTFOUND\).*\n$/,
  )
  t.regex(await advertised('127.0.0.1:1'), /^ended with 1: .*cannot reach itself there \(ECONNREFUSED\).*\n$/)
  const { bootstrap } = brokers.running.get(1)!
  t.regex(await advertised(bootstrap), /^ended with 1: .*is the address of broker 1 already.*\n$/)
  const alone = {
    listeners: 'OWN://127.0.0.1:0',
    'listener.security.protocol.map': 'OWN:PLAINTEXT',
  }
  t.regex(await refused(alone), /^ended with 1: .*the listener OWN here, and broker \d has none.*\n$/)
  const elsewhere = { overrides: { 'etcd.prefix': 'elsewhere/' } }
  t.regex((await refusal(3, elsewhere)).message, /^ended with 1: .*belongs to cluster .*\n$/)
  const unknown = { overrides: { 'etcd.endpoints': '127.0.0.1:1', 'etcd.request.timeout.ms': '200' } }
  t.regex((await refusal(3, unknown)).message, /^ended with 1: .*cannot be reached.*127\.0\.0\.1:1\n$/)
})
