/**
 * A whole broker, in this process: what `odradek serve` runs and what a program embeds. Several may run side by
 * side; they share the engine's threads and nothing else.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { resolve as absolute, join } from 'node:path'
import { type Logger, pino } from 'pino'
import { type BrokerEndpoint, Cluster, EtcdMetadataStore, type MetadataStore } from '../cluster/index.js'
import {
  BrokerConfig,
  type Endpoint,
  offsetsTopic,
  parseListeners,
  parseMetricsListener,
  setDataDir,
  setPort,
} from '../config/index.js'
import { GroupCoordinator } from '../coordinator/index.js'
import { LOCK_FILE } from '../log/log-file-names.js'
import { files, openLog } from '../native/index.js'
import type { FileLock } from '../native/types.js'
import { type Accept, ConnectionQuota, FrameBudget, type Listener, listen } from '../network/index.js'
import { Replicas } from '../replica/index.js'
import { DataFolder } from '../storage/index.js'
import { etcdOptions } from './configs/etcd-options.js'
import { groupSettings, networkLimits } from './configs/setting-views.js'
import { FetchSessions } from './fetch/fetch-sessions.js'
import { ReadReplicas } from './fetch/read-replicas.js'
import { OffsetsLog } from './groups/offsets-log.js'
import { handlers } from './handlers/index.js'
import { ImageFollower } from './image/image-follower.js'
import { replicasEnvironment } from './image/replicas-environment.js'
import { type BrokerClient, type BrokerClientOptions, InProcessClient } from './in-process/broker-client.js'
import type { MetricsListener } from './metrics/metrics-listener.js'
import { Traffic } from './metrics/traffic.js'
import { type Authorizer, allowAll } from './pipeline/authorizer.js'
import { createDispatch } from './pipeline/dispatch.js'
import { supportedApis } from './pipeline/handler.js'
import { Pipeline } from './pipeline/pipeline.js'
import { type Quotas, unlimited } from './pipeline/quotas.js'
import { ProducerIds } from './produce/producer-ids.js'
import { RefusalLog } from './refusal-log.js'
import type { BrokerServices } from './services.js'
import { TopicCreation } from './topics/topic-creation.js'

/** How long a stop waits for requests under way to be answered. */
const closeGraceMs = 1_000

/** How `createBroker` starts a broker. Every option may be left out. */
export interface BrokerOptions {
  /** Kafka's settings by name, as in `server.properties`. */
  properties?: Readonly<Record<string, string>>
  /** Port of the first listener; 0 takes a free one. Default: what `listeners` says, 9092. */
  port?: number
  /** Data folder, created if absent. Default: what `log.dirs` says, else a temporary folder, removed on close. */
  dataDir?: string
  /** Default: errors alone, on standard error. */
  log?: Logger
  /**
   * Where the brokers of one cluster keep its metadata: all of them are given stores with the same content, and
   * different `node.id`s. Closed by whoever gives it, after them. Default: the etcd that `etcd.endpoints` names;
   * without one this broker runs alone.
   */
  metadataStore?: MetadataStore
}

/** An address that the broker listens on. */
export interface BrokerListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** A running broker. `close`, or the end of an `await using` block, stops it. */
export interface Broker extends AsyncDisposable {
  readonly clusterId: string
  readonly nodeId: number
  readonly dataDir: string
  readonly listeners: readonly BrokerListener[]
  /** `host:port` of the first listener, as clients take it. */
  readonly bootstrap: string
  /** Where its metrics are served; undefined without `metrics.listener`. */
  readonly metricsUrl: string | undefined
  /**
   * Resolves with the reason where this broker can never serve again and is best closed: another one was started under
   * its `node.id`. Stays pending otherwise.
   */
  readonly failed: Promise<Error>
  /**
   * A client of this broker without a socket: its requests are authorized and charged as any others, under the
   * principal that it is given. It ends with the broker. Close each one that is not needed any more.
   */
  client(options?: BrokerClientOptions): BrokerClient
  /** Answers what is under way, writes everything to disk, releases the data folder. */
  close(): Promise<void>
}

/**
 * Starts a broker; resolves when it serves. Rejects with a ConfigError for wrong settings, with the engine's LOCKED
 * where another broker holds the data folder, with Node's EADDRINUSE where a port is taken.
 */
