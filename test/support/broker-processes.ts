/** Three brokers as processes of their own over a real etcd. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { MetadataStore } from '../../lib/cluster/index.js'
import { type PartitionValue, partitionKey, topicKey } from '../../lib/cluster/store/metadata-keys.js'
import { until } from './brokers.js'
import { Etcd } from './etcd.js'
import { ServeProcess } from './serve-process.js'
import { TestClient } from './test-client.js'

const prefix = 'processes/'

interface Running {
  readonly process: ServeProcess
  readonly bootstrap: string
}

export class BrokerProcesses implements AsyncDisposable {
  /** The first of its members, in most tests the only one. */
  readonly etcd: Etcd
  readonly #endpoints: string
  readonly store: MetadataStore
  readonly running = new Map<number, Running>()
  readonly #folder: string

  private constructor(members: readonly Etcd[], store: MetadataStore, folder: string) {
    this.etcd = members[0]!
    this.#endpoints = members.map(({ endpoint }) => endpoint).join()
    this.store = store
    this.#folder = folder
  }

  static async start(
    ids: readonly number[] = [1, 2, 3],
    overridesOf: (id: number) => Record<string, string> = () => ({}),
    members?: readonly Etcd[],
  ): Promise<BrokerProcesses> {
    const etcd = members ?? [await Etcd.start()]
    const folder = await mkdtemp(join(tmpdir(), 'odradek-brokers-'))
    const endpoints = etcd.map(({ endpoint }) => endpoint)
    const brokers = new BrokerProcesses(etcd, await etcd[0]!.open({ prefix, endpoints }), folder)
    await Promise.all(ids.map((id) => brokers.start(id, { overrides: overridesOf(id) })))
    return brokers
  }

  /** Rejects with what the process said where it ends before it is ready. */
  async start(
    id: number,
    { folder = String(id), overrides = {} as Record<string, string>, port = 0 } = {},
  ): Promise<void> {
    const settings = {
      'node.id': String(id),
      'etcd.endpoints': this.#endpoints,
      'etcd.prefix': prefix,
      ...overrides,
    }
    const process = new ServeProcess([
      ...['--port', String(port), '--data', join(this.#folder, folder)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ])
    const bootstrap = `127.0.0.1:${await process.ready()}`
    this.running.set(id, { process, bootstrap })
  }

  async kill(id: number): Promise<void> {
    await this.#end(id, 'SIGKILL')
  }

  /** Resolves with the exit code. */
  stop(id: number): Promise<number | null> {
    return this.#end(id, 'SIGTERM')
  }

  signal(id: number, signal: NodeJS.Signals): void {
    this.running.get(id)!.process.child.kill(signal)
  }

  client(id: number): Promise<TestClient> {
    return TestClient.connect(this.running.get(id)!.bootstrap)
  }

  async createTopic(
    name: string,
    partitions: number,
    replicas: number,
    configs: Record<string, string> = {},
  ): Promise<void> {
    using client = await this.client([...this.running.keys()][0]!)
    // Who has just started is known everywhere soon, not at once.
    await until(
      async () => (await client.send('Metadata', { topics: [] })).brokers.length === this.running.size,
    )
    const { topics } = await client.send('CreateTopics', {
      topics: [
        {
          ...{ name, numPartitions: partitions, replicationFactor: replicas },
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
    })
    if (topics[0]!.errorCode !== 0) throw new Error(`${name}: ${topics[0]!.errorMessage}`)
  }

  /** What the store says of a partition. */
  async partition(topic: string, partition = 0): Promise<PartitionValue> {
    const { topicId } = JSON.parse((await this.store.get(topicKey(topic)))!.value)
    return JSON.parse((await this.store.get(partitionKey(topicId, partition)))!.value)
  }

  async untilInSync(topic: string, ids: readonly number[], partition = 0): Promise<void> {
    const wanted = [...ids].sort().join()
    await until(async () => [...(await this.partition(topic, partition)).isr].sort().join() === wanted)
  }

  /** The leader as the brokers tell it, once they tell one that runs. */
  async leader(topic: string, partition = 0): Promise<Running & { id: number }> {
    for (;;) {
      for (const { bootstrap } of [...this.running.values()]) {
        const id = await leaderBy(bootstrap, topic, partition)
        const found = id === undefined ? undefined : this.running.get(id)
        if (found) return { id: id!, ...found }
      }
      await delay(5)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.running.values()) process.child.kill('SIGKILL')
    await Promise.all([...this.running.values()].map(({ process }) => process.ended))
    await this.store.close()
    await this.etcd[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #end(id: number, signal: NodeJS.Signals): Promise<number | null> {
    const { process } = this.running.get(id)!
    this.running.delete(id)
    return (await process.stop(signal)).code
  }
}

async function leaderBy(bootstrap: string, topic: string, partition: number): Promise<number | undefined> {
  try {
    using client = await TestClient.connect(bootstrap)
    const { topics } = await client.send('Metadata', { topics: [{ name: topic }] }, 8)
    const found = topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    return found?.errorCode === 0 ? found.leaderId : undefined
  } catch {
    return undefined
  }
}
