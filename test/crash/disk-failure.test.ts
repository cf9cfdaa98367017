import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ErrorCode } from '../../lib/protocol/index.js'
import { type DiskFault, FaultyBroker } from '../support/faulty-broker.js'
import { batchOf, createTopic, fetch, produce, valuesIn } from '../support/records.js'
import { TestClient } from '../support/test-client.js'

const { ENOSPC, EIO } = constants.errno

/** A data folder with two topics, and the brokers that follow each other on it. */
class Scene implements AsyncDisposable {
  readonly #dataDir: string
  broker: FaultyBroker
  client: TestClient

  private constructor(dataDir: string, broker: FaultyBroker, client: TestClient) {
    this.#dataDir = dataDir
    this.broker = broker
    this.client = client
  }

  static async open(): Promise<Scene> {
    const dataDir = await mkdtemp(join(tmpdir(), 'odradek-faults-'))
    const broker = await FaultyBroker.start(dataDir)
    const scene = new Scene(dataDir, broker, await TestClient.connect(broker.bootstrap))
    for (const topic of ['sick', 'well']) await createTopic(scene.client, topic)
    return scene
  }

  /** Stops or kills the broker and starts the next one, on a disk with these faults. */
  async restart(how: 'close' | 'kill', faults: DiskFault[] = []): Promise<void> {
    this.client[Symbol.dispose]()
    await this.broker[how]()
    this.broker = await FaultyBroker.start(this.#dataDir, faults)
    this.client = await TestClient.connect(this.broker.bootstrap)
  }

  async write(topic: string, ...values: string[]): Promise<number> {
    return (await produce(this.client, topic, batchOf(values))).errorCode
  }

  /** The values, or the error that the partition answers with. */
  async read(topic: string): Promise<string[] | number> {
    const { errorCode, records } = await fetch(this.client, topic, 0)
    return errorCode === 0 ? valuesIn(records) : errorCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]()
    await this.broker.kill()
    await rm(this.#dataDir, { recursive: true, force: true })
  }
}

async function othersGoOn(t: ExecutionContext, scene: Scene): Promise<void> {
  t.is(await scene.write('well', 'b'), 0)
  t.deepEqual(await scene.read('well'), ['a', 'b'])
}

const faults: { title: string; fault: DiskFault }[] = [
  { title: 'a full disk', fault: { operation: 'write', path: '/sick-0/', errno: ENOSPC } },
  { title: 'a failing fdatasync', fault: { operation: 'sync', path: '/sick-0/', errno: EIO } },
  { title: 'a failing write', fault: { operation: 'write', path: '/sick-0/', errno: EIO } },
]

for (const { title, fault } of faults) {
  for (const how of ['close', 'kill'] as const) {
    test(`${title} fails its partition alone; what was acknowledged is there after a ${how}`, async (t) => {
      await using scene = await Scene.open()
      for (const topic of ['sick', 'well']) t.is(await scene.write(topic, 'a'), 0)
      await scene.broker.fail(fault)
      t.is(await scene.write('sick', 'refused'), ErrorCode.KAFKA_STORAGE_ERROR)
      t.is(await scene.write('sick', 'refused'), ErrorCode.KAFKA_STORAGE_ERROR)
      t.is(await scene.read('sick'), ErrorCode.KAFKA_STORAGE_ERROR)
      await othersGoOn(t, scene)

      await scene.broker.fail()
      t.is(await scene.write('sick', 'refused'), ErrorCode.KAFKA_STORAGE_ERROR, 'until a restart')
      await scene.restart(how)
      t.deepEqual(await scene.read('sick'), ['a'], 'and nothing that was refused')
      t.is(await scene.write('sick', 'b'), 0)
      t.deepEqual(await scene.read('sick'), ['a', 'b'])
      t.deepEqual(await scene.read('well'), ['a', 'b'])
    })
  }
}

test('a disk that is full for all: everything is refused by name, the broker stays, and goes on after a restart', async (t) => {
  await using scene = await Scene.open()
  for (const topic of ['sick', 'well']) t.is(await scene.write(topic, 'a'), 0)
  await scene.broker.fail({ operation: 'write', path: '', errno: ENOSPC })
  for (const topic of ['sick', 'well']) {
    t.is(await scene.write(topic, 'refused'), ErrorCode.KAFKA_STORAGE_ERROR)
  }
  const { topics } = await scene.client.send('CreateTopics', {
    topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1 }],
  })
  t.is(topics[0]!.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  const { brokers } = await scene.client.send('Metadata', { topics: null })
  t.is(brokers.length, 1)

  await scene.restart('close')
  for (const topic of ['sick', 'well']) {
    t.is(await scene.write(topic, 'b'), 0)
    t.deepEqual(await scene.read(topic), ['a', 'b'])
  }
  await createTopic(scene.client, 'new')
})

