/**
 * A broker on a virtual machine: the real cluster, image, controller, partitions, fetchers and handlers, put together
 * as `createBroker` does it, without listeners and groups.
 */
import { pino } from 'pino'
import type { Fetch } from '../../lib/broker/fetch/fetch.js'
import { FetchSessions } from '../../lib/broker/fetch/fetch-sessions.js'
import { ReadReplicas } from '../../lib/broker/fetch/read-replicas.js'
import { deleteRecords } from '../../lib/broker/handlers/delete-records.js'
import { fetch } from '../../lib/broker/handlers/fetch.js'
import { produce } from '../../lib/broker/handlers/produce.js'
import { replicaProgress } from '../../lib/broker/handlers/replica-progress.js'
import { ImageFollower } from '../../lib/broker/image/image-follower.js'
import { replicasEnvironment } from '../../lib/broker/image/replicas-environment.js'
import { allowAll } from '../../lib/broker/pipeline/authorizer.js'
import { Pipeline } from '../../lib/broker/pipeline/pipeline.js'
import { unlimited } from '../../lib/broker/pipeline/quotas.js'
import { RefusalLog } from '../../lib/broker/refusal-log.js'
import type { BrokerServices } from '../../lib/broker/services.js'
import { Cluster } from '../../lib/cluster/index.js'
import { BrokerConfig } from '../../lib/config/index.js'
import type { FetchResponse, RequestOf, ResponseOf } from '../../lib/protocol/index.js'
import { type LeaderConnection, type LeaderDialler, Replicas } from '../../lib/replica/index.js'
import { DataFolder } from '../../lib/storage/index.js'
import type { VirtualDisk, VirtualRange } from './virtual-disk.js'
import {
  type ServedConnection,
  type Server,
  type VirtualConnection,
  type VirtualNetwork,
  VirtualSocket,
} from './virtual-network.js'
import type { VirtualStore } from './virtual-store.js'
import type { Host, VirtualTime } from './virtual-time.js'

export const dataDir = '/data'

const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

const handlers = [fetch, produce, replicaProgress, deleteRecords]
const versions = { Fetch: 17, Produce: 12, ReplicaProgress: 0, DeleteRecords: 2 }
type ServedApi = keyof typeof versions

/** What the machines of a cluster share. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly store: VirtualStore
  readonly hostOf: (address: string) => Host
  readonly properties: Readonly<Record<string, string>>
  /** Told when a producer is about to be: all is as it was when the broker decided. */
  readonly onProduced: (
    broker: SimulatedBroker,
    request: RequestOf<'Produce'>,
    answer: ResponseOf<'Produce'>,
  ) => void
}