export function createBroker(options: BrokerOptions = {}): Promise<Broker> {
  return startBroker(options, {})
}

/** Parts of a broker that can be replaced by others of the same shape. */
export interface BrokerParts {
  /** Default: everybody may do everything. */
  authorizer?: Authorizer
  /** Default: nobody is throttled. */
  quotas?: Quotas
}

/** As `createBroker`, with parts of its own. */
export async function startBroker(options: BrokerOptions, parts: BrokerParts): Promise<Broker> {
  const settings = new Map(Object.entries(options.properties ?? {}))
  if (options.port !== undefined) setPort(settings, options.port)
  const isTemporary = options.dataDir === undefined && !settings.has('log.dirs') && !settings.has('log.dir')
  const dataDir = isTemporary ? await mkdtemp(join(tmpdir(), 'odradek-')) : options.dataDir
  if (dataDir !== undefined) setDataDir(settings, dataDir)
  const broker = new RunningBroker(
    new BrokerConfig(settings),
    options.log ?? pino({ level: 'error' }, pino.destination(2)),
    options.metadataStore,
    parts,
  )
  if (isTemporary) broker.onClosed(() => rm(dataDir!, { recursive: true, force: true }))
  try {
    await broker.start()
  } catch (error) {
    await broker.close()
    throw error
  }
  return broker
}

class RunningBroker implements Broker {
  readonly #config: BrokerConfig
  readonly #log: Logger
  readonly dataDir: string
  readonly #endpoints: readonly Endpoint[]
  readonly #store: MetadataStore | undefined
  readonly #parts: BrokerParts
  readonly #clients = new Set<InProcessClient>()
  #pipeline: Pipeline | undefined
  readonly #sockets: Listener[] = []
  /** Undone in reverse order on close. */
  readonly #undo: (() => unknown)[] = []
  #cluster: Cluster | undefined
  #metrics: MetricsListener | undefined
  readonly failed: Promise<Error>
  #fail!: (error: Error) => void
  #isStarted = false
  #closing: Promise<void> | undefined

  constructor(config: BrokerConfig, log: Logger, store: MetadataStore | undefined, parts: BrokerParts) {
    this.#parts = parts
    this.#config = config
    this.#store = store
    this.#log = log
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
    this.#endpoints = parseListeners(config).endpoints
    this.dataDir = absolute((config.get('log.dirs') ?? config.get('log.dir'))[0]!)
  }

  get clusterId(): string {
    return this.#cluster!.clusterId
  }

  get nodeId(): number {
    return this.#config.get('node.id')
  }

