/**
 * Several brokers in one process over one metadata store in memory, each with a data folder of its own, and a
 * controller's writes done by hand.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { EmbeddedMetadataStore, type MetadataStore } from '../../lib/cluster/index.js'
import { type PartitionValue, partitionKey, topicKey } from '../../lib/cluster/store/metadata-keys.js'
import { type Broker, createBroker } from '../../lib/index.js'
import { withLeases } from './leased-store.js'
import { MemoryEngine } from './memory-engine.js'
import { TestClient } from './test-client.js'

const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

export interface BrokersOptions {
  ids?: readonly number[]
  properties?: Record<string, string>
  propertiesOf?: (id: number) => Record<string, string>
  /** The store as one broker sees it. */
  storeOf?: (id: number, store: MetadataStore) => MetadataStore
  /** With a controller among them, which does what it does in a cluster over etcd. */
  hasController?: boolean
}

export class Brokers implements AsyncDisposable {
  readonly store: MetadataStore
  readonly #folder: string
  readonly #options: BrokersOptions
  readonly #running = new Map<number, { broker: Broker; client: TestClient }>()

  private constructor(store: MetadataStore, folder: string, options: BrokersOptions) {
    this.store = store
    this.#folder = folder
    this.#options = options
  }

  static async start(options: BrokersOptions = {}): Promise<Brokers> {
    const own = await EmbeddedMetadataStore.open('/metadata', new MemoryEngine().openLog)
    const store = options.hasController ? withLeases(own) : own
    const folder = await mkdtemp(join(tmpdir(), 'odradek-cluster-'))
    const brokers = new Brokers(store, folder, options)
    for (const id of options.ids ?? [1, 2, 3]) await brokers.start(id)
    return brokers
  }

  async start(id: number): Promise<void> {
    const { properties = {}, propertiesOf, storeOf = (_, store) => store } = this.#options
    const broker = await createBroker({
      port: 0,
      dataDir: this.folder(id),
      properties: {
        'node.id': String(id),
        'replica.fetch.backoff.ms': '100',
        ...properties,
        ...propertiesOf?.(id),
      },
      log: log.child({ broker: id }),
      metadataStore: storeOf(id, this.store),
    })
    this.#running.set(id, { broker, client: await TestClient.connect(broker.bootstrap) })
  }

  async stop(id: number): Promise<void> {
    const running = this.#running.get(id)
    if (!running) return
    this.#running.delete(id)
    running.client[Symbol.dispose]()
    await running.broker.close()
  }

  get ids(): number[] {
    return [...this.#running.keys()]
  }

  isRunning(id: number): boolean {
    return this.#running.has(id)
  }

  /** A connection to one broker. */
  client(id: number): TestClient {
    return this.#running.get(id)!.client
  }

  /** Its data folder. */
  folder(id: number): string {
    return join(this.#folder, String(id))
  }

  /** `host:port` of one of its listeners, by name. */
  address(id: number, listenerName: string): string {
    const { host, port } = this.#running.get(id)!.broker.listeners.find(({ name }) => name === listenerName)!
    return `${host}:${port}`
  }

  bootstrap(id: number): string {
    return this.#running.get(id)!.broker.bootstrap
  }

  metricsUrl(id: number): string {
    return this.#running.get(id)!.broker.metricsUrl!
  }

  /** Creates a topic with the replicas of each partition as given, the first of them leading. */
  async createTopic(
    name: string,
    assignments: readonly (readonly number[])[],
    configs: Record<string, string> = {},
  ): Promise<void> {
    const { topics } = await this.client(this.ids[0]!).send('CreateTopics', {
      topics: [
        {
          name,
          numPartitions: -1,
          replicationFactor: -1,
          assignments: assignments.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
    })
    if (topics[0]!.errorCode !== 0) throw new Error(`${name}: ${topics[0]!.errorMessage}`)
  }

  /** What the store says of a partition. */
  async partition(topic: string, partition = 0): Promise<PartitionValue> {
    return JSON.parse((await this.#entry(topic, partition)).value)
  }

  /**
   * Writes a partition's key as a controller does: a new leader gets a new epoch. Without an ISR of the test's own it
   * waits until the leader to be is in sync.
   */
  async elect(
    topic: string,
    leader: number,
    isr: readonly number[] | undefined,
    partition = 0,
  ): Promise<void> {
    for (;;) {
      const { key, value, modRevision } = await this.#entry(topic, partition)
      const registration = JSON.parse((await this.store.get(`brokers/${leader}`))!.value)
      const before: PartitionValue = JSON.parse(value)
      if (!isr && !before.isr.includes(leader)) {
        await delay(5)
        continue
      }
      const after: PartitionValue = {
        ...before,
        leader,
        leaderEpoch: before.leaderEpoch + 100,
        partitionEpoch: before.partitionEpoch + 1,
        isr: isr ?? before.isr,
        brokerEpoch: registration.brokerEpoch,
      }
      const { succeeded } = await this.store.txn({
        compares: [{ key, modRevision }],
        puts: [{ key, value: JSON.stringify(after) }],
      })
      if (succeeded) return
    }
  }

  /** Resolves when the store has these in-sync replicas. */
  async untilInSync(topic: string, ids: readonly number[], partition = 0): Promise<void> {
    const wanted = [...ids].sort().join()
    await until(async () => [...(await this.partition(topic, partition)).isr].sort().join() === wanted)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.ids) await this.stop(id)
    await this.store.close()
    await rm(this.#folder, { recursive: true })
  }

  async #entry(topic: string, partition: number) {
    const { topicId } = JSON.parse((await this.store.get(topicKey(topic)))!.value)
    return (await this.store.get(partitionKey(topicId, partition)))!
  }
}

/** Looks until it is so; the test's own time-out ends what never comes. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5)
}