export class SimulatedBroker implements Server {
  readonly nodeId: number
  readonly host: Host
  readonly disk: VirtualDisk
  readonly #around: Surroundings
  readonly #undo: (() => unknown)[] = []
  #services: BrokerServices | undefined
  #pipeline: Pipeline | undefined
  #advertised: () => void = () => {}
  readonly #ready = new Promise<void>((resolve) => {
    this.#advertised = resolve
  })

  constructor(nodeId: number, host: Host, disk: VirtualDisk, around: Surroundings) {
    this.nodeId = nodeId
    this.host = host
    this.disk = disk
    this.#around = around
  }

  get replicas(): Replicas | undefined {
    return this.#services?.replicas
  }

  get cluster(): Cluster | undefined {
    return this.#services?.cluster
  }

  /** Resolves when it serves. Rejects as `createBroker` does: the process ends then. */
  async start(): Promise<void> {
    const { store: sharedStore, network, hostOf, properties } = this.#around
    this.host.exists = (path) => this.disk.exists(path)
    this.host.read = (path) => this.disk.contentOf(path)
    this.host.connect = (_port, address) => new VirtualSocket(network, this.host, hostOf(address))
    const config = new BrokerConfig(
      new Map(Object.entries({ 'node.id': String(this.nodeId), 'log.dirs': dataDir, ...properties })),
    )
    const store = sharedStore.client(this.host)
    const { files, openLog } = this.disk
    const cluster = await Cluster.open({ dataDir, config, files, openLog, log, store })
    this.#undo.push(() => cluster.close())
    const folder = await DataFolder.open(dataDir, log, this.disk)
    const environment = { ...replicasEnvironment(cluster, config), dialLeader: this.#dialLeader }
    const replicas = new Replicas(folder, config, environment, log)
    this.#undo.push(() => replicas.close())
    const fetches = new Set<Fetch>()
    const follower = new ImageFollower(cluster, replicas, new Map(), log)
    const services = {
      authorizer: allowAll,
      quotas: unlimited,
      config,
      cluster,
      replicas,
      fetches,
      fetchSessions: new FetchSessions(() => config.get('max.incremental.fetch.session.cache.slots')),
      readReplicas: new ReadReplicas(cluster, config),
      refusals: new RefusalLog(log),
      log,
      settled: () => follower.settled(),
    } as Partial<BrokerServices> as BrokerServices
    this.#services = services
    this.#pipeline = new Pipeline(handlers, services)
    this.#undo.push(() => follower.close())
    await follower.start()
    await replicas.start()
    network.listen(this.host, this)
    this.#undo.push(() => {
      for (const each of fetches) each.finish()
    })
    await cluster.advertise([
      { name: 'PLAINTEXT', host: this.host.name, port: 9092, securityProtocol: 'PLAINTEXT' },
    ])
    this.#advertised()
    this.#undo.push(() => cluster.leave())
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo.reverse()) await undo()
  }

  async handle(api: string, request: unknown, connection: ServedConnection): Promise<unknown> {
    await this.#ready
    const pipeline = this.#pipeline!
    connection.session ??= pipeline.open(connection)
    const source = { session: connection.session, version: versions[api as ServedApi], clientId: null }
    const answer = await pipeline.answer(api as ServedApi, request as RequestOf<ServedApi>, source)
    if (api === 'Produce')
      this.#around.onProduced(this, request as RequestOf<'Produce'>, answer as ResponseOf<'Produce'>)
    return api === 'Fetch' ? asSent(answer as FetchResponse) : answer
  }

  readonly #dialLeader: LeaderDialler = async ({ host }, { timeoutMs, signal }) => {
    const { network, hostOf } = this.#around
    const connection = await network.dial(hostOf(host), timeoutMs)
    signal.addEventListener('abort', () => connection.close())
    if (signal.aborted) connection.close()
    return new VirtualLeaderConnection(connection, timeoutMs)
  }
}

class VirtualLeaderConnection implements LeaderConnection {
  readonly #connection: VirtualConnection
  readonly #timeoutMs: number

  constructor(connection: VirtualConnection, timeoutMs: number) {
    this.#connection = connection
    this.#timeoutMs = timeoutMs
  }

  get closed(): boolean {
    return this.#connection.closed
  }

  fetch(request: Parameters<LeaderConnection['fetch']>[0]): Promise<FetchResponse> {
    return this.#connection.request('Fetch', request, this.#timeoutMs) as Promise<FetchResponse>
  }

  tellProgress(progress: Parameters<LeaderConnection['tellProgress']>[0]): void {
    this.#connection.send('ReplicaProgress', progress)
  }

  close(): void {
    this.#connection.close()
  }
}

/** A response as its receiver decodes it: bytes instead of file ranges, defaults for what was left out. */
function asSent(answer: FetchResponse): FetchResponse {
  const responses = (answer.responses ?? []).map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((data) => {
      const range = data.records as unknown as VirtualRange | Uint8Array
      return {
        ...data,
        divergingEpoch: data.divergingEpoch ?? { epoch: -1, endOffset: -1 },
        records: range instanceof Uint8Array ? range : Buffer.from(range.bytes()),
      }
    }),
  }))
  return { ...answer, throttleTimeMs: 0, responses }
}