  get listeners(): readonly BrokerListener[] {
    return this.#sockets.map(({ listenerName, address, port }) => ({
      name: listenerName,
      host: address,
      port,
    }))
  }

  get bootstrap(): string {
    const [{ host, port }] = this.listeners as [BrokerListener]
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  }

  get metricsUrl(): string | undefined {
    return this.#metrics?.url
  }

  client(options?: BrokerClientOptions): BrokerClient {
    const client = new InProcessClient(this.#pipeline!, this.#endpoints[0]!.name, options)
    if (this.#closing) client.close('the broker is closed')
    this.#clients.add(client)
    client.onClose(() => this.#clients.delete(client))
    return client
  }

  onClosed(undo: () => unknown): void {
    this.#undo.unshift(undo)
  }

  async start(): Promise<void> {
    const config = this.#config
    await files.makeFolder(this.dataDir)
    const lock: FileLock = await files.lock(join(this.dataDir, LOCK_FILE))
    this.#undo.push(() => lock.release())

    const store = this.#store ?? (await this.#sharedStore())
    const cluster = await Cluster.open({
      dataDir: this.dataDir,
      config,
      files,
      openLog,
      log: this.#log,
      ...(store && { store }),
    })
    this.#cluster = cluster
    cluster.onFailed = (error) => this.#fail(error)
    this.#undo.push(() => cluster.close())

    const folder = await DataFolder.open(this.dataDir, this.#log)
    const replicas = new Replicas(folder, config, replicasEnvironment(cluster, config), this.#log)
    this.#undo.push(() => replicas.close())

    const groups = new GroupCoordinator({
      log: new OffsetsLog(replicas),
      settings: groupSettings(config, () => cluster.image.topic(offsetsTopic.name)?.partitions.length),
      logger: this.#log,
    })
    this.#undo.push(() => groups.close())
    // Groups wait for what they write; other replicas do not fetch it any more, the sockets are closed by then.
    this.#undo.push(() => replicas.takeOutOfService())

    const coordinators = new Map([[offsetsTopic.name, groups]])
    const follower = new ImageFollower(cluster, replicas, coordinators, this.#log)
    this.#undo.push(() => follower.close())
    await follower.start()
    await replicas.start()

    const settled = () => follower.settled()
    const metricsAddress = parseMetricsListener(config)
    const traffic = metricsAddress && new Traffic()
    const services: BrokerServices = {
      authorizer: this.#parts.authorizer ?? allowAll,
      quotas: this.#parts.quotas ?? unlimited,
      config,
      cluster,
      replicas,
      groups,
      coordinators,
      supportedApis: supportedApis(handlers),
      settled,
      log: this.#log,
      traffic,
      refusals: new RefusalLog(this.#log),
      fetches: new Set(),
      fetchSessions: new FetchSessions(() => config.get('max.incremental.fetch.session.cache.slots')),
      readReplicas: new ReadReplicas(cluster, config),
      producerIds: new ProducerIds(() => cluster.allocateProducerIds()),
      topicCreation: new TopicCreation(cluster, config, settled),
    }
    const pipeline = new Pipeline(handlers, services)
    if (traffic) {
      // Loaded where it is used: most brokers start without.
      const { MetricsListener } = await import('./metrics/metrics-listener.js')
      const listener = await MetricsListener.open(metricsAddress, { services, traffic }, this.#log)
      this.#metrics = listener
      this.#undo.push(() => listener.close())
      this.#log.info({ url: listener.url }, 'metrics are served')
    }
    const advertised = deferred()
    await this.#listen(createDispatch(pipeline), advertised.promise)
    this.#undo.push(() => Promise.all([...this.#clients].map((client) => client.end(closeGraceMs))))
    this.#undo.push(() => {
      for (const fetch of services.fetches) fetch.finish()
    })
    await cluster.advertise(this.#advertised())
    advertised.resolve()
    this.#pipeline = pipeline
    this.#undo.push(() => cluster.leave())
    this.#isStarted = true
    this.#log.info({ dataDir: this.dataDir, nodeId: this.nodeId, clusterId: this.clusterId }, 'started')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const failures: unknown[] = []
    // One that fails does not keep the rest from being let go, the lock of the data folder above all.
    for (const undo of this.#undo.reverse()) {
      try {
        await undo()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
    if (this.#isStarted) this.#log.info({ dataDir: this.dataDir }, 'stopped')
  }

  /** Binds the sockets; what clients send waits until the broker has `advertised` where it listens. */
  async #listen(dispatch: Accept, advertised: Promise<void>): Promise<void> {
    const { limits, stop } = networkLimits(this.#config)
    this.#undo.push(stop)
    const connections = new ConnectionQuota(limits)
    const queued = this.#config.get('queued.max.request.bytes')
    const budget = new FrameBudget(queued < 0 ? Number.POSITIVE_INFINITY : queued)
    let isAdvertised = false
    const ready = advertised.then(() => {
      isAdvertised = true
    })
    const accept: Accept = (connection) => {
      const handle = dispatch(connection)
      return (frame) => (isAdvertised ? handle(frame) : ready.then(() => handle(frame)))
    }
    for (const { name, host, port } of this.#endpoints) {
      const socket = await listen({
        listenerName: name,
        host,
        port,
        accept,
        limits,
        budget,
        connections,
        log: this.#log,
      })
      this.#sockets.push(socket)
      this.#undo.push(() => socket.close(closeGraceMs))
    }
  }

  /** The etcd that the settings name; undefined where this broker runs alone. */
  async #sharedStore(): Promise<MetadataStore | undefined> {
    const options = await etcdOptions(this.#config)
    if (!options) return undefined
    const store = await EtcdMetadataStore.open({ ...options, log: this.#log })
    this.#undo.push(() => store.close())
    return store
  }

  #advertised(): BrokerEndpoint[] {
    return this.#endpoints.map(({ name, protocol, advertisedHost, advertisedPort }, index) => ({
      name,
      host: advertisedHost,
      port: advertisedPort === 0 ? this.#sockets[index]!.port : advertisedPort,
      securityProtocol: protocol,
    }))
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