test('a log that cannot be opened leaves its partition offline; the broker starts and serves the others', async (t) => {
  await using scene = await Scene.open()
  for (const topic of ['sick', 'well']) t.is(await scene.write(topic, 'a'), 0)
  await scene.restart('kill', [{ operation: 'open', path: '/sick-0/00', errno: EIO }])
  t.is(await scene.write('sick', 'refused'), ErrorCode.KAFKA_STORAGE_ERROR)
  t.is(await scene.read('sick'), ErrorCode.KAFKA_STORAGE_ERROR)
  await othersGoOn(t, scene)

  await scene.restart('kill')
  t.deepEqual(await scene.read('sick'), ['a'])
})

test('a topic whose log could not be opened is unknown once it is deleted, and can be made anew', async (t) => {
  await using scene = await Scene.open()
  await scene.restart('kill', [{ operation: 'open', path: '/sick-0/00', errno: EIO }])
  t.is(await scene.read('sick'), ErrorCode.KAFKA_STORAGE_ERROR)
  await scene.broker.fail()
  await scene.client.send('DeleteTopics', { topics: [{ name: 'sick' }], timeoutMs: 60_000 })
  t.is(await scene.read('sick'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  await createTopic(scene.client, 'sick')
  t.is(await scene.write('sick', 'a'), 0)
  t.deepEqual(await scene.read('sick'), ['a'])
})

test('a topic whose folder cannot be kept is offline, and comes up with the next start', async (t) => {
  await using scene = await Scene.open()
  t.is(await scene.write('well', 'a'), 0)
  await scene.broker.fail({ operation: 'syncFolder', path: '/new-0', errno: EIO })
  await createTopic(scene.client, 'new')
  t.is(await scene.write('new', 'refused'), ErrorCode.KAFKA_STORAGE_ERROR)
  await othersGoOn(t, scene)

  await scene.restart('close')
  t.is(await scene.write('new', 'a'), 0)
  t.deepEqual(await scene.read('new'), ['a'])
})

test('offsets that cannot be written are refused, and those before them are kept', async (t) => {
  await using scene = await Scene.open()
  const commit = async (committedOffset: number) => {
    const response = await scene.client.send(
      'OffsetCommit',
      { groupId: 'g', topics: [{ name: 'well', partitions: [{ partitionIndex: 0, committedOffset }] }] },
      9,
    )
    return response.topics[0]!.partitions[0]!.errorCode
  }
  const committed = async () => {
    const { groups } = await scene.client.send(
      'OffsetFetch',
      { groups: [{ groupId: 'g', topics: [{ name: 'well', partitionIndexes: [0] }] }] },
      8,
    )
    return groups[0]!.topics[0]?.partitions[0]?.committedOffset
  }
  /** A coordinator that was just made or started may still be loading. */
  const settled = async <T>(ask: () => Promise<T>, isSettled: (answer: T) => boolean): Promise<T> => {
    for (;;) {
      const answer = await ask()
      if (isSettled(answer)) return answer
    }
  }
  await scene.client.send('FindCoordinator', { keyType: 0, coordinatorKeys: ['g'] })
  t.is(
    await settled(
      () => commit(1),
      (code) => code !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ),
    0,
  )
  await scene.broker.fail({ operation: 'write', path: '/__consumer_offsets-', errno: ENOSPC })
  t.not(await commit(2), 0)
  t.is(await scene.write('well', 'a'), 0)

  await scene.restart('close')
  t.is(await settled(committed, (offset) => offset !== undefined), 1)
  t.is(await commit(3), 0)
  t.is(await committed(), 3)
})
